"""The reference in docs/: collectors, metrics, YAML keys and checks, from what the code declares."""

from __future__ import annotations

import importlib
import inspect
import json
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins, yaml_file
from deckwatch.core.artifact import Artifact
from deckwatch.exporter import own
from deckwatch.exporter.collector import EVERY_COLLECTOR, Collector, load
from deckwatch.exporter.deviations import deviations
from deckwatch.instrument import metrics as instrument
from deckwatch.provisioning import schemas
from deckwatch.provisioning.schema_keys import Key, SchemaKeys, Section, to_inline_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.exporter.metric import Metric

HEAD = "<!-- Written by `deckwatch docs`; do not edit. -->\n"


def build_pages() -> list[Artifact]:
    """Return the pages that need no command line."""
    collectors = load()
    pages = {
        "collectors.md": _collectors_page(collectors),
        "metrics.md": _metrics_page(collectors),
        **dict(_key_pages()),
        "checks.md": _checks_page(),
        "deviations.md": _deviations_page(),
    }
    return [Artifact(name, HEAD + "\n".join(lines) + "\n") for name, lines in pages.items()]


def _collectors_page(collectors: Mapping[str, Collector]) -> Iterator[str]:
    yield "# Collectors\n"
    yield "A collector is chosen by its name or a prefix of it: `collect[]=host` on the page, `watch: {collectors:"
    yield "{off: [host_cpu]}}` in `deckwatch.yaml`. Its own figures are `deckwatch_collector_*{collector=…}`.\n"
    yield "| collector | shows | from | on by default | stands in for | most series |"
    yield "|---|---|---|---|---|---|"
    for name, one in collectors.items():
        peer = f"{one.peer[0]}_exporter's `{one.peer[1]}`" if one.peer else ""
        default = "yes" if one.default else "no"
        yield f"| `{name}` | {one.help} | {_table_cell(one.reads)} | {default} | {peer} | {one.budget:,} |"


def _metrics_page(collectors: Mapping[str, Collector]) -> Iterator[str]:
    yield "# Metrics\n"
    yield "`deckwatch metrics --format json` gives the same to a program. Labels that Prometheus adds (`job`,"
    yield "`instance`) are left out.\n"
    for name, one in collectors.items():
        yield f"## {name}\n"
        default = "On by default." if one.default else f"Off by default: `watch: {{collectors: {{on: [{name}]}}}}`."
        yield f"{one.help} From {one.reads}. {default}\n"
        yield from _metric_rows(one.metrics)
    yield f"## {EVERY_COLLECTOR}\n"
    yield "What a page tells of each collector, also in the words of the exporter that it stands in for.\n"
    yield from _metric_rows((*own.OWN, *(metric for pair in own.PEERS.values() for metric in pair)))
    yield "## deckwatch.instrument\n"
    yield "What an application shows that uses our middleware.\n"
    yield from _metrics_table(
        (name, kind, ", ".join(labels), unit, text) for name, kind, text, labels, unit in instrument.METRICS
    )


def _metric_rows(metrics: Iterable[Metric]) -> Iterator[str]:
    yield from _metrics_table((m.name, m.kind, ", ".join(m.labels), m.unit, m.help) for m in metrics)


def _metrics_table(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "| metric | kind | labels | unit | meaning |"
    yield "|---|---|---|---|---|"
    for name, *rest in rows:
        yield f"| `{name}` | " + " | ".join(_table_cell(text) for text in rest) + " |"
    yield ""


_INTRODUCTIONS = {
    "project": """# deckwatch.yaml

All keys are optional; a folder without the file means the shipped set. `deckwatch schema` writes this as
JSON Schema, for editors.
""",
    "dashboard": """# Dashboards

A file is a dashboard; its address comes from the names of its folder and its own. What a word of another section looks
like stands there. `deckwatch list panels` shows each panel by an example.
""",
    "alerts": """# Alerts

A file is a topic. `signals:` may stand in any file, and are told with the dashboards too.
""",
    "part": """# Parts

A file of the folder parts/ is a part, which dashboards take over by `use:`. Its panels and signals are told with the
dashboards.
""",
}
_HEADINGS = {"": "The file"}


def key_sections() -> dict[str, tuple[dict[str, Any], list[Section]]]:
    """Return the schema of each kind of file with the sections of its page: each is told once, on one page."""
    published = {file.path: json.loads(file.text) for file in schemas.schema_files()}
    found = {}
    elsewhere = {"panel_unknown", "changed"}  # these are the words of dashboards again
    for kind, name in schemas.NAMES.items():
        schema = published[name]
        found[kind] = (schema, [one for one in SchemaKeys(schema).iter_sections() if one.name not in elsewhere])
        if kind == "dashboard":
            elsewhere |= set(schema["$defs"])
    return found


def _key_pages() -> Iterator[tuple[str, Iterator[str]]]:
    """Yield a page for each kind of file, with every key and an example of it."""
    for kind, (_, sections) in key_sections().items():
        yield f"{kind}.md", _keys_page(_INTRODUCTIONS[kind], sections)


def _keys_page(introduction: str, sections: Iterable[Section]) -> Iterator[str]:
    yield introduction
    panels = [one for one in sections if one.name.startswith("panel_")]
    # What all panels understand is told once, before them.
    shared = set.intersection(*({key.path for key in one.keys} for one in panels)) if panels else set()
    for one in sections:
        if one not in panels:
            yield from _keys_table(_HEADINGS.get(one.name, one.name.replace("_", " ")), one.description, one.keys)
    if panels:
        yield from _keys_table("Every panel", "", [key for key in panels[0].keys if key.path in shared])
    for one in panels:
        own = [key for key in one.keys if key.path not in shared]
        yield from _keys_table(one.name.removeprefix("panel_").replace("_", " "), one.description, own)


def _keys_table(title: str, description: str, keys: Iterable[Key]) -> Iterator[str]:
    yield f"## {title}\n"
    if description:
        yield description + "\n"
    yield "| key | form | meaning | example |"
    yield "|---|---|---|---|"
    for key in keys:
        last = key.path.rpartition(".")[2].removesuffix("[]")
        example = _table_cell(f"{last}: {to_inline_yaml(key.example)}")
        yield f"| `{key.path}` | {_table_cell(key.form)} | {_table_cell(key.description)} | `{example}` |"
    yield ""


def _deviations_page() -> Iterator[str]:
    yield "# Where our metrics differ\n"
    yield "Names, types, units and labels are those of the exporters that this program stands in for. A test compares"
    yield "pages of theirs with ours; what differs is this, and nothing else. `*` stands for anything."
    for peer in dict.fromkeys(one.peer for one in deviations()):
        yield f"\n## {peer}\n"
        yield "| metric | difference | why |"
        yield "|---|---|---|"
        for one in deviations():
            if one.peer == peer:
                metrics = ", ".join(f"`{name}`" for name in one.metric.split())
                what = one.what + (": " + ", ".join(f"`{label}`" for label in one.labels) if one.labels else "")
                yield f"| {metrics} | {what} | {_table_cell(one.why)} |"


def _checks_page() -> Iterator[str]:
    yield "# Checks\n"
    yield "What `deckwatch check` and `deckwatch generate` find, besides YAML that does not parse and unknown keys."
    for package in ("dashboards", "alerting"):
        yield f"\n## {package.capitalize()}\n"
        for name, module in plugins.import_modules(importlib.import_module(f"deckwatch.{package}.checks")):
            yield f"### {name}\n"
            yield inspect.cleandoc(module.__doc__ or "") + "\n"
    yield "\n## Rules of other linters\n"
    yield "A test asks each of every shipped dashboard and alert."
    rules = yaml_file.read_yaml(plugins.package_folder(plugins.import_package("dashboards"), "linter.yaml")).data
    for linter, held in rules.items():
        yield f"\n| {linter} | held by |\n|---|---|"
        for rule, by in held.items():
            yield f"| {rule} | {_table_cell(by)} |"


def _table_cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

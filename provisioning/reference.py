"""The reference in docs/: collectors, metrics, YAML keys and checks, from what the code declares."""

from __future__ import annotations

import importlib
import inspect
import json
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins, yaml_file
from deckwatch.core.artifact import Artifact
from deckwatch.exporter import self_metrics
from deckwatch.exporter.collector import EVERY_COLLECTOR, Collector, load_collectors
from deckwatch.exporter.deviations import load_deviations
from deckwatch.instrument import metrics as instrument
from deckwatch.provisioning import schemas
from deckwatch.provisioning.keys import Key, Keys, Section, written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.exporter.metric import Metric

HEAD = "<!-- Written by `deckwatch docs`; do not edit. -->\n"


def artifacts() -> list[Artifact]:
    """Return the pages that need no command line."""
    collectors = load_collectors()
    pages = {
        "collectors.md": _collectors(collectors),
        "metrics.md": _metrics(collectors),
        **dict(_files()),
        "checks.md": _checks(),
        "deviations.md": _deviations(),
    }
    return [Artifact(name, HEAD + "\n".join(lines) + "\n") for name, lines in pages.items()]


def _collectors(collectors: Mapping[str, Collector]) -> Iterator[str]:
    yield "# Collectors\n"
    yield "A collector is chosen by its name or a prefix of it: `collect[]=host` on the page, `watch: {collectors:"
    yield "{off: [host_cpu]}}` in `deckwatch.yaml`. Its own figures are `deckwatch_collector_*{collector=…}`.\n"
    yield "| collector | shows | from | on by default | stands in for | most series |"
    yield "|---|---|---|---|---|---|"
    for name, one in collectors.items():
        peer = f"{one.peer[0]}_exporter's `{one.peer[1]}`" if one.peer else ""
        default = "yes" if one.default else "no"
        yield f"| `{name}` | {one.help} | {_cell(one.reads_from)} | {default} | {peer} | {one.budget:,} |"


def _metrics(collectors: Mapping[str, Collector]) -> Iterator[str]:
    yield "# Metrics\n"
    yield "`deckwatch metrics --format json` gives the same to a program. Labels that Prometheus adds (`job`,"
    yield "`instance`) are left out.\n"
    for name, one in collectors.items():
        yield f"## {name}\n"
        default = "On by default." if one.default else f"Off by default: `watch: {{collectors: {{on: [{name}]}}}}`."
        yield f"{one.help} From {one.reads_from}. {default}\n"
        yield from _of(one.metrics)
    yield f"## {EVERY_COLLECTOR}\n"
    yield "What a page tells of each collector, also in the words of the exporter that it stands in for.\n"
    yield from _of(self_metrics.ALL)
    yield "## deckwatch.instrument\n"
    yield "What an application shows that uses our middleware.\n"
    yield from _table(
        (name, kind, ", ".join(labels), unit, text) for name, kind, text, labels, unit in instrument.METRICS
    )


def _of(metrics: Iterable[Metric]) -> Iterator[str]:
    yield from _table((m.name, m.kind, ", ".join(m.labels), m.unit, m.help) for m in metrics)


def _table(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "| metric | kind | labels | unit | meaning |"
    yield "|---|---|---|---|---|"
    for name, *rest in rows:
        yield f"| `{name}` | " + " | ".join(_cell(text) for text in rest) + " |"
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


def told() -> dict[str, tuple[dict[str, Any], list[Section]]]:
    """Return the schema of each kind of file with the sections of its page: each is told once, on one page."""
    published = {file.path: json.loads(file.text) for file in schemas.files()}
    found = {}
    elsewhere = {"panel_unknown", "changed"}  # these are the words of dashboards again
    for kind, name in schemas.NAMES.items():
        schema = published[name]
        found[kind] = (schema, [one for one in Keys(schema).sections() if one.name not in elsewhere])
        if kind == "dashboard":
            elsewhere |= set(schema["$defs"])
    return found


def _files() -> Iterator[tuple[str, Iterator[str]]]:
    """Yield a page for each kind of file, with every key and an example of it."""
    for kind, (_, sections) in told().items():
        yield f"{kind}.md", _keys(_INTRODUCTIONS[kind], sections)


def _keys(introduction: str, sections: Iterable[Section]) -> Iterator[str]:
    yield introduction
    panels = [one for one in sections if one.name.startswith("panel_")]
    # What all panels understand is told once, before them.
    shared = set.intersection(*({key.path for key in one.keys} for one in panels)) if panels else set()
    for one in sections:
        if one not in panels:
            yield from _section(_HEADINGS.get(one.name, one.name.replace("_", " ")), one.description, one.keys)
    if panels:
        yield from _section("Every panel", "", [key for key in panels[0].keys if key.path in shared])
    for one in panels:
        own = [key for key in one.keys if key.path not in shared]
        yield from _section(one.name.removeprefix("panel_").replace("_", " "), one.description, own)


def _section(title: str, description: str, keys: Iterable[Key]) -> Iterator[str]:
    yield f"## {title}\n"
    if description:
        yield description + "\n"
    yield "| key | form | meaning | example |"
    yield "|---|---|---|---|"
    for key in keys:
        last = key.path.rpartition(".")[2].removesuffix("[]")
        example = _cell(f"{last}: {written(key.example)}")
        yield f"| `{key.path}` | {_cell(key.form)} | {_cell(key.description)} | `{example}` |"
    yield ""


def _deviations() -> Iterator[str]:
    yield "# Where our metrics differ\n"
    yield "Names, types, units and labels are those of the exporters that this program stands in for. A test compares"
    yield "pages of theirs with ours; what differs is this, and nothing else. `*` stands for anything."
    for peer in dict.fromkeys(one.peer for one in load_deviations()):
        yield f"\n## {peer}\n"
        yield "| metric | difference | why |"
        yield "|---|---|---|"
        for one in load_deviations():
            if one.peer == peer:
                metrics = ", ".join(f"`{name}`" for name in one.metric.split())
                what = one.what + (": " + ", ".join(f"`{label}`" for label in one.labels) if one.labels else "")
                yield f"| {metrics} | {what} | {_cell(one.why)} |"


def _checks() -> Iterator[str]:
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
            yield f"| {rule} | {_cell(by)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

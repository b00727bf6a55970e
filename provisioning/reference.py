"""The reference in docs/: collectors, metrics, YAML keys and checks, from what the code declares."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins, yamlfile
from deckwatch.core.artifact import Artifact
from deckwatch.core.project import project_schema
from deckwatch.instrument import metrics as instrument
from exporter import own
from exporter.collector import EVERY_COLLECTOR, Collector, load
from exporter.deviations import deviations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from exporter.metric import Metric

HEAD = "<!-- Written by `deckwatch docs`; do not edit. -->\n"
PACKAGES = ("exporter", "dashboards", "alerting", "provisioning")


def artifacts() -> list[Artifact]:
    """Return the pages that need no command line."""
    collectors = load()
    pages = {
        "collectors.md": _collectors(collectors),
        "metrics.md": _metrics(collectors),
        "project.md": _project(),
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
        yield f"| `{name}` | {one.help} | {_cell(one.reads)} | {default} | {peer} | {one.budget:,} |"


def _metrics(collectors: Mapping[str, Collector]) -> Iterator[str]:
    yield "# Metrics\n"
    yield "`deckwatch metrics --format json` gives the same to a program. Labels that Prometheus adds (`job`,"
    yield "`instance`) are left out.\n"
    for name, one in collectors.items():
        yield f"## {name}\n"
        default = "On by default." if one.default else f"Off by default: `watch: {{collectors: {{on: [{name}]}}}}`."
        yield f"{one.help} From {one.reads}. {default}\n"
        yield from _of(one.metrics)
    yield f"## {EVERY_COLLECTOR}\n"
    yield "What a page tells of each collector, also in the words of the exporter that it stands in for.\n"
    yield from _of((*own.OWN, *(metric for pair in own.PEERS.values() for metric in pair)))
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


def _project() -> Iterator[str]:
    found = [plugins.folder(importlib.import_module(name), "project.schema.yaml") for name in PACKAGES]
    schema = project_schema(path for path in found if path.is_file())
    yield "# deckwatch.yaml\n"
    yield "All keys are optional; a folder without the file means the shipped set. `deckwatch schema` writes this as"
    yield "JSON Schema, for editors.\n"
    yield "| key | form | meaning |"
    yield "|---|---|---|"
    yield from _keys(schema, schema["properties"], "")


def _keys(schema: dict[str, Any], properties: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, value in properties.items():
        one = _resolved(schema, value)
        path = f"{prefix}{key}"
        yield f"| `{path}` | {_cell(_form(schema, one))} | {_cell(one.get('description', ''))} |"
        yield from _keys(schema, one.get("properties", {}), path + ".")
        items = _resolved(schema, one.get("items", {}))
        yield from _keys(schema, items.get("properties", {}), path + "[].")
        extra = one.get("additionalProperties")
        if isinstance(extra, dict):
            yield from _keys(schema, _resolved(schema, extra).get("properties", {}), path + ".NAME.")


def _resolved(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    reference = value.get("$ref", "")
    return {**schema["$defs"][reference.rpartition("/")[2]], **value} if reference else value


def _form(schema: dict[str, Any], one: dict[str, Any]) -> str:
    if "enum" in one:
        return ", ".join(map(str, one["enum"]))
    if one.get("type") == "array":
        return f"list of {_form(schema, _resolved(schema, one.get('items', {})))}"
    kind = one.get("title") or one.get("type", "")
    return ", ".join(kind) if isinstance(kind, list) else {"object": "mapping", "string": "text"}.get(kind, kind)


def _deviations() -> Iterator[str]:
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
                yield f"| {metrics} | {what} | {_cell(one.why)} |"


def _checks() -> Iterator[str]:
    yield "# Checks\n"
    yield "What `deckwatch check` and `deckwatch generate` find, besides YAML that does not parse and unknown keys."
    for package in ("dashboards", "alerting"):
        yield f"\n## {package.capitalize()}\n"
        for name, module in plugins.modules(importlib.import_module(f"{package}.checks")):
            yield f"### {name}\n"
            yield inspect.cleandoc(module.__doc__ or "") + "\n"
    yield "\n## Rules of other linters\n"
    yield "A test asks each of every shipped dashboard and alert."
    rules = yamlfile.load_file(plugins.folder(importlib.import_module("dashboards"), "linter.yaml")).data
    for linter, held in rules.items():
        yield f"\n| {linter} | held by |\n|---|---|"
        for rule, by in held.items():
            yield f"| {rule} | {_cell(by)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")

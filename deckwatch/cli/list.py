"""`deckwatch list`: list shipped extensions."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from deckwatch.cli import _options, _show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Item(NamedTuple):
    """A shipped extension: its name, description, and a detail shown between the two."""

    name: str
    about: str
    detail: str = ""


def _list_collectors() -> Iterator[Item]:
    from deckwatch.exporter import collector

    for name, declaration in collector.load_collectors().items():
        yield Item(name, declaration.help, "" if declaration.default else "off by default")


def _list_dashboards() -> Iterator[Item]:
    for name, data in _read_documents("dashboards", "specs"):
        yield Item(name, data.get("about", ""), str(data.get("dashboard", "")))


def _list_panels() -> Iterator[Item]:
    return _first_comments("dashboards", "library", "panels")


def _list_alerts() -> Iterator[Item]:
    for topic, data in _read_documents("alerting", "rules"):
        for name, alert in (data.get("alerts") or {}).items():
            yield Item(name, alert.get("summary", ""), f"{topic}, {alert.get('severity', 'warning')}")


def _list_insights() -> Iterator[Item]:
    for name, data in _read_documents("provisioning", "insights", "library"):
        yield Item(name, data["insight"], data["severity"])


def _list_receivers() -> Iterator[Item]:
    return _first_comments("alerting", "library", "receivers")


def _list_checks() -> Iterator[Item]:
    from deckwatch.core import plugins

    for package in ("dashboards", "alerting"):
        for name, module in plugins.import_modules(importlib.import_module(f"deckwatch.{package}.checks")):
            yield Item(name, (module.__doc__ or "").strip().partition("\n")[0], package)


def _list_parts() -> Iterator[Item]:
    for name, data in _read_documents("dashboards", "parts"):
        taken = ", ".join(data.get("parameters") or {})
        yield Item(name, data.get("part", ""), f"takes {taken}" if taken else "")


def _list_dialects() -> Iterator[Item]:
    for name, data in _read_documents("provisioning", "dialects"):
        yield Item(name, data.get("about", ""))


def _list_templates() -> Iterator[Item]:
    from deckwatch.cli import new

    for folder in new.template_folders():
        title, about = new.read_summary(folder)
        yield Item(folder.name, about, title)


KINDS: dict[str, Callable[[], Iterator[Item]]] = {
    "collectors": _list_collectors,
    "dashboards": _list_dashboards,
    "parts": _list_parts,
    "panels": _list_panels,
    "alerts": _list_alerts,
    "insights": _list_insights,
    "receivers": _list_receivers,
    "checks": _list_checks,
    "dialects": _list_dialects,
    "templates": _list_templates,
}


@click.command("list")
@click.argument("kinds", metavar="[KIND]...", nargs=-1, type=click.Choice(list(KINDS)))
@_options.add_format_option
def command(kinds: tuple[str, ...], output: str) -> None:
    """List collectors, dashboards, parts, panels, alerts, insights, receivers, checks, dialects, templates.

    Select collectors by name or prefix (host_cpu, host), alerts and dashboards by name. `use:` includes a part in a
    dashboard, `speaks:` names the dialect of a page, and `deckwatch new` copies a template.
    """
    from rich import box
    from rich.table import Table

    items_by_kind = {kind: sorted(KINDS[kind]()) for kind in kinds or KINDS}
    if output == "json":
        _options.print_json({kind: [item._asdict() for item in items] for kind, items in items_by_kind.items()})
        return
    console = _show.create_console()
    for kind, items in items_by_kind.items():
        if not items:
            continue
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
        table.add_column(f"{len(items)} {kind}", style="bold", overflow="fold")
        if any(item.detail for item in items):
            table.add_column("", style="dim")
        table.add_column("")
        for name, about, word in items:
            table.add_row(name, *([word] if len(table.columns) == 3 else []), about)
        console.print(table)


def _read_documents(package: str, *folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and content of the YAML files below a shipped folder."""
    from deckwatch.core import yaml_file

    for name, path in _shipped_files(package, *folder, suffix=".yaml"):
        yield name, yaml_file.read_yaml(path).data


def _first_comments(package: str, *folder: str) -> Iterator[Item]:
    """Yield the Jsonnet files of a folder, described by the comment on their first line."""
    for name, path in _shipped_files(package, *folder, suffix=".libsonnet"):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        yield Item(name, first.removeprefix("//").strip() if first.startswith("//") else "")


def _shipped_files(package: str, *folder: str, suffix: str) -> Iterator[tuple[str, Path]]:
    from deckwatch.core import plugins

    root = plugins.package_folder(plugins.import_package(package), *folder)
    for path in plugins.list_files(root, suffix):
        yield path.relative_to(root).with_suffix("").as_posix(), path

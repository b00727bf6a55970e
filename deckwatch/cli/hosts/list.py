"""`deckwatch hosts list`: the machines that a project names, and where Prometheus looks for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from deckwatch.cli import _options, _show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deckwatch.core.project import Project


@click.command("list")
@_options.add_format_option
@click.pass_obj
def command(project: Path, /, *, output: str) -> None:
    """List the machines of `hosts:` and of inventories, with address, protection and position.

    Machines that Prometheus discovers are shown as one line for each list, without names: Prometheus shows them.
    """
    from rich import box
    from rich.table import Table

    from deckwatch.cli import _project
    from deckwatch.core.problems import InvalidInput
    from deckwatch.provisioning import host_targets

    loaded = _project.load_project(project)
    if problems := list(host_targets.find_problems(loaded)):
        if any(problem.severity == "error" for problem in problems):
            raise InvalidInput(problems)
        _show.print_problems(problems)
    rows = list(_list_rows(loaded))
    if output == "json":
        _options.print_json(rows)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for title in ("host", "address", "protection", "from"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row["name"] or "(discovered)", row["address"], row["protection"], row["place"])
    _show.create_console().print(table)


def _list_rows(project: Project) -> Iterator[dict[str, Any]]:
    """Yield name, address, protection and position of each machine or list of machines."""
    from deckwatch.exporter import host_list
    from deckwatch.provisioning import discovered_hosts, host_targets

    def describe(entry: Any) -> str:
        access = host_targets.read_access(project, entry)
        words = ["client certificate" if "cert_file" in access.get("tls_config", {}) else access.get("scheme", "")]
        return ", ".join(filter(None, [*words, "password" if "basic_auth" in access else ""])) or "none"

    for host in host_list.read_hosts(project).hosts:
        yield {
            "name": host.name,
            "address": host.address,
            "protection": describe(host.entry),
            "place": str(host.place),
        }
    for index, kind, entry in discovered_hosts.iter_entries(project):
        place = project.document.place(("hosts", index))
        name = discovered_hosts.name_entry(kind, entry)
        yield {"name": "", "address": name, "protection": describe(entry), "place": str(place)}

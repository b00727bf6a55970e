"""Which host of a project reads a database server or runs a probe: `from:` of the entry, by default the first host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import DeckwatchError, did_you_mean
from deckwatch.exporter import host_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.core.project import Project


def chosen_hosts(entry: Mapping[str, Any], hosts: Sequence[str]) -> list[str]:
    """Return the names of the hosts for an entry: those in `from`, by default the first; [] without hosts."""
    if "from" in entry:
        return [entry["from"]] if isinstance(entry["from"], str) else list(entry["from"])
    return list(hosts[:1])


def find_own_host(project: Project, nodename: str, chosen: str | None = None) -> str:
    """Return the name of this machine in `hosts:`; empty if no host is known to be this machine.

    It is the chosen one, or the one whose name or address is the machine's name, with or without its domain. Raises
    DeckwatchError if no host has the chosen name; where Prometheus discovers hosts, any name may be chosen.
    """
    known = host_list.read_hosts(project)
    names = known.names
    if chosen:
        if chosen not in names and not host_list.has_discoveries(project):
            hint = did_you_mean(chosen, names)
            raise DeckwatchError(f"no host in `hosts:` is called {chosen!r}" + (f"; {hint}" if hint else ""))
        return chosen
    wanted = {nodename.lower(), nodename.lower().partition(".")[0]} - {""}
    matches = [host.name for host in known.hosts if {host.name.lower(), _host_of(host.address)} & wanted]
    return matches[0] if len(matches) == 1 else ""


def explain_elsewhere(verb: str, entry: Mapping[str, Any], hosts: Sequence[str], own: str) -> str:
    """Return "probed from web-1" where other hosts than `own` do it; empty if it does, or if its name is unknown."""
    chosen = chosen_hosts(entry, hosts)
    return f"{verb} from {' and '.join(chosen)}" if own and chosen and own not in chosen else ""


def _host_of(address: str) -> str:
    return address.rpartition(":")[0].strip("[]").lower()

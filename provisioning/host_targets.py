"""The machines of `hosts:` as scrape targets, and how Prometheus authenticates to each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deckwatch.core.problems import Problem, did_you_mean
from deckwatch.exporter import host_list, placement
from deckwatch.provisioning import discovered_hosts
from deckwatch.provisioning.pki import project_certificates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from deckwatch.core.project import Project
    from deckwatch.core.yaml_file import Path

ACCESS = "__tmp_access"  # Prometheus reserves the prefix __tmp_ for users
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """One page to scrape: `address` is host:port; labels that begin with `__` control the scrape, the others remain."""

    address: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with an exporter. `access` is the label of its Access, empty for an unprotected one."""

    name: str
    address: str
    access: str = ""

    def to_target(self, **labels: str) -> Target:
        """Return the target of its page with these labels."""
        return Target(self.address, labels | ({ACCESS: self.access} if self.access else {}))


@dataclass(frozen=True, slots=True)
class Access:
    """How Prometheus reads one or several hosts or pages, which takes a scrape configuration of its own.

    `config` is its part of that, such as scheme, tls_config, basic_auth; `name` is the first host or page with it.
    """

    label: str
    name: str
    config: Mapping[str, Any]


def declared_hosts(project: Project) -> list[Host]:
    """Return the machines that `hosts:` and inventories name."""
    labels = [(access.config, access.label) for access in read_accesses(project)]
    return [
        Host(host.name, host.address, next((label for known, label in labels if known == config), ""))
        for host in host_list.read_hosts(project).hosts
        for config in [read_access(project, host.entry)]
    ]


def read_accesses(project: Project) -> list[Access]:
    """Return the distinct ways to authenticate to the protected machines of `hosts:`."""
    return list_accesses((host.name, read_access(project, host.entry)) for host in host_list.read_hosts(project).hosts)


def list_accesses(configs: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Access]:
    """Return the distinct parts of scrape configurations that are not empty, with the first name of each."""
    accesses: list[Access] = []
    for name, config in configs:
        if config and all(config != access.config for access in accesses):
            accesses.append(Access(str(len(accesses) + 1), name, config))
    return accesses


def parse_address(url: str) -> str:
    """Return the host:port of a URL, with the scheme's default port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or _PORTS[parts.scheme]}"


def read_discoveries(project: Project) -> list[dict[str, Any]]:
    """Return name and scrape configuration of each entry of `hosts:` that Prometheus discovers."""
    return [
        discovered_hosts.read_discovery(kind, entry, access=read_access(project, entry))
        for _, kind, entry in discovered_hosts.iter_entries(project)
    ]


def read_access(project: Project, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a scrape configuration with which an entry of `hosts:` is read; empty if unprotected.

    Unless the entry says otherwise, the certificates of `pki:` are used.
    """
    config = {key: entry[key] for key in ("scheme", "tls_config", "basic_auth") if key in entry}
    if not config.keys() & {"scheme", "tls_config"} and (shared := project_certificates.read_tls_config(project)):
        config["tls_config"] = shared
    scheme = config.get("scheme", "https" if "tls_config" in config else "http")
    return {} if config.keys() <= {"scheme"} and scheme == "http" else {**config, "scheme": scheme}


def find_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems of `hosts:` that neither the schema nor an inventory finds."""
    problem = project.document.problem
    for index, entry in enumerate(project.data.get("hosts", ())):
        yield from _find_entry_problems(project, index, entry)
        if entry.get("scheme") == "http" and "tls_config" in entry:
            yield problem(("hosts", index, "scheme"), "tls_config has no effect over http")
    hosts = host_list.read_hosts(project).hosts
    uses_pki = [host for host in hosts if not host.entry.keys() & {"scheme", "tls_config"}]
    yield from project_certificates.find_problems(project, uses_pki)
    first: dict[str, host_list.NamedHost] = {}
    for host in hosts:
        if host.name in first:
            message = f"duplicate host {host.name}: both would produce the same series"
            other = first[host.name].place
            hint = "give this one another name" + ("" if other.file == host.place.file else f"; the other is {other}")
            yield Problem(host.place, message, hint)
        first.setdefault(host.name, host)
    yield from _find_unknown_hosts(project, list(first))


def _find_entry_problems(project: Project, index: int, entry: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield the problems of an entry that is no host with a name, and of keys that its kind does not have."""
    kinds = {kind: host_list.import_inventory(kind) for kind in host_list.list_inventories()}
    kinds |= {kind: discovered_hosts.import_discovery(kind) for kind in discovered_hosts.list_discoveries()}
    given = [kind for kind in kinds if kind in entry]
    if len(given) + ("name" in entry) != 1:
        found = " and ".join([*given, *(["name"] if "name" in entry else [])]) or "none"
        message = f"expected a name and an address, or one of {', '.join(kinds)}; found {found}"
        yield project.document.problem(("hosts", index), message)
        return
    allowed: frozenset[str] = getattr(kinds[given[0]], "SHARED_KEYS", frozenset()) if given else frozenset()
    own = host_list.read_own_keys(kinds[given[0]]) if given else frozenset({"name", "address"})
    for key in entry.keys() - own - allowed - {"scheme", "tls_config", "basic_auth"}:
        others = [kind for kind, module in kinds.items() if key in host_list.read_own_keys(module)]
        others += [kind for kind, module in kinds.items() if key in getattr(module, "SHARED_KEYS", ())]
        message = f"{key} is for an entry with {' or '.join(f'`{kind}:`' for kind in others)}"
        yield project.document.problem(("hosts", index, key), message, key=True)


def _find_unknown_hosts(project: Project, known: list[str]) -> Iterator[Problem]:
    """Yield the hosts in `from` of database servers and probes that `hosts:` does not name, and entries without any."""
    watch = project.data.get("watch", {})
    entries = {
        (list_key, index): entry
        for list_key in ("postgres", "probes")
        for index, entry in enumerate(watch.get(list_key, ()))
    }
    for item, entry in entries.items():
        here: Path = ("watch", *item)
        if "from" not in entry and not known and host_list.has_discoveries(project):
            message = "no host reads this: those that Prometheus discovers have no name here"
            yield project.document.problem(here, message, "add the one that shall, with name and address, to `hosts:`")
        for position, name in enumerate(placement.chosen_hosts(entry, ())):
            if name not in known:
                path: Path = (*here, "from")
                path = path if isinstance(entry["from"], str) else (*path, position)
                hint = did_you_mean(name, known) if known else "declare the machines in `hosts:`"
                yield project.document.problem(path, f"no host is called {name!r}", hint)

"""The configuration of what is watched: the `watch:` block of the project file, and the environment."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from deckwatch.core import extras
from deckwatch.core.problems import DeckwatchError, did_you_mean
from deckwatch.exporter import host_list, placement, probe_entries, watch_extensions
from deckwatch.exporter.sources.pattern_fault import find_pattern_fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project

POSTGRES_DSN = "DECKWATCH_POSTGRES_DSN"

# The lists of `watch:`, and the keys of which each entry has exactly one; those of probes are files.
_ONE_OF = {"postgres": ("dsn_file", "dsn_env", "dsn_command", "dsn"), "probes": ()}
_FILTERS = ("interfaces", "disks", "mount_points", "filesystem_types", "units")  # of the host, by regular expressions
_FILE_SUFFIX = "_file"  # of keys that name a file

# A password in a connection string, as libpq accepts it: before the host of a URL, or as a parameter.
_PASSWORD = re.compile(r"^postgres(?:ql)?://[^:/@]*:[^/@]+@|(?:^|[\s?&])(?:ssl)?password\s*=\s*(?!'')[^\s&]")


def watch_config(
    project: Project, environment: Mapping[str, str] = os.environ, *, own_host: str = ""
) -> dict[str, Any]:
    """Return the validated `watch:` block, with paths relative to the project made absolute.

    The server in `DECKWATCH_POSTGRES_DSN` is appended to those of the file, unless one of them has it as `dsn_env`.
    Secrets are not read here but at every use.
    `own_host` is the name of this machine in `hosts:`, if known: entries of other hosts get the key `elsewhere`.
    Raises DeckwatchError if the variable is not a connection string, or if a server is configured without psycopg.
    """
    block = project.data.get("watch") or {}
    config = dict(block)
    servers = _entries_here("postgres", "read", project, own_host)
    if servers or environment.get(POSTGRES_DSN):
        extras.require_module("psycopg", "a PostgreSQL server is configured")
    watch_extensions.require_packages(block)
    if block.get("host"):
        config["host"] = _with_absolute_folders(block["host"], project.folder.absolute())
    config["probes"] = _entries_here("probes", "probed", project, own_host)
    probe_entries.require_packages([entry for entry in config["probes"] if "elsewhere" not in entry])
    for key in watch_extensions.list_keys():
        if isinstance(block.get(key), list):
            config[key] = _entries_here(key, "read", project, own_host)
        elif key in block and not watch_extensions.is_of_every_host(key) and _is_elsewhere(project, own_host):
            config[key] = {}  # what is no list has no `from`: the first host shows it
    if environment.get(POSTGRES_DSN) and all(entry.get("dsn_env") != POSTGRES_DSN for entry in servers):
        used = {entry["name"] for entry in servers}
        servers.append({"name": _server_name(environment[POSTGRES_DSN], used), "dsn_env": POSTGRES_DSN})
    config["postgres"] = servers
    return config


def collector_switches(config: Mapping[str, Any]) -> dict[str, bool]:
    """Return the words of `watch: collectors:`, True where they enable collectors."""
    block = config.get("collectors") or {}
    return dict.fromkeys(block.get("on") or [], True) | dict.fromkeys(block.get("off") or [], False)


def collector_budgets(config: Mapping[str, Any]) -> dict[str, int]:
    """Return the words of `watch: collectors: budget:` with the maximum number of series."""
    return (config.get("collectors") or {}).get("budget") or {}


def find_problems(project: Project, words: Collection[str]) -> Iterator[Problem]:
    """Yield the problems of `watch:` and of inventories that the schema does not cover.

    `words` are collectors' names and prefixes.
    """
    yield from host_list.read_hosts(project).problems
    block = project.data.get("watch") or {}
    problem = project.document.problem
    for key in ("on", "off", "budget"):
        entries = (block.get("collectors") or {}).get(key) or []
        for index, word in ((word, word) for word in entries) if isinstance(entries, dict) else enumerate(entries):
            if word not in words:
                hint = did_you_mean(word, words)
                message = f"unknown collector {word!r}"
                yield problem(("watch", "collectors", key, index), message, hint, key=key == "budget")
    for path, pattern in _regular_expressions(block):
        if fault := find_pattern_fault(pattern):
            yield problem(("watch", *path), fault)
    for key, choices in _ONE_OF.items():
        seen: set[tuple[str, str]] = set()
        for index, entry in enumerate(block.get(key) or []):
            path = ("watch", key, index)
            if key == "postgres" and _PASSWORD.search(entry.get("dsn", "")):
                message = "the dsn contains a password: put it into a file and name that in dsn_file"
                yield problem((*path, "dsn"), message)
            given = [choice for choice in choices if choice in entry]
            if key == "probes":
                for keys, message in probe_entries.find_entry_problems(entry, block):
                    yield problem((*path, *keys), message)
            elif len(given) != 1:
                actual = f"not {' and '.join(given)}" if given else "found none"
                yield problem(path, f"expected one of {', '.join(choices)}; {actual}")
            # Names are labels: two entries with the same name would yield the same series.
            service, name = entry.get("service", ""), entry.get("name", "")
            if (service, name) in seen and name:
                yield problem((*path, "name"), f"duplicate name {name!r}")
            elif (service, name) in seen:
                hint = "give this probe a name, or both"
                yield problem((*path, "service"), f"duplicate probe of {service!r}", hint)
            seen.add((service, name))
    yield from watch_extensions.find_settings_problems(project)


def _regular_expressions(block: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the regular expressions of a `watch:` block with their paths."""
    for key in _FILTERS:
        for word, pattern in ((block.get("host") or {}).get(key) or {}).items():
            yield ("host", key, word), pattern
    for index, entry in enumerate(block.get("postgres") or []):
        for key in ("databases", "statement_users"):
            for word, pattern in (entry.get(key) or {}).items():
                yield ("postgres", index, key, word), pattern


def _entries_here(key: str, verb: str, project: Project, own_host: str) -> list[dict[str, Any]]:
    """Return the entries of a list of `watch:`; those of other hosts with the key `elsewhere`, which names them."""
    hosts = host_list.read_hosts(project).names
    entries = []
    for entry in (project.data.get("watch") or {}).get(key) or []:
        elsewhere = placement.explain_elsewhere(verb, entry, hosts, own_host)
        paths_absolute = _with_absolute_paths(entry, project.folder.absolute())
        entries.append(paths_absolute | ({"elsewhere": elsewhere} if elsewhere else {}))
    return entries


def _is_elsewhere(project: Project, own_host: str) -> bool:
    hosts = host_list.read_hosts(project).names
    return bool(placement.explain_elsewhere("shown", {}, hosts, own_host))


def _with_absolute_folders(host: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the block `host:` with absolute folders in `textfile`; those of the project start with `./`."""
    if "textfile" not in host:
        return dict(host)
    patterns = [host["textfile"]] if isinstance(host["textfile"], str) else host["textfile"]
    return {**host, "textfile": [str(folder / pattern) for pattern in patterns]}


def _with_absolute_paths(entry: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return an entry with absolute paths, also in its options that are mappings; labels are no options."""
    absolute: dict[str, Any] = {}
    for key, value in entry.items():
        if isinstance(value, str) and key.endswith(_FILE_SUFFIX):
            absolute[key] = str(folder / value)
        elif isinstance(value, dict) and not key.endswith("labels"):
            absolute[key] = _with_absolute_paths(value, folder)
        else:
            absolute[key] = value
    return absolute


def _server_name(dsn: str, used: Collection[str]) -> str:
    """Return the host in a connection string, or `postgres` for a socket or a name already used."""
    from psycopg import ProgrammingError  # noqa: PLC0415 - only where a database is configured
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        host = str(conninfo_to_dict(dsn).get("host") or "")
    except ProgrammingError:
        # Not the library's message: it contains the string, and so the password.
        raise DeckwatchError(f"{POSTGRES_DSN} is not a PostgreSQL connection string") from None
    name = host.partition(",")[0]
    if not name or name.startswith(("/", "@")) or name in used:
        name = "postgres"
    if name in used:
        raise DeckwatchError(f"the server in {POSTGRES_DSN} needs the name {name!r}, which deckwatch.yaml already uses")
    return name

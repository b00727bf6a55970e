"""What is watched: the `watch:` block of the project file and the environment, as `World.config` holds it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from deckwatch.core.problems import DeckwatchError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project

POSTGRES_DSN = "DECKWATCH_POSTGRES_DSN"

# Lists of what is watched, and the keys of which an entry has exactly one.
_ONE_OF = {"postgres": ("dsn_file", "dsn_env", "dsn_command", "dsn"), "probes": ("http", "tcp")}
_FILTERS = ("interfaces", "disks", "mount_points", "filesystem_types", "units")  # of the host, by regular expressions
_FILES = ("dsn_file", "ca_file")

# A password in a connection string, as libpq reads one: in front of the host of a URL, or as a parameter of its own.
_PASSWORD = re.compile(r"^postgres(?:ql)?://[^:/@]*:[^/@]+@|(?:^|[\s?&])(?:ssl)?password\s*=\s*(?!'')[^\s&]")


def watch_config(project: Project, environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return the checked `watch:` block, with the files' paths relative to the project made absolute.

    A server that `DECKWATCH_POSTGRES_DSN` gives stands behind those of the file. The secrets themselves stay where
    they are: who needs one reads it at every use. Raises DeckwatchError for a variable that is no connection string.
    """
    block = project.data.get("watch") or {}
    config = dict(block)
    servers = [_with_absolute_paths(entry, project) for entry in block.get("postgres") or []]
    config["probes"] = [_with_absolute_paths(entry, project) for entry in block.get("probes") or []]
    if environment.get(POSTGRES_DSN):
        taken = {entry["name"] for entry in servers}
        servers.append({"name": _server_name(environment[POSTGRES_DSN], taken), "dsn_env": POSTGRES_DSN})
    config["postgres"] = servers
    return config


def collector_switches(config: Mapping[str, Any]) -> dict[str, bool]:
    """Return the words of `watch: collectors:` with whether they turn on or off."""
    block = config.get("collectors") or {}
    return dict.fromkeys(block.get("on") or [], True) | dict.fromkeys(block.get("off") or [], False)


def collector_budgets(config: Mapping[str, Any]) -> dict[str, int]:
    """Return the words of `watch: collectors: budget:` with the most series that they allow."""
    return (config.get("collectors") or {}).get("budget") or {}


def find_problems(project: Project, words: Collection[str]) -> Iterator[Problem]:
    """Yield what is wrong with `watch:` beyond its structure; `words` are collectors' names and prefixes."""
    block = project.data.get("watch") or {}
    problem = project.document.problem
    for key in ("on", "off", "budget"):
        said = (block.get("collectors") or {}).get(key) or []
        for where, word in ((one, one) for one in said) if isinstance(said, dict) else enumerate(said):
            if word not in words:
                hint = did_you_mean(word, words)
                told = f"no collector is called {word!r}"
                yield problem(("watch", "collectors", key, where), told, hint, key=key == "budget")
    for path, pattern in _regular_expressions(block):
        try:
            re.compile(pattern)
        except re.error as error:
            yield problem(("watch", *path), f"not a regular expression: {error}")
    for key, choices in _ONE_OF.items():
        seen: set[tuple[str, str]] = set()
        for index, entry in enumerate(block.get(key) or []):
            path = ("watch", key, index)
            if key == "postgres" and _PASSWORD.search(entry.get("dsn", "")):
                message = "the dsn holds a password: put it into a file and name it in dsn_file"
                yield problem((*path, "dsn"), message)
            given = [choice for choice in choices if choice in entry]
            if len(given) != 1:
                said = f"not {' and '.join(given)}" if given else "none of them is there"
                yield problem(path, f"expected one of {', '.join(choices)}; {said}")
            # Names are labels: two of the same would be the same series.
            service, name = entry.get("service", ""), entry.get("name", "")
            if (service, name) in seen and name:
                yield problem((*path, "name"), f"{name!r} stands above already; names must differ")
            elif (service, name) in seen:
                hint = "give this probe a name, or both"
                yield problem((*path, "service"), f"{service!r} is probed above already", hint)
            seen.add((service, name))


def _regular_expressions(block: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield the regular expressions of a `watch:` block with their paths in it."""
    for key in _FILTERS:
        for word, pattern in ((block.get("host") or {}).get(key) or {}).items():
            yield ("host", key, word), pattern
    for index, entry in enumerate(block.get("postgres") or []):
        for word, pattern in (entry.get("databases") or {}).items():
            yield ("postgres", index, "databases", word), pattern


def _with_absolute_paths(entry: Mapping[str, Any], project: Project) -> dict[str, Any]:
    folder = project.folder.absolute()
    return {key: str(folder / value) if key in _FILES else value for key, value in entry.items()}


def _server_name(dsn: str, taken: Collection[str]) -> str:
    """Return the host that a connection string names, or `postgres` for a socket or where the name is taken."""
    from psycopg import ProgrammingError  # noqa: PLC0415 - only where a database is configured
    from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415

    try:
        host = str(conninfo_to_dict(dsn).get("host") or "")
    except ProgrammingError:
        # Not from the library's error: its text holds the string, and that a password.
        raise DeckwatchError(f"{POSTGRES_DSN} is not a PostgreSQL connection string") from None
    name = host.partition(",")[0]
    if not name or name.startswith(("/", "@")) or name in taken:
        name = "postgres"
    if name in taken:
        raise DeckwatchError(f"{POSTGRES_DSN} gives a server whose name {name!r} stands in deckwatch.yaml already")
    return name

"""The entries of `watch: probes:` before any of them runs: their names, addresses, and the label `instance`."""

from __future__ import annotations

import functools
import importlib
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deckwatch.core import plugins, yaml_file
from deckwatch.exporter import probes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import ModuleType


def name_probe(entry: Mapping[str, Any]) -> str:
    """Return the service, followed by the probe's own name where it has one: the value of the parameter `probe`."""
    return f"{entry['service']}/{entry['name']}" if entry.get("name") else str(entry["service"])


@functools.cache
def list_kinds() -> list[str]:
    """Return the kinds of probes, which are keys of an entry."""
    return plugins.module_names(probes)


def find_kind(entry: Mapping[str, Any]) -> str:
    """Return the kind of a probe; empty if its entry has none."""
    return next((kind for kind in list_kinds() if kind in entry), "")


def probe_address(entry: Mapping[str, Any]) -> str:
    """Return the probed URL or HOST:PORT without user, password and query, which labels must not show.

    A kind of probes whose entries have something else there says what, by `name_address`.
    """
    kind = find_kind(entry)
    if kind and hasattr(module := _import_kind(kind), "name_address"):
        return str(module.name_address(entry))
    target = str(entry.get(kind, ""))
    if "://" not in target:
        return target
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def find_entry_problems(
    entry: Mapping[str, Any], watch: Mapping[str, Any] | None = None
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield problems that the schema cannot find in an entry: the path of a key, or () for the entry, and a message.

    `watch` is the block with the entry.
    """
    given = [kind for kind in list_kinds() if kind in entry]
    if len(given) != 1:
        actual = f"not {' and '.join(given)}" if given else "found none"
        yield (), f"expected one of {', '.join(list_kinds())}; {actual}"
        return
    module = _import_kind(given[0])
    shared: frozenset[str] = getattr(module, "SHARED_KEYS", frozenset())
    for kind in list_kinds():
        for key in sorted((_declared_keys(kind) - shared) & entry.keys()) if kind != given[0] else ():
            yield (key,), f"{key} is for a probe with `{kind}:`, and this one has `{given[0]}:`"
    if "key_file" in entry and "cert_file" not in entry:
        yield ("key_file",), "a key needs the certificate in `cert_file`"
    if hasattr(module, "find_entry_problems"):
        yield from module.find_entry_problems(entry)
    if watch is not None and hasattr(module, "find_watch_problems"):
        yield from module.find_watch_problems(entry, watch)


def require_packages(entries: Sequence[Mapping[str, Any]]) -> None:
    """Raise DeckwatchError if a package that a kind of probe in these entries needs is not installed."""
    for entry in filter(find_kind, entries):
        module = _import_kind(find_kind(entry))
        if hasattr(module, "require_packages"):
            module.require_packages(entry)


def _import_kind(kind: str) -> ModuleType:
    return importlib.import_module(f"{probes.__name__}.{kind}")


@functools.cache
def _declared_schemas(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the schemas of the keys that a kind of probe declares for its entries."""
    schema = yaml_file.read_yaml(plugins.package_folder(probes, f"{kind}.schema.yaml"))
    schemas: Mapping[str, Mapping[str, Any]] = schema.data["$defs"]["watch_probe"]["properties"]
    return schemas


def _declared_keys(kind: str) -> frozenset[str]:
    """Return the keys of entries that a kind of probe declares."""
    return frozenset(_declared_schemas(kind))


def probe_instances(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the label `instance` of each probe, by its name: its address, with the name where several share one."""
    counts = Counter(map(probe_address, entries))
    return {
        name_probe(entry): probe_address(entry)
        if counts[probe_address(entry)] == 1
        else f"{probe_address(entry)} ({name_probe(entry)})"
        for entry in entries
    }

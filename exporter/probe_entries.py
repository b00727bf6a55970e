"""The entries of `watch: probes:` before any of them runs: their names, addresses, and the label `instance`."""

from __future__ import annotations

import functools
import importlib
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from deckwatch.core import plugins, yaml_file
from deckwatch.exporter import probes
from deckwatch.exporter.sources.pattern_fault import find_pattern_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PATTERN = "regex"  # the format of a key whose value is a regular expression, as JSON Schema calls it


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
    """Return the probed URL or HOST:PORT without user, password and query, which labels must not show."""
    target = str(entry.get(find_kind(entry), ""))
    if "://" not in target:
        return target
    parts = urlsplit(target)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def find_entry_problems(entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield what the schema cannot find in an entry: the path of a key in it, or () for the entry, and a message."""
    given = [kind for kind in list_kinds() if kind in entry]
    if len(given) != 1:
        actual = f"not {' and '.join(given)}" if given else "found none"
        yield (), f"expected one of {', '.join(list_kinds())}; {actual}"
        return
    for kind in list_kinds():
        for key in sorted(_declared_keys(kind).keys() & entry.keys()) if kind != given[0] else ():
            yield (key,), f"{key} is for a probe with `{kind}:`, and this one has `{given[0]}:`"
    if "key_file" in entry and "cert_file" not in entry:
        yield ("key_file",), "a key needs the certificate in `cert_file`"
    yield from _find_pattern_problems(given[0], entry)
    module = importlib.import_module(f"{probes.__name__}.{given[0]}")
    if hasattr(module, "find_entry_problems"):
        yield from module.find_entry_problems(entry)


def _find_pattern_problems(kind: str, entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the faults of regular expressions, whose keys have `format: regex` in the schema."""
    for key in sorted(_declared_keys(kind).keys() & entry.keys()):
        schema, value = _declared_keys(kind)[key], entry[key]
        patterns: Mapping[tuple[str, ...], str] = {}
        if schema.get("format") == _PATTERN:
            patterns = {(key,): value}
        elif isinstance(value, dict) and (schema.get("additionalProperties") or {}).get("format") == _PATTERN:
            patterns = {(key, name): pattern for name, pattern in value.items()}
        for path, pattern in patterns.items():
            if fault := find_pattern_fault(pattern):
                yield path, fault


@functools.cache
def _declared_keys(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the keys of entries that a kind of probe declares, with their schemas."""
    schema = yaml_file.read_yaml(plugins.package_folder(probes, f"{kind}.schema.yaml"))
    keys: Mapping[str, Mapping[str, Any]] = schema.data["$defs"]["watch_probe"]["properties"]
    return keys


def probe_instances(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the label `instance` of each probe, by its name: its address, with the name where several share one."""
    counts = Counter(map(probe_address, entries))
    return {
        name_probe(entry): probe_address(entry)
        if counts[probe_address(entry)] == 1
        else f"{probe_address(entry)} ({name_probe(entry)})"
        for entry in entries
    }

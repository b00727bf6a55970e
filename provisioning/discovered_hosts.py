"""Hosts that Prometheus itself discovers: entries of `hosts:` with a kind of discovery, a file in `discoveries/`.

Each becomes one scrape configuration per job of the contract, whose relabelling sets the labels of the contract.
"""

from __future__ import annotations

import functools
import importlib
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins
from deckwatch.provisioning import discoveries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from deckwatch.core.project import Project


@functools.cache
def list_discoveries() -> list[str]:
    """Return the kinds of discovery, which are keys of an entry."""
    return plugins.module_names(discoveries)


def import_discovery(kind: str) -> ModuleType:
    """Import the module of a kind of discovery."""
    return importlib.import_module(f"{discoveries.__name__}.{kind}")


def find_discovery(entry: Mapping[str, Any]) -> str:
    """Return the kind of discovery of an entry of `hosts:`; empty if it has none."""
    return next((kind for kind in list_discoveries() if kind in entry), "")


def iter_entries(project: Project) -> Iterator[tuple[int, str, Mapping[str, Any]]]:
    """Yield index, kind and entry of each entry of `hosts:` that Prometheus discovers."""
    for index, entry in enumerate(project.data.get("hosts") or ()):
        if kind := find_discovery(entry):
            yield index, kind, entry


def name_entry(kind: str, entry: Mapping[str, Any]) -> str:
    """Return the kind and its value in one line, such as `dns _deckwatch._tcp.internal`."""
    value = entry[kind]
    return f"{kind} {' '.join(value) if isinstance(value, list) else value}"


def read_discovery(kind: str, entry: Mapping[str, Any], *, access: Mapping[str, Any]) -> dict[str, Any]:
    """Return the common part of the scrape configurations of an entry; `access` is how its hosts are scraped.

    `config` is the mechanism, with the steps of relabelling that set the label `instance`.
    """
    config = import_discovery(kind).build_config(entry)
    [mechanism] = [key for key in config if key.endswith("_sd_configs")]
    extra = dict(entry.get("discovery_access", {}))
    if "authorization" in extra:  # Prometheus 2.42 has no default for the type there
        extra["authorization"] = {"type": "Bearer", **extra["authorization"]}
    if "refresh_interval" in entry:
        extra["refresh_interval"] = entry["refresh_interval"]
    config[mechanism] = [{**each, **extra} for each in config[mechanism]]
    relabelling = [*config.get("relabel_configs", ()), *entry.get("relabel_configs", ())]
    return {"name": name_entry(kind, entry), "config": {**access, **config, "relabel_configs": relabelling}}

"""Keys of `watch:` that belong to one collector: `collectors/app_sql.schema.yaml` declares the key `sql` of app_sql.

The collector's module may define more functions for its key:

    find_settings_problems(project)   yields the Problems that the schema cannot find
    list_declared_metrics(block)      yields a MetricInfo for each metric that the user declares there
    require_packages(block)           raises DeckwatchError if a package that they need is not installed

and `ON_EVERY_HOST = True` for a key that is a mapping and holds for each host, not for the first one alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from deckwatch.core import plugins
from deckwatch.exporter import collectors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType

    from deckwatch.core.catalog import MetricInfo
    from deckwatch.core.problems import Problem
    from deckwatch.core.project import Project

_SUFFIX = ".schema.yaml"


def list_keys() -> dict[str, str]:
    """Return the keys of `watch:` that collectors declare, with the collectors' names."""
    paths = sorted(plugins.package_folder(collectors).glob("*" + _SUFFIX))
    names = [path.name.removesuffix(_SUFFIX) for path in paths]
    return {name.partition("_")[2]: name for name in names}


def find_settings_problems(project: Project) -> Iterator[Problem]:
    """Yield the problems that collectors find in their keys of a project."""
    for _, module in _used_modules(project.data.get("watch") or {}):
        if hasattr(module, "find_settings_problems"):
            yield from module.find_settings_problems(project)


def list_declared_metrics(watch: Mapping[str, Any]) -> Iterator[MetricInfo]:
    """Yield the metrics that a `watch:` block declares under the keys of collectors."""
    for key, module in _used_modules(watch):
        if hasattr(module, "list_declared_metrics"):
            yield from module.list_declared_metrics(watch[key])


def require_packages(watch: Mapping[str, Any]) -> None:
    """Raise DeckwatchError if a package that a `watch:` block needs is not installed."""
    for key, module in _used_modules(watch):
        if hasattr(module, "require_packages"):
            module.require_packages(watch[key])


def is_of_every_host(key: str) -> bool:
    """Return whether a key that is a mapping holds for every host of a project."""
    module = importlib.import_module(f"{collectors.__name__}.{list_keys()[key]}")
    return bool(getattr(module, "ON_EVERY_HOST", False))


def _used_modules(watch: Mapping[str, Any]) -> Iterator[tuple[str, ModuleType]]:
    """Yield the keys that are used, with the collectors' modules: the others are not imported."""
    for key, name in list_keys().items():
        if watch.get(key):
            yield key, importlib.import_module(f"{collectors.__name__}.{name}")

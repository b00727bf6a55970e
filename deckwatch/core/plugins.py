"""Discovery of extensions: each is one file, found by listing its folder, without an index to edit."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


# The packages at the top of the repository; `deckwatch/` links to them, and a wheel contains them there.
PACKAGES = ("exporter", "dashboards", "alerting", "provisioning")
# Folders of extensions that declare keys of `deckwatch.yaml`.
_EXTENSIONS_WITH_KEYS = ("collectors", "probes", "inventories", "discoveries")


def import_package(name: str) -> ModuleType:
    """Import one of `PACKAGES` by its short name."""
    return importlib.import_module(f"deckwatch.{name}")


def schema_fragments() -> list[Path]:
    """Return the paths of the fragments of the schema of `deckwatch.yaml`: the packages', then those of extensions."""
    folders = [package_folder(import_package(name)) for name in PACKAGES]
    paths = [folder / "project.schema.yaml" for folder in folders]
    extensions = sorted(
        path for folder in folders for kind in _EXTENSIONS_WITH_KEYS for path in folder.glob(f"{kind}/*.schema.yaml")
    )
    return [*(path for path in paths if path.is_file()), *extensions]


def module_names(package: ModuleType) -> list[str]:
    """Return the names of a package's modules, sorted, without helpers (names that begin with `_`)."""
    return sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_"))


def import_modules(package: ModuleType) -> Iterator[tuple[str, ModuleType]]:
    """Import every module of a package and yield it with its name, the id of the extension."""
    for name in module_names(package):
        yield name, importlib.import_module(f"{package.__name__}.{name}")


def package_folder(package: ModuleType, *parts: str) -> Path:
    """Return the path of a data folder inside a package."""
    return Path(package.__path__[0], *parts)


def list_files(root: Path, suffix: str) -> list[Path]:
    """Return the files below a folder with this suffix, sorted, without hidden files and helpers (`_name`)."""
    if not root.is_dir():
        return []
    files = (path for path in root.rglob(f"*{suffix}") if path.is_file())
    return sorted(path for path in files if not any(part[0] in "._" for part in path.relative_to(root).parts))

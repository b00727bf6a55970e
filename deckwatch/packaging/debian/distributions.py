"""Which Python distributions a Debian package bundles, and copies of their files."""

from __future__ import annotations

import importlib.metadata
import shutil
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.metadata import Distribution
    from pathlib import Path

    from deckwatch.packaging.debian.target_platform import Platform

# Where pip wrote it and from what: not part of the package, and not the same in two builds.
_OF_INSTALLER = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


def find_required(
    name: str, extras: Iterable[str], path: Sequence[Path], platform: Platform
) -> dict[str, Distribution]:
    """Return the distributions that one requires with extras on a platform, itself included, by name; from `path`."""
    known: dict[str, Distribution] = {}
    for found in importlib.metadata.distributions(path=[str(folder) for folder in path]):
        known.setdefault(canonicalize_name(found.name), found)
    required: dict[str, Distribution] = {}
    pending = [Requirement(f"{name}[{','.join(extras)}]")]
    visited: set[tuple[str, str]] = set()
    while pending:
        wanted = pending.pop()
        found = known[canonicalize_name(wanted.name)]
        required[canonicalize_name(wanted.name)] = found
        for extra in ("", *wanted.extras):
            if (wanted.name, extra) in visited:
                continue
            visited.add((wanted.name, extra))
            requirements = map(Requirement, found.requires or ())
            pending += [
                each
                for each in requirements
                if each.marker is None or each.marker.evaluate(platform.markers | {"extra": extra})
            ]
    return required


def copy_files(found: Distribution, folder: Path) -> None:
    """Copy the files of a distribution into a folder, without scripts, compiled modules and pip's own records."""
    for file in found.files or ():
        source = found.locate_file(file)
        if ".." in file.parts or file.parts[0] == "bin" or file.suffix == ".pyc" or file.name in _OF_INSTALLER:
            continue
        target = folder / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(source), target)

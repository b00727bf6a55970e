"""The extras of the distribution, and what to say where a package that one of them installs is missing."""

from __future__ import annotations

import importlib.util
import re
from collections import defaultdict
from pathlib import Path

from deckwatch.core.problems import DeckwatchError

_DISTRIBUTION = "deckwatch"
_DEBIAN_SITE = Path("/usr/lib/deckwatch")  # of the Debian package, whose other package has what is not there
_REQUIREMENT = re.compile(r"""(?P<name>[\w.-]+).*;.*extra == ['"](?P<extra>[\w-]+)['"]""")
# Modules that are not named after their distribution.
_MODULES = {
    "_jsonnet": "jsonnet",
    "arro3": "arro3-io",
    "dns": "dnspython",
    "grpc": "grpcio",
    "grpc_health": "grpcio-health-checking",
}


def describe_missing_module(module: str, preferred: str = "") -> str | None:
    """Return the package to install for a module that was not found; None if no extra contains it, which is a bug.

    The message names the preferred extra if it contains the package, else the smallest that does, from the metadata of
    the installed distribution (Requires-Dist).
    """
    top = module.partition(".")[0]
    package = _MODULES.get(top, top.replace("_", "-"))
    packages = _packages_by_extra()
    extras = sorted((extra != preferred, len(names), extra) for extra, names in packages.items() if package in names)
    if not extras:
        return None
    if Path(__file__).is_relative_to(_DEBIAN_SITE):
        return f"the package {package} is not installed: apt install deckwatch-generate"
    *_, extra = extras[0]
    everything = "" if extra == "all" else ", or 'deckwatch[all]' for everything"
    return f"the package {package} is not installed: pip install 'deckwatch[{extra}]'{everything}"


def require_module(module: str, purpose: str, preferred: str = "") -> None:
    """Raise DeckwatchError with `purpose` and what to install, if possible the preferred extra, without a module."""
    if not _is_installed(module):
        missing = (
            describe_missing_module(module, preferred) or f"the package {module} is not installed: pip install {module}"
        )
        raise DeckwatchError(f"{purpose}: {missing}")


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # the package that contains the module
        return False


def _packages_by_extra() -> dict[str, set[str]]:
    """Return the names of the packages that each extra installs."""
    import importlib.metadata  # noqa: PLC0415 - imports half of `email`, for a rare message

    packages: dict[str, set[str]] = defaultdict(set)
    try:
        requirements = importlib.metadata.requires(_DISTRIBUTION) or ()
    except importlib.metadata.PackageNotFoundError:  # run from a folder that is not installed
        return packages
    for requirement in requirements:
        if match := _REQUIREMENT.match(requirement):
            packages[match["extra"]].add(match["name"])
    return packages

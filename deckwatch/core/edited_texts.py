"""Texts of files that are edited and not yet written: checks read them instead of the files."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_texts: ContextVar[Mapping[Path, str]] = ContextVar("texts", default=MappingProxyType({}))


@contextlib.contextmanager
def use_texts(texts: Mapping[Path, str]) -> Iterator[None]:
    """Make `yaml_file.read_text` return these texts, by resolved path, meanwhile."""
    token = _texts.set(texts)
    try:
        yield
    finally:
        _texts.reset(token)


def find_text(path: Path) -> str | None:
    """Return the edited text of a file, None if it is not edited."""
    texts = _texts.get()
    return texts.get(path.resolve()) if texts else None

"""The source lines that are printed below problems, with whatever may be a secret masked."""

from __future__ import annotations

import contextlib
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from deckwatch.core.excerpt import mask_lines
from deckwatch.core.harmless_values import HarmlessValues
from deckwatch.core.project import FILE

if TYPE_CHECKING:
    from collections.abc import Sequence

_YAML = (".yaml", ".yml")


class ExcerptMasker:
    """Masks the lines of users' files by the schema of each. A process builds the schemas once, when needed."""

    def __init__(self) -> None:
        self._schemas: dict[str, HarmlessValues] | None = None

    def mask_text(self, file: str, text: str) -> Sequence[str]:
        """Return the lines of a YAML file as they may be shown; none for another file, whose values have no keys."""
        if PurePath(file).suffix not in _YAML or not text:
            return ()
        return mask_lines(text, self._find_schema(PurePath(file).name, text))

    def _find_schema(self, name: str, text: str) -> HarmlessValues | None:
        """Return the schema of a project's file by its name, of others by their first keys."""
        if self._schemas is None:
            self._schemas = _load_schemas()
        if name == FILE:
            return self._schemas.get("project")
        keys = {line.partition(":")[0] for line in text.splitlines() if line[:1].isalpha()}
        others = [values for kind, values in self._schemas.items() if kind != "project"]
        return max(others, key=lambda values: len(keys & values.top_level_keys), default=None)


@cache
def _load_schemas() -> dict[str, HarmlessValues]:
    from deckwatch.core import yaml_file

    # Without an extra that a kind of file needs, every value of it is masked.
    contents: dict[str, Any] = {}
    with contextlib.suppress(ModuleNotFoundError):
        from deckwatch.exporter.protection import webconfig
        from deckwatch.textfile import plan_reader

        files = {"web": webconfig.SCHEMA, "plan": plan_reader.SCHEMA}
        contents |= {kind: yaml_file.read_yaml(path).data for kind, path in files.items()}
    with contextlib.suppress(ModuleNotFoundError):
        from deckwatch.provisioning import schemas

        contents = schemas.build_schemas() | contents
    return {kind: HarmlessValues(content) for kind, content in contents.items()}

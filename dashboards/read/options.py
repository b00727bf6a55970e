"""Typed access to the keys of a mapping in a dashboard file.

The schema has checked their types; a value of another type, in a file that is checked only in part, counts as absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.json_types import as_list, as_object, as_objects, as_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from deckwatch.core.json_types import JsonValue, StrictMapping, StrictObject

Quantity = str | float


class Options:
    """The keys of one mapping."""

    def __init__(self, data: Mapping[str, JsonValue]) -> None:
        self._data = data

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def get_value(self, key: str) -> JsonValue:
        """Return the value as it is; None if absent."""
        return self._data.get(key)

    def get_text(self, key: str, default: str = "") -> str:
        """Return a text."""
        return as_text(self._data.get(key), default)

    def get_optional_text(self, key: str) -> str | None:
        """Return a text, which may be empty; None if absent."""
        value = self._data.get(key)
        return value if isinstance(value, str) else None

    def get_number(self, key: str) -> int | None:
        """Return a whole number; None if absent."""
        value = self._data.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def get_flag(self, key: str, *, default: bool = False) -> bool:
        """Return a switch."""
        value = self._data.get(key)
        return value if isinstance(value, bool) else default

    def get_texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(map(str, as_list(self._data.get(key))))

    def get_optional_texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts; None if absent."""
        return self.get_texts(key) if key in self._data else None

    def get_object(self, key: str) -> StrictObject:
        """Return a mapping."""
        return as_object(self._data.get(key))

    def get_objects(self, key: str) -> list[StrictObject]:
        """Return a list of mappings."""
        return as_objects(self._data.get(key))

    def get_text_map(self, key: str) -> dict[str, str]:
        """Return a mapping to texts."""
        return {name: str(value) for name, value in self.get_object(key).items()}

    def get_quantities(self, keys: Collection[str]) -> dict[str, Quantity]:
        """Return those of the keys that hold a number or a quantity such as 80%, in the order of `keys`."""
        found = {key: self._data.get(key) for key in keys}
        return {
            key: value
            for key, value in found.items()
            if isinstance(value, str | int | float) and not isinstance(value, bool)
        }

    def select(self, keys: Collection[str]) -> StrictMapping:
        """Return those of the keys that are present, in the order of `keys`."""
        return {key: self._data[key] for key in keys if key in self._data}

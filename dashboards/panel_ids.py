"""Numbers of panels, made from their names and not their positions: a new panel leaves links to the others alone."""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_ID = 255  # Grafana keeps the panels that an annotation is drawn on as bytes


def assign_ids(keys: Sequence[str]) -> list[int]:
    """Return an id from 1 to 255 for each of these names.

    Collisions are resolved by hash and never by order, so that moving panels changes no id. Raises ValueError for more
    than 255 names, or for a duplicate.
    """
    if len(keys) > MAX_ID:
        raise ValueError(f"a dashboard has at most {MAX_ID} panels and rows, not {len(keys)}")
    if len(set(keys)) != len(keys):
        raise ValueError("two panels have the same name")
    return list(_resolve_ids(tuple(keys)))


@functools.lru_cache(maxsize=1024)  # used by rendering, links and lists of queries
def _resolve_ids(keys: tuple[str, ...]) -> tuple[int, ...]:
    taken: dict[int, str] = {}
    for key in sorted(keys, key=_hash_name):
        attempt = 0
        number = _hash_name(key) % MAX_ID + 1
        while number in taken:
            attempt += 1
            number = _hash_name(f"{key}#{attempt}") % MAX_ID + 1
        taken[number] = key
    ids = {key: number for number, key in taken.items()}
    return tuple(ids[key] for key in keys)


def _hash_name(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")

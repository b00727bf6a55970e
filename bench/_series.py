"""Pages in the text format as sets of series, and the number of series that pages share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LABEL = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_PER_PROCESS = (b"go_", b"process_", b"promhttp_", b"scrape_", b"deckwatch_")

Key = tuple[bytes, ...]


@dataclass(frozen=True)
class Series:
    """The number of a page's series, and the keys by which they are compared."""

    count: int
    keys: list[Key]

    @classmethod
    def from_page(cls, page: bytes) -> Series:
        keys = [_series_key(line) for line in page.splitlines() if line and not line.startswith(b"#")]
        return cls(len(keys), [key for key in keys if key])

    def count_shared(self, others: Iterable[Series]) -> int:
        """Return how many of these series the others have too.

        Series of containers are compared by metric, container id and name, since labels such as `cpu` and `device`
        differ by design; all others by every label except `server`, which only deckwatch has. Metrics of the exporting
        process itself are never shared.
        """
        known = {key for other in others for key in other.keys}
        return sum(1 for key in self.keys if key in known)


def _series_key(line: bytes) -> Key:
    name, brace, rest = line.partition(b"{")
    name = name.split(b" ", 1)[0]
    if name.startswith(_PER_PROCESS):
        return ()
    labels = dict(_LABEL.findall(rest[: rest.rfind(b"}")])) if brace else {}
    if name.startswith(b"container_"):
        return name, labels.get(b"id", b""), labels.get(b"name", b"")
    return (name, *(key + b"=" + labels[key] for key in sorted(labels) if key != b"server"))

"""Views: what each one asks Prometheus for, and in which shape it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Shape = Literal["value", "rows", "series"]
SHAPES: tuple[Shape, ...] = ("value", "rows", "series")


@dataclass(frozen=True, slots=True)
class Query:
    """One query in its shape. `exprs` are PromQL by the word that chooses one; '' if there is no choice.

    Windows of rates are `$__rate_interval`. `range_seconds` and `step_seconds` (None: by the range) belong to series.
    """

    shape: Shape
    exprs: Mapping[str, str]
    range_seconds: float = 3600.0
    step_seconds: float | None = None
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A named query, or a mapping of fields to queries and further mappings.

    `paths` are other paths of it; `{metric}` in one of them stands for a choice.
    """

    name: str
    about: str
    content: Content
    paths: tuple[str, ...] = ()

    def list_choices(self) -> list[str]:
        """Return the words for `metric=`, the default first."""
        words = [word for query in iter_queries(self.content) for word in query.exprs if word]
        return list(dict.fromkeys(words))

    @property
    def has_range(self) -> bool:
        """Whether `range=` has an effect."""
        return any(query.shape == "series" for query in iter_queries(self.content))


Content = Query | dict[str, "Content"]


def iter_queries(content: Content) -> Iterator[Query]:
    """Yield the queries of a view in order."""
    if isinstance(content, Query):
        yield content
        return
    for part in content.values():
        yield from iter_queries(part)

"""How the container collectors write: a line of the page is made anew only where what it says has changed.

Of two hundred containers most do nothing for most of the time. Their files say the same as at the last scrape, so the
lines made of them are still true, and reading the files is all that they cost.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from deckwatch.exporter.metric import Lines, escape_label
from deckwatch.exporter.world import Reading, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from deckwatch.exporter.metric import Metric, Sample
    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.world import World

_NOT_READ = object()
_MAX_ENDINGS = 20_000  # past that they are made anew, so that names that come and go cost nothing


class LabelledContainer(Protocol):
    """A container, and its labels as a line of the page begins with them: `{id="…",name="…"`."""

    @property
    def container(self) -> Container: ...
    @property
    def label_prefix(self) -> str: ...


T = TypeVar("T", bound=LabelledContainer)


class _Row:
    """One container's lines: for each metric one text, of as many lines as it has series there."""

    __slots__ = ("labelled", "raw", "read", "texts")

    def __init__(self, thing: LabelledContainer, read: Callable[[], Any]) -> None:
        self.labelled = thing
        self.read = read
        self.raw: Any = _NOT_READ
        self.texts: tuple[bytes, ...] = ()


class _Table:
    """What one collector wrote at its last scrape: rows by container, and their lines by metric."""

    def __init__(self) -> None:
        self.containers: Sequence[LabelledContainer] = ()
        self.rows: list[_Row] = []
        self.lines: list[Lines] = []


class _Tables(Source):
    """The tables by the collectors' first metrics, and endings of lines, which are the same for many containers."""

    def __init__(self, _world: World) -> None:
        self.by_collector: defaultdict[str, _Table] = defaultdict(_Table)
        self.endings: dict[tuple[Metric, tuple[str, ...]], str] = {}


def write_lines(
    world: World,
    metrics: Sequence[Metric],
    containers: Sequence[T],
    make_reader: Callable[[T], Callable[[], Any]],
    to_samples: Callable[[T, Any], Iterable[Sample]],
) -> Iterator[Lines]:
    """Yield the lines of each metric over all containers.

    `reader` gives for one of them a function that returns what the kernel says, in anything that can be compared.
    `show` makes samples of that, with the labels only that stand behind those of all containers, and with finite
    numbers. What is wrong with one container is raised at the end, when the others are written.
    """
    tables = world.source(_Tables)
    table = tables.by_collector[metrics[0].name]
    changed = containers is not table.containers
    if changed:
        _match_rows(table, containers, make_reader)
    fault: Exception | None = None
    for row in table.rows:
        try:
            raw = row.read()
            if raw != row.raw:
                changed = True
                row.texts = _render_row(
                    tables, metrics, row.labelled.label_prefix, to_samples(cast("T", row.labelled), raw)
                )
                row.raw = raw
        except Exception as caught:  # noqa: BLE001 - raised below
            changed = True
            row.raw, row.texts = _NOT_READ, ()
            fault = fault or caught
    if changed:
        columns = zip(*(row.texts for row in table.rows if row.texts), strict=True)
        table.lines = [make_lines(metric, texts) for metric, texts in zip(metrics, columns, strict=False)]
    yield from table.lines
    if fault is not None:
        raise fault


def write_reading(
    world: World,
    metrics: Sequence[Metric],
    containers: Reading[Sequence[T]],
    make_reader: Callable[[T], Callable[[], Any]],
    to_samples: Callable[[T, Any], Iterable[Sample]],
) -> Reading[Iterator[Lines]]:
    """Return the lines of `write_lines`, as old as the containers' reading."""
    return Reading(write_lines(world, metrics, containers.value, make_reader, to_samples), containers.at)


def no_reader(_: LabelledContainer) -> Callable[[], None]:
    """Return a reader for what stands in the container itself: what is made of it stays until that is another."""
    return lambda: None


def make_lines(metric: Metric, texts: Sequence[bytes]) -> Lines:
    """Return lines with their number."""
    return Lines(metric, texts, sum([text.count(b"\n") for text in texts]))


def _match_rows(table: _Table, things: Sequence[T], reader: Callable[[T], Callable[[], Any]]) -> None:
    """Give each container its row: the one of last time if nothing about the container itself has changed."""
    before = {row.labelled.container.id: row for row in table.rows}
    table.rows = []
    for thing in things:
        row = before.get(thing.container.id)
        table.rows.append(row if row is not None and row.labelled == thing else _Row(thing, reader(thing)))
    table.containers = things


def _render_row(tables: _Tables, metrics: Sequence[Metric], tags: str, samples: Iterable[Sample]) -> tuple[bytes, ...]:
    texts = dict.fromkeys(metrics, "")
    for metric, more, value in samples:
        ending = tables.endings.get((metric, more)) or _line_ending(tables, metric, more)
        texts[metric] += f"{metric.name}{tags}{ending}{value!r}\n"
    return tuple([text.encode() for text in texts.values()])


def _line_ending(tables: _Tables, metric: Metric, more: tuple[str, ...]) -> str:
    """Return what stands between a container's labels and the value: the labels that only this metric has."""
    if len(tables.endings) >= _MAX_ENDINGS:
        tables.endings.clear()
    names = metric.labels[len(metric.labels) - len(more) :] if more else ()
    pairs = "".join(f',{key}="{escape_label(value)}"' for key, value in zip(names, more, strict=True) if value)
    found = tables.endings[metric, more] = pairs + "} "
    return found

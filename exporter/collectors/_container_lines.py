"""How the container collectors write: a line of the page is made anew only where what it says has changed.

Of two hundred containers most do nothing for most of the time. Their files say the same as at the last scrape, so the
lines made of them are still true, and reading the files is all that they cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from exporter.metric import Lines, escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from exporter.metric import Metric, Sample
    from exporter.sources.container import Container
    from exporter.world import World

_MOST_ENDINGS = 20_000  # past that they are made anew, so that names that come and go cost nothing


class Thing(Protocol):
    """A container, and its labels as a line of the page begins with them: `{id="…",name="…"`."""

    @property
    def container(self) -> Container: ...
    @property
    def tags(self) -> str: ...


T = TypeVar("T", bound=Thing)


class _Row:
    """One container's lines: for each metric one text, of as many lines as it has series there."""

    __slots__ = ("container", "raw", "tags", "texts")

    def __init__(self, thing: Thing, raw: Any, texts: tuple[str, ...]) -> None:
        self.container = thing.container
        self.tags = thing.tags
        self.raw = raw
        self.texts = texts


class _Kept:
    """What each collector wrote at its last scrape: rows by container, and their lines by metric."""

    def __init__(self, _world: World) -> None:
        self.rows: dict[str, dict[str, _Row]] = {}
        self.lines: dict[str, list[Lines]] = {}
        self.endings: dict[tuple[Metric, tuple[str, ...]], str] = {}

    def close(self) -> None:
        """Nothing is held."""


def write(
    world: World,
    metrics: Sequence[Metric],
    things: Iterable[T],
    read: Callable[[T], Any],
    show: Callable[[T, Any], Iterable[Sample]],
) -> Iterator[Lines]:
    """Yield the lines of each metric over all containers.

    `read` returns what the kernel says of one, in anything that can be compared, and `show` makes samples of it, with
    the labels only that stand behind those of all containers and with finite numbers of the kernel's or the engine's.
    What is wrong with one container is raised at the end, when the others are written.
    """
    kept = world.source(_Kept)
    name = metrics[0].name
    before = kept.rows.get(name, {})
    rows: dict[str, _Row] = {}
    fault: Exception | None = None
    changed = False
    for thing in things:
        container = thing.container
        row = before.get(container.id)
        try:
            raw = read(thing)
            if row is None or row.raw != raw or row.container is not container or row.tags != thing.tags:
                row = _Row(thing, raw, _texts(kept, metrics, thing.tags, show(thing, raw)))
                changed = True
        except Exception as caught:  # noqa: BLE001 - raised below
            fault = fault or caught
            continue
        rows[container.id] = row
    if changed or len(rows) != len(before):
        columns = zip(*(row.texts for row in rows.values()), strict=True)
        kept.lines[name] = [lines(metric, texts) for metric, texts in zip(metrics, columns, strict=False)]
    kept.rows[name] = rows
    yield from kept.lines.get(name, ())
    if fault is not None:
        raise fault


def lines(metric: Metric, texts: Sequence[str]) -> Lines:
    """Return lines with their number."""
    return Lines(metric, texts, sum(text.count("\n") for text in texts))


def _texts(kept: _Kept, metrics: Sequence[Metric], tags: str, samples: Iterable[Sample]) -> tuple[str, ...]:
    texts = dict.fromkeys(metrics, "")
    for metric, more, value in samples:
        ending = kept.endings.get((metric, more)) or _ending(kept, metric, more)
        texts[metric] += f"{metric.name}{tags}{ending}{value!r}\n"
    return tuple(texts.values())


def _ending(kept: _Kept, metric: Metric, more: tuple[str, ...]) -> str:
    """Return what stands between a container's labels and the value: the labels that only this metric has."""
    names = metric.labels[len(metric.labels) - len(more) :] if more else ()
    if len(kept.endings) >= _MOST_ENDINGS:
        kept.endings.clear()
    pairs = "".join(f',{key}="{escape(value)}"' for key, value in zip(names, more, strict=True) if value)
    found = kept.endings[metric, more] = pairs + "} "
    return found

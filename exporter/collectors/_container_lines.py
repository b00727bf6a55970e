"""Lines of the page for container collectors, rendered again only when a container's values have changed.

Most of two hundred containers are idle most of the time. Their files read the same as at the last scrape, so their
lines are still valid and a scrape costs only the reading.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, cast

from deckwatch.exporter.metric import Lines, Metric, escape_label
from deckwatch.exporter.world import Reading, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.world import World

_NOT_READ = object()
_MAX_ENDINGS = 20_000  # the cache is cleared beyond that, so that short-lived label values do not accumulate


class ContainerSample(NamedTuple):
    """One value of one container: `extra_labels` are the labels after those that all container metrics have."""

    metric: Metric
    extra_labels: tuple[str, ...]
    value: float


class ContainerMetric(Metric):
    """A metric with the labels of containers; calling it takes only the values of the extra labels."""

    __slots__ = ()

    def __call__(self, value: float, *extra_labels: str) -> ContainerSample:  # type: ignore[override]  # no page sample
        """Return a sample for `write_lines`, which adds the container's own labels."""
        return ContainerSample(self, extra_labels, value)


class LabelledContainer(Protocol):
    """A container and the beginning of its lines' labels: `{id="…",name="…"`."""

    @property
    def container(self) -> Container: ...
    @property
    def label_prefix(self) -> str: ...


T = TypeVar("T", bound=LabelledContainer)


class _Row:
    """One container's lines: one text per metric, which may hold several lines."""

    __slots__ = ("labelled", "raw", "read", "texts", "values")

    def __init__(self, labelled: LabelledContainer, read: Callable[[], Any]) -> None:
        self.labelled = labelled
        self.read = read
        self.raw: Any = _NOT_READ
        self.texts: tuple[bytes, ...] = ()
        self.values: list[ContainerSample] = []  # of metrics that hold a state


class _Table:
    """One collector's output at its last scrape: rows by container, and their lines by metric."""

    def __init__(self) -> None:
        self.containers: Sequence[LabelledContainer] = ()
        self.rows: list[_Row] = []
        self.columns: list[tuple[bytes, ...]] = []  # the rows' texts by metric
        self.lines: list[Lines] = []


class _Tables(Source):
    """Tables by the name of a collector's first metric, and line endings, which many containers share."""

    def __init__(self, _world: World) -> None:
        self.by_collector: defaultdict[str, _Table] = defaultdict(_Table)
        self.endings: dict[tuple[Metric, tuple[str, ...]], str] = {}


def write_lines(
    world: World,
    metrics: Sequence[Metric],
    containers: Sequence[T],
    make_reader: Callable[[T], Callable[[], Any]],
    to_samples: Callable[[T, Any], Iterable[ContainerSample]],
) -> Iterator[Lines]:
    """Yield each metric's lines over all containers: the same object as at the last scrape if they are unchanged.

    `make_reader` returns, for one container, a function that reads its raw values; they only have to be comparable.
    `to_samples` turns raw values into samples with finite values. A fault of one container is raised at the end, after
    the lines of the others.
    """
    tables = world.source(_Tables)
    table = tables.by_collector[metrics[0].name]
    changed = containers is not table.containers
    if changed:
        _match_rows(table, containers, make_reader)
    has_states = any(metric.state for metric in metrics)
    fault: Exception | None = None
    for row in table.rows:
        try:
            raw = row.read()
            if raw is not row.raw and raw != row.raw:
                changed = True
                samples = list(to_samples(cast("T", row.labelled), raw))
                row.values = [sample for sample in samples if sample.metric.state] if has_states else []
                row.texts = _render_row(tables, metrics, row.labelled.label_prefix, samples)
                row.raw = raw
        except Exception as caught:  # noqa: BLE001 - raised below
            changed = True
            row.raw, row.texts, row.values = _NOT_READ, (), []
            fault = fault or caught
    if changed:
        _refresh_lines(table, metrics)
    yield from table.lines
    if fault is not None:
        raise fault


def _refresh_lines(table: _Table, metrics: Sequence[Metric]) -> None:
    """Make the lines of each metric of which any row's text has changed; a working container changes few of them."""
    columns = list(zip(*(row.texts for row in table.rows if row.texts), strict=True))
    lines = []
    for index, (metric, column) in enumerate(zip(metrics, columns, strict=False)):
        if index < len(table.columns) and column == table.columns[index]:
            lines.append(table.lines[index])
        else:
            lines.append(make_lines(metric, column, _state_values(table, metric) if metric.state else ()))
    table.columns, table.lines = columns, lines


def write_reading(
    world: World,
    metrics: Sequence[Metric],
    containers: Reading[Sequence[T]],
    make_reader: Callable[[T], Callable[[], Any]],
    to_samples: Callable[[T, Any], Iterable[ContainerSample]],
) -> Reading[Iterator[Lines]]:
    """Return the lines of `write_lines`, as old as the containers' reading."""
    return Reading(write_lines(world, metrics, containers.value, make_reader, to_samples), containers.at)


def no_reader(_: LabelledContainer) -> Callable[[], None]:
    """Return a reader for values held by the container object: they change only when that object is replaced."""
    return lambda: None


def make_lines(metric: Metric, texts: Iterable[bytes], values: Sequence[tuple[tuple[str, ...], float]] = ()) -> Lines:
    """Return lines with their number."""
    text = b"".join(texts)
    return Lines(metric, [text], text.count(b"\n"), values)


def _state_values(table: _Table, metric: Metric) -> list[tuple[tuple[str, ...], float]]:
    """Return the extra labels and the value of each line of a metric, in the order of its lines."""
    return [
        (sample.extra_labels, sample.value) for row in table.rows for sample in row.values if sample.metric is metric
    ]


def _match_rows(table: _Table, containers: Sequence[T], make_reader: Callable[[T], Callable[[], Any]]) -> None:
    """Assign a row to each container: the previous one if the container itself is unchanged."""
    before = {row.labelled.container.id: row for row in table.rows}
    table.rows = []
    for labelled in containers:
        row = before.get(labelled.container.id)
        table.rows.append(
            row if row is not None and row.labelled == labelled else _Row(labelled, make_reader(labelled))
        )
    table.containers = containers


def _render_row(
    tables: _Tables, metrics: Sequence[Metric], label_prefix: str, samples: Iterable[ContainerSample]
) -> tuple[bytes, ...]:
    texts = dict.fromkeys(metrics, "")
    for metric, extra_labels, value in samples:
        ending = tables.endings.get((metric, extra_labels)) or _line_ending(tables, metric, extra_labels)
        texts[metric] += f"{metric.name}{label_prefix}{ending}{value!r}\n"
    return tuple([text.encode() for text in texts.values()])


def _line_ending(tables: _Tables, metric: Metric, extra_labels: tuple[str, ...]) -> str:
    """Return the text between a container's labels and the value: the metric's extra labels and `} `."""
    if len(tables.endings) >= _MAX_ENDINGS:
        tables.endings.clear()
    names = metric.labels[len(metric.labels) - len(extra_labels) :] if extra_labels else ()
    pairs = "".join(f',{key}="{escape_label(value)}"' for key, value in zip(names, extra_labels, strict=True) if value)
    ending = tables.endings[metric, extra_labels] = pairs + "} "
    return ending

"""The part of a dialect that happens while Prometheus scrapes: metric_relabel_configs.

Every mapped series is marked with the dialect's name, gets our labels, and our name if no rule has to derive it. The
mark keeps rules from reading what they write, and from reading pages that do not speak the dialect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.provisioning.dialect import MARK, LabelSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from deckwatch.provisioning.dialect import Dialect

_FIRST_EXPONENT = 6  # Go and Prometheus write a million as 1e+06
_MOST_SECONDS = 5  # digits of the longest time in a bucket


def build_steps(dialect: Dialect, *, floats: bool) -> list[dict[str, Any]]:
    """Return the relabelling of a page; `floats` says whether Prometheus writes the bucket of a second as 1.0."""
    renamed = find_renamed(dialect)
    return [
        *_mark_series(dialect),
        *_map_labels(dialect.name, dialect.labels),
        *_convert_buckets(dialect, floats=floats),
        *_rename_series(dialect.name, renamed),
    ]


def find_renamed(dialect: Dialect) -> dict[str, str]:
    """Return the series that become ours by their name alone: those of the first source, with values in our unit.

    A series can be renamed once. Histograms come first, since a counter can be derived of their count by a rule. Names
    with any prefix lose it, so that rules can select them.
    """
    renamed: dict[str, str] = {}
    for metric in sorted(dialect.metrics, key=lambda name: len(dialect.list_parts(name)), reverse=True):
        source = dialect.metrics[metric][0]
        for part in dialect.list_parts(metric):
            if source.places == 0 or part in ("_bucket", "_count"):
                renamed.setdefault(source.metric + part, metric + part)
    for series in dialect.list_source_series():
        if series.startswith("*"):
            renamed.setdefault(series, series.lstrip("*_"))
    return renamed


def _mark_series(dialect: Dialect) -> Iterator[dict[str, Any]]:
    """Yield a step that marks the dialect's series, and steps that remove the mark from those to skip.

    A series to skip that has our name already is dropped.
    """
    yield {
        "source_labels": ["__name__", *dialect.only],
        "regex": ";".join([_match_names(dialect.list_source_series()), *map(_wrap_group, dialect.only.values())]),
        "target_label": MARK,
        "replacement": dialect.name,
    }
    for label, regex in dialect.skip.items():
        yield {
            "source_labels": [MARK, label],
            "regex": f"{dialect.name};{_wrap_group(regex)}",
            "target_label": MARK,
            "replacement": "",
        }
    ours = [metric + part for metric in dialect.metrics for part in dialect.list_parts(metric)]
    if (same := [name for name in dialect.list_source_series() if name in ours]) and (dialect.only or dialect.skip):
        yield {"source_labels": [MARK, "__name__"], "regex": f";{_match_names(same)}", "action": "drop"}


def _map_labels(mark: str, labels: Mapping[str, Sequence[LabelSource]]) -> Iterator[dict[str, Any]]:
    """Yield the steps that set our labels, each followed by those that remove what it was set from.

    A label that was not needed, since a series has a better one, stays: without it two series could be the same.
    """
    for label, sources in labels.items():
        own = next((index for index, source in enumerate(sources) if source.label == label), len(sources))
        # Backwards, so that the first source wins; what comes after our own label only fills it.
        for index, source in reversed([*enumerate(sources)]):
            if source == LabelSource(label):
                continue
            filled = [label] if index > own else []
            yield {
                "source_labels": [MARK, *filled, source.label],
                "regex": ";".join([mark, *("" for _ in filled), _wrap_group(source.match)]),
                "target_label": label,
                "replacement": source.value,
            }
        names = [source.label for source in sources[:own]]
        for index, name in reversed([*enumerate(names)]):
            if name not in labels:
                yield {
                    "source_labels": [MARK, *names[:index]],
                    "regex": mark + ";" * index,
                    "target_label": name,
                    "replacement": "",
                }


def _convert_buckets(dialect: Dialect, *, floats: bool) -> Iterator[dict[str, Any]]:
    """Yield the steps that write the limits of buckets in seconds."""
    by_places: dict[int, list[str]] = {}
    for metric, sources in dialect.metrics.items():
        if "_bucket" in dialect.list_parts(metric):
            for source in sources:
                by_places.setdefault(source.places, []).append(f"{source.metric}_bucket")
    for places, names in by_places.items():
        if places:
            prefix = f"{dialect.name};{_match_names(names)}"
            for regex, replacement in shift_steps(places, floats=floats):
                yield {
                    "source_labels": [MARK, "__name__", "le"],
                    "regex": f"{prefix};{regex}",
                    "target_label": "le",
                    "replacement": replacement,
                }


def shift_steps(places: int, *, floats: bool) -> Iterator[tuple[str, str]]:
    """Yield expressions with replacements that together divide a number by a power of ten, as text, in this order."""
    for digits in range(1, places + 1):
        yield rf"([0-9]{{{digits}}})(\.[0-9]+)?", "0" * (places + 1 - digits) + "${1}${2}"
    yield rf"([0-9]+)([0-9]{{{places}}})(?:\.([0-9]+))?", "${1}.${2}${3}"
    yield r"([0-9]+\.[0-9]*[1-9])0+", "${1}"
    yield r"([0-9]+)\.0+", "${1}.0" if floats else "${1}"
    for exponent in range(_FIRST_EXPONENT, places + _MOST_SECONDS):
        left = exponent - places
        number = r"([0-9]+(?:\.[0-9]+)?)"
        yield rf"{number}[eE]\+?0?{exponent}", f"${{1}}e{left:+03d}"
    yield r"([0-9]+\.[0-9]+)e\+00", "${1}"
    yield r"([0-9]+)e\+00", "${1}.0" if floats else "${1}"


def _rename_series(mark: str, renamed: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield a step for each series with another name than ours; a name that is free only after another comes later."""
    left = {theirs: ours for theirs, ours in renamed.items() if theirs != ours}
    while left:
        theirs = next((name for name, ours in left.items() if ours not in left), next(iter(left)))
        yield {
            "source_labels": [MARK, "__name__"],
            "regex": f"{mark};{name_regex(theirs)}",
            "target_label": "__name__",
            "replacement": left.pop(theirs),
        }


def _match_names(names: Iterable[str]) -> str:
    return _wrap_group("|".join(map(name_regex, names)))


def name_regex(name: str) -> str:
    """Return the expression for a name; a star at its beginning stands for any prefix."""
    return f"[a-zA-Z0-9_:]*{name[1:]}" if name.startswith("*") else name


def _wrap_group(regex: str) -> str:
    return f"(?:{regex})"

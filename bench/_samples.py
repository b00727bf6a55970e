"""Repeated measurements of one figure: median, quartiles, 99th percentile, and the values that stand out."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_FENCE = 3.0  # interquartile ranges above the third quartile: Tukey's outer fence
_MIN_RATIO = 1.5  # to the median, below which a value is spread and no outlier
_MIN_VALUES = 4  # fewer have no spread to compare with


class Outlier(NamedTuple):
    """A value far above the others: its position, counted from 1, and its ratio to the median."""

    position: int
    value: float
    ratio: float


@dataclass(frozen=True)
class Samples:
    """Values of one figure in the order of measurement, at least one."""

    values: tuple[float, ...]

    @cached_property
    def median(self) -> float:
        return statistics.median(self.values)

    @cached_property
    def mean(self) -> float:
        return statistics.fmean(self.values)

    @cached_property
    def quartiles(self) -> tuple[float, float]:
        """The first and the third quartile; the value itself if it is the only one."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third

    @cached_property
    def p99(self) -> float:
        """The 99th percentile; of fewer than 100 values, the highest."""
        return sorted(self.values)[min(len(self.values) - 1, int(len(self.values) * 0.99))]

    def find_outliers(self) -> list[Outlier]:
        """Return the values beyond the fence, the highest first.

        One of four values moves the quartiles itself, so each is compared with the quartiles of the others.
        """
        found = []
        for index, value in enumerate(self.values):
            if len(self.values) < _MIN_VALUES or value <= _MIN_RATIO * self.median:
                continue
            others = Samples(self.values[:index] + self.values[index + 1 :])
            first, third = others.quartiles
            if value > third + _FENCE * (third - first):
                found.append(Outlier(index + 1, value, value / others.median))
        return sorted(found, key=lambda outlier: -outlier.value)


def divide_pairs(values: Sequence[float], references: Sequence[float]) -> Samples:
    """Return the ratio of each value to the reference of the same round. Raises ValueError if their numbers differ."""
    return Samples(tuple(value / reference for value, reference in zip(values, references, strict=True)))


def describe_outliers(samples: Samples, unit: str, names: int = 3) -> str:
    """Return the highest outliers as text, "page 3 of 4: 251 ms, 10.3 times the median"; empty if there are none."""
    outliers = samples.find_outliers()
    texts = [
        f"{unit} {outlier.position} of {len(samples.values)}: {outlier.value:.1f} ms, "
        f"{outlier.ratio:.1f} times the median"
        for outlier in outliers[:names]
    ]
    if len(outliers) > names:
        texts.append(f"{len(outliers) - names} more")
    return "; ".join(texts)

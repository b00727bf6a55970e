"""Reads the proofs of an alert: what series do over time, and when the alert fires on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.alerting.model import InputSeries, Proof, SeriesStep
from deckwatch.core import units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document, Path


@dataclass(frozen=True, slots=True)
class ProofReader:
    """Reads proofs whose structure is right; `unit` is that of the watched value, faults are added to `problems`."""

    document: Document
    unit: str
    problems: list[Problem]

    def read_proofs(self, path: Path, data: Sequence[Mapping[str, Any]]) -> tuple[Proof, ...]:
        """Return the proofs that stand at a path."""
        return tuple(self._read_proof((*path, i), one) for i, one in enumerate(data))

    def _read_proof(self, path: Path, data: Mapping[str, Any]) -> Proof:
        give = data["give"]
        fires = units.parse_duration(data["fires"]) if "fires" in data else None
        if isinstance(give, list):
            courses = [self._read_input((*path, "give"), "", give)]
        else:
            courses = [self._read_input((*path, "give", series), series, one) for series, one in give.items()]
        return Proof(path, tuple(courses), fires, data.get("labels"))

    def _read_input(self, path: Path, series: str, data: Any) -> InputSeries:
        if not isinstance(data, list):
            return InputSeries(series, constant=self._read_value(path, data))
        return InputSeries(series, tuple(self._read_step((*path, i), step) for i, step in enumerate(data)))

    def _read_step(self, path: Path, data: Mapping[str, Any]) -> SeriesStep:
        seconds = units.parse_duration(data["for"])
        if "value" in data:
            return SeriesStep(seconds, value=self._read_value((*path, "value"), data["value"]))
        return SeriesStep(seconds, rate=data.get("rate"))

    def _read_value(self, path: Path, value: object) -> float:
        """Return a value as a number.

        A series may be of another unit than what is watched, so its value says by itself what it is: a percentage is
        a ratio (of a value that is watched in percent it is that), a size is bytes, a duration seconds.
        """
        text = str(value)
        if text.endswith("%"):
            unit = self.unit if self.unit == "percent" else "ratio"
        else:
            unit = "bytes" if text.endswith("B") else "seconds"
        try:
            return units.parse_quantity(value, unit)
        except ValueError as error:
            self.problems.append(self.document.problem(path, str(error)))
            return 0.0

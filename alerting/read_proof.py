"""Read the proofs of an alert: series over time, and when the alert fires on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deckwatch.alerting.model import InputSeries, Proof, SeriesStep
from deckwatch.core import units

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.alerting.topic_data import InputData, ProofData, StepData
    from deckwatch.core.problems import Problem
    from deckwatch.core.yaml_file import Document, Path


@dataclass(frozen=True, slots=True)
class ProofReader:
    """Read proofs that have passed the schema; `unit` is that of the watched value, mistakes go to `problems`."""

    document: Document
    unit: str
    problems: list[Problem]

    def read_proofs(self, path: Path, data: Sequence[ProofData]) -> tuple[Proof, ...]:
        """Return the proofs at a path."""
        return tuple(self._read_proof((*path, i), proof) for i, proof in enumerate(data))

    def _read_proof(self, path: Path, data: ProofData) -> Proof:
        fires = units.parse_duration(data["fires"]) if "fires" in data else None
        return Proof(path, self.read_series((*path, "give"), data["give"]), fires, data.get("labels"))

    def read_series(self, path: Path, give: list[StepData] | dict[str, InputData]) -> tuple[InputSeries, ...]:
        """Return the series that a proof gives at a path: the watched value as a list, or series by name."""
        if isinstance(give, list):
            return (self._read_input(path, "", give),)
        return tuple(self._read_input((*path, series), series, given) for series, given in give.items())

    def _read_input(self, path: Path, series: str, data: InputData) -> InputSeries:
        if not isinstance(data, list):
            return InputSeries(series, constant=self._read_value(path, data))
        return InputSeries(series, tuple(self._read_step((*path, i), step) for i, step in enumerate(data)))

    def _read_step(self, path: Path, data: StepData) -> SeriesStep:
        seconds = units.parse_duration(data["for"])
        if "value" in data:
            return SeriesStep(seconds, value=self._read_value((*path, "value"), data["value"]))
        return SeriesStep(seconds, rate=data.get("rate"))

    def _read_value(self, path: Path, value: object) -> float:
        """Return a value as a number.

        A given series may have another unit than the watched value, so the value's own suffix decides: a percentage
        is a ratio (or percent where the watched value is in percent), a size is in bytes, a duration in seconds.
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

"""Result files: one per measurement, the newest that was saved, with its date, machine and conditions.

`bench/results/NAME.json` is committed: the README's figures are generated from it (`bench/_readme.py`).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import _conditions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench._conditions import Conditions
    from bench._options import Options
    from bench._sheet import Sheet

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Result:
    """One saved run of a measurement.

    `machine` holds texts; `conditions` are those of `Conditions`; `busy` lists why its figures mean little; `rows` are
    the targets: sheet, key, figure, ours, reference, unit, ratio, quartiles, target, comparison.
    """

    name: str
    date: str
    machine: dict[str, str]
    conditions: dict[str, float | None]
    busy: list[str]
    rows: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def find_row(self, key: str) -> dict[str, Any]:
        """Return the row with this key. Raises KeyError with the keys that exist."""
        for row in self.rows:
            if row["key"] == key:
                return row
        raise KeyError(f"{self.name}.json has no row {key}; it has {', '.join(row['key'] for row in self.rows)}")


def make_result(name: str, sheets: Iterable[Sheet], conditions: Conditions, options: Options) -> Result:
    """Return the figures of a run that has just ended."""
    sheets = list(sheets)
    other = {"other build": _conditions.find_commit(options.against)} if options.against else {}
    machine = _conditions.describe_machine() | other
    quick = ["quick run with few scrapes"] if options.quick else []
    rows = [_row_figures(sheet.title, target) for sheet in sheets for target in sheet.targets]
    notes = [line for sheet in sheets for line in sheet.note.splitlines()]
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Result(name, date, machine, asdict(conditions), quick + conditions.problems(), rows, notes)


def save_result(result: Result, folder: Path = FOLDER) -> Path:
    """Write a result file and return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{result.name}.json"
    path.write_text(json.dumps(asdict(result), indent=1, ensure_ascii=False) + "\n")
    return path


def load_result(name: str, folder: Path = FOLDER) -> Result | None:
    """Return the saved result of a measurement, None if there is none."""
    path = folder / f"{name}.json"
    return Result(**json.loads(path.read_text())) if path.exists() else None


def _row_figures(sheet: str, target: Any) -> dict[str, Any]:
    row = target.row
    return {
        "sheet": sheet,
        "key": row.key,
        "figure": row.figure,
        "ours": _round_figure(row.ours),
        "reference": _round_figure(row.reference),
        "unit": row.unit,
        "ratio": _round_figure(row.ratio),
        "quartiles": [_round_figure(value) for value in row.spread] if row.spread else None,
        "target": target.max_ratio,
        "comparison": row.what,
    }


def _round_figure(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")

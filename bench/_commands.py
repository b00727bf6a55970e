"""Wall times of commands."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def run_ms(argv: Sequence[str], *, times: int = 15, folder: Path | None = None) -> list[float]:
    """Return a command's wall times in ms, sorted; the first, cold run is discarded."""
    return sorted([once_ms(argv, folder) for _ in range(times + 1)][1:])


def once_ms(argv: Sequence[str], folder: Path | None = None) -> float:
    """Return a command's wall time in ms. Raises CalledProcessError if it fails."""
    start = time.perf_counter()
    subprocess.run(list(argv), check=True, capture_output=True, cwd=folder)
    return (time.perf_counter() - start) * 1000

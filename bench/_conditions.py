"""Conditions of a run: the machine, and what else it did meanwhile. Figures from a busy machine mean little.

Others' CPU time is the machine's (`/proc/stat`) minus that of our own control group, which `bench._machine` makes.
Load and pressure are those before the start: later ones include the measurement itself.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench._machine import ENTERED

_MAX_LOAD = 0.5  # per CPU, before the start
_MAX_PRESSURE = 10.0  # percent of the time in which a task waited for a CPU, before the start
_MAX_OTHERS = 0.1  # of a core
_MAX_STEAL = 0.02  # of the time of all CPUs
_STARTED = "DECKWATCH_BENCH_LOAD"  # load and pressure before the namespaces were entered
_IDLE, _IOWAIT, _STEAL, _GUEST = 3, 4, 7, 8  # columns of /proc/stat (proc_stat(5)); guest time is user time already
_USAGE = (
    (Path("/sys/fs/cgroup/cpu.stat"), r"usage_usec (\d+)", 1e6),
    (Path("/sys/fs/cgroup/cpuacct/cpuacct.usage"), r"(\d+)", 1e9),
    (Path("/sys/fs/cgroup/cpu,cpuacct/cpuacct.usage"), r"(\d+)", 1e9),
)


@dataclass(frozen=True)
class Conditions:
    """Load average and CPU pressure (percent) before the start, and what others used during the run.

    `others` is in cores, None if not known; `steal` is the share of CPU time that the hypervisor gave to others.
    """

    cpus: int
    load: float
    pressure: float
    others: float | None
    steal: float

    def problems(self) -> list[str]:
        """Return the reasons why figures from this run mean little."""
        others = self.others or 0.0
        return [
            text
            for text, is_busy in (
                (f"load {self.load:.2f} before the start", self.load > _MAX_LOAD * self.cpus),
                (f"CPU pressure {self.pressure:.0f} % before the start", self.pressure > _MAX_PRESSURE),
                (f"other processes used {others:.2f} of a core", others > _MAX_OTHERS),
                (f"the hypervisor took {self.steal:.1%} of the CPU time", self.steal > _MAX_STEAL),
            )
            if is_busy
        ]

    @property
    def summary(self) -> str:
        others = "CPU of others not known" if self.others is None else f"others used {self.others:.2f} of a core"
        return f"load {self.load:.2f} before the start, {others}, steal {self.steal:.1%}"


class ConditionsMeter:
    """Counts the CPU time of the machine and of this measurement from now on."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._busy, self._steal, self._total = _machine_seconds()
        self._own = _own_seconds()

    def read_conditions(self) -> Conditions:
        """Return the conditions since the start of the meter."""
        busy, steal, total = _machine_seconds()
        own, seconds = _own_seconds(), time.monotonic() - self._started
        others = None
        if own is not None and self._own is not None:
            others = max(0.0, (busy - self._busy - own + self._own) / seconds)
        load, pressure = read_start()
        share = (steal - self._steal) / max(total - self._total, 1e-9)
        return Conditions(os.cpu_count() or 1, load, pressure, others, share)


def read_start() -> tuple[float, float]:
    """Return load average and CPU pressure before the start of this run. The first call reads and keeps them."""
    if _STARTED not in os.environ:
        pressure = Path("/proc/pressure/cpu")
        match = re.search(r"some avg10=([\d.]+)", pressure.read_text() if pressure.exists() else "")
        os.environ[_STARTED] = f"{os.getloadavg()[0]} {match[1] if match else 0}"
    load, pressure_percent = os.environ[_STARTED].split()
    return float(load), float(pressure_percent)


@cache
def describe_machine() -> dict[str, str]:
    """Return processor, kernel, Python and the commit of this build as it was at the first call."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {
        "processor": f"{os.cpu_count()} x {model[1] if model else platform.machine()}",
        "kernel": re.split(r"-", platform.release())[0],
        "python": platform.python_version(),
        "build": find_commit(Path(__file__).parents[1]),
    }


def find_commit(checkout: Path) -> str:
    """Return the abbreviated commit of a checkout, with a plus sign if its code differs; "unknown" without git.

    Saved results and the README's figures are no code.
    """
    git = ["git", "-c", "safe.directory=*", "-C", str(checkout)]
    commit = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    code = [".", ":!README.md", ":!bench/results"]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", *code], capture_output=True, check=False)
    return (commit.stdout.strip() or "unknown") + ("+" if commit.stdout and changed.returncode else "")


def _machine_seconds() -> tuple[float, float, float]:
    """Return the seconds of all CPUs: busy, taken by the hypervisor, and in total."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    hertz, total = os.sysconf("SC_CLK_TCK"), sum(ticks[:_GUEST])
    idle = ticks[_IDLE] + ticks[_IOWAIT] + ticks[_STEAL]
    return (total - idle) / hertz, ticks[_STEAL] / hertz, total / hertz


def _own_seconds() -> float | None:
    """Return the CPU seconds of our own control group, the root of its namespace; None without one."""
    for path, pattern, unit in _USAGE if os.environ.get(ENTERED) else ():
        if path.exists() and (match := re.search(pattern, path.read_text())):
            return int(match[1]) / unit
    return None

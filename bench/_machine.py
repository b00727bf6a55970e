"""Separate namespaces to measure in: processes, network, mounts and control groups apart from those of this machine.

Every exporter then sees the engine's bridge and the containers' interfaces as the host's own, as for users
(`/proc/1/net`, netlink and /sys agree), no other processes and groups are counted, and whatever is left running
ends with the measurement.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench._options import print_progress
from deckwatch.provisioning.program import find_program

ENTERED = "DECKWATCH_BENCH_ENTERED"
_ROOT = Path("/sys/fs/cgroup")
_REMOVE_SECONDS = 5.0  # for the kernel to end the processes of a group

# The shell joins the groups before it unshares: the root of the cgroup namespace is where it is then.
_GROUPS = 'for group in $1; do echo $$ > "$group/cgroup.procs"; done; shift; exec "$@"'
# A sysfs shows the network namespace that it was mounted in, so it and the groups are remounted. Version 2 delegates
# controllers only below a group without processes. The shell stays: as process 1 it reaps the containers' orphans.
_ENTER = """
set -e
mount --make-rprivate /
mount -t sysfs sysfs /sys
{mounts}
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir /sys/fs/cgroup/init
  while read -r pid; do echo "$pid" > /sys/fs/cgroup/init/cgroup.procs; done < /sys/fs/cgroup/cgroup.procs
  sed 's/[^ ]*/+&/g' /sys/fs/cgroup/cgroup.controllers > /sys/fs/cgroup/cgroup.subtree_control
fi
mount -t tmpfs tmpfs /dev/shm
ip link set lo up 2>/dev/null || busybox ip link set lo up
"$@"
"""
_NAMESPACES = ("--net", "--pid", "--mount", "--cgroup", "--fork", "--mount-proc", "--kill-child")
_MAX_WEIGHT = (("cpu.shares", "262144"), ("cpu.weight", "10000"))
_NO_CONTROLLERS = ("rw", "ro", "xattr", "clone_children")


@dataclass(frozen=True)
class _Tree:
    """A mounted hierarchy of control groups: its folder, type and controllers, and our group in it."""

    point: str
    kind: str
    options: str

    @property
    def own_group(self) -> Path:
        return Path(self.point) / f"deckwatch-bench-{os.getpid()}"

    @property
    def mount(self) -> str:
        options = f"-o {self.options}" if self.options else ""
        return f"mkdir -p {self.point}; mount -t {self.kind} {options} cgroup {self.point}"


def enter_namespaces(*, first: bool) -> None:
    """Rerun this program in separate namespaces and exit with its status; return inside them, or if impossible.

    `first` gives it the highest CPU weight.
    """
    unshare = find_program("unshare")
    if os.environ.get(ENTERED) or os.geteuid() != 0 or unshare is None:
        return
    trees = _cgroup_trees()
    try:
        for tree in trees:
            _make_group(tree, first=first)
        sys.exit(_run_inside(unshare, trees))
    except OSError as error:
        print_progress(f"no separate namespaces: {error}")
    finally:
        for tree in trees:
            _remove_group(tree.own_group)


def _run_inside(unshare: str, trees: list[_Tree]) -> int:
    # In version 2 the hierarchy is mounted at /sys/fs/cgroup itself; otherwise that folder holds several.
    unified = any(tree.point == str(_ROOT) for tree in trees)
    mounts = [*([] if unified else [f"mount -t tmpfs tmpfs {_ROOT}"]), *(tree.mount for tree in trees)]
    inner = ["sh", "-c", _ENTER.format(mounts="\n".join(mounts)), "sh", sys.executable, "-m", "bench", *sys.argv[1:]]
    groups = " ".join(str(tree.own_group) for tree in trees)
    outer = ["sh", "-c", _GROUPS, "sh", groups, unshare, *_NAMESPACES, *inner]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder,
        subprocess.Popen(outer, env={**os.environ, ENTERED: "1", "TMPDIR": folder}) as process,
    ):
        Path(folder).chmod(0o711)  # a database server runs as another user
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 130
        finally:
            process.kill()


def _cgroup_trees() -> list[_Tree]:
    """Return the control group hierarchies of this machine (proc_pid_mountinfo(5))."""
    trees = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2":
            trees.append(_Tree(before.split(" ")[4], kind, ""))
        elif kind == "cgroup":
            words = [word for word in options.split(",") if word not in _NO_CONTROLLERS and "agent=" not in word]
            named = ["none"] if any(word.startswith("name=") for word in words) else []
            trees.append(_Tree(before.split(" ")[4], kind, ",".join([*named, *words])))
    return [tree for tree in trees if Path(tree.point).is_relative_to(_ROOT)]


def _make_group(tree: _Tree, *, first: bool) -> None:
    tree.own_group.mkdir()
    for name, weight in _MAX_WEIGHT if first else ():
        if (tree.own_group / name).exists():
            (tree.own_group / name).write_text(weight)
    for name in ("cpuset.cpus", "cpuset.mems"):  # version 1 accepts no process before they are set
        if tree.kind == "cgroup" and (tree.own_group / name).exists():
            (tree.own_group / name).write_text((tree.own_group.parent / name).read_text())


def _remove_group(group: Path) -> None:
    """Remove a group and its children; it is busy until its last process has ended."""
    end = time.monotonic() + _REMOVE_SECONDS
    while group.is_dir():
        for folder in [*sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True), group]:
            try:
                folder.rmdir()
            except OSError as error:
                if time.monotonic() > end:
                    print_progress(f"cannot remove {folder}: {error}")
                    return
                time.sleep(0.05)

"""Software RAID, from /sys/block/<array>/md (drivers/md/md.c; Documentation/admin-guide/md.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.procfs import ParseError, decode_text

if TYPE_CHECKING:
    from deckwatch.exporter.sources.readings import Readings

STATES = ("active", "inactive", "recovering", "resync", "check")

# array_state of an array that takes no requests, and sync_action by the words of node_exporter.
_STOPPED = frozenset({"clear", "inactive", "broken"})
_ACTIONS = {"recover": "recovering", "reshape": "recovering", "resync": "resync", "repair": "resync", "check": "check"}


class Array(NamedTuple):
    """An array: disks by state, and its size and the part in sync, in blocks of 1024 bytes.

    `disks` is how many it has when nothing is missing. A disk that is being filled is neither active nor spare. A value
    is None where a file that it depends on cannot be read.
    """

    state: str | None
    disks: int | None
    active: int | None
    failed: int | None
    spare: int | None
    degraded: int | None
    blocks: int | None
    synced: int | None


def read_array(readings: Readings, name: str) -> Array | None:
    """Return the array `/sys/block/<name>`; None if it is not an array, or has just been stopped."""
    folder = f"block/{name}/md"
    files = readings.list_names(folder)
    if not files:
        return None
    array_state = readings.read_word(f"{folder}/array_state")
    stopped = array_state in _STOPPED
    disks = readings.read_value(f"{folder}/raid_disks", parse_raid_disks)
    # Levels without redundancy have neither of these: they cannot miss a disk, and there is nothing to rebuild.
    degraded = readings.read_number(f"{folder}/degraded") if "degraded" in files else 0
    action = readings.read_word(f"{folder}/sync_action") if "sync_action" in files else "idle"
    members = [_member_state(readings, f"{folder}/{file}") for file in files if file.startswith("dev-")]
    sectors = readings.read_number(f"block/{name}/size")
    blocks = None if sectors is None else sectors // 2  # sectors of 512 bytes
    state = None if array_state is None or action is None else _ACTIONS.get(action, "active")
    state = "inactive" if stopped else state
    synced = blocks
    if state not in ("active", "inactive"):
        done = None if state is None else readings.read_value(f"{folder}/sync_completed", parse_completed)
        synced = None if done is None else done // 2
    active = None if array_state is None or disks is None or degraded is None else disks - degraded
    return Array(
        state=state,
        disks=disks,
        active=0 if stopped else active,
        failed=None if None in members else members.count("failed"),
        spare=None if None in members else members.count("spare"),
        degraded=degraded,
        blocks=blocks,
        synced=synced,
    )


def parse_completed(data: bytes) -> int:
    """Return from sync_completed (`done / all`, in sectors, or a word) the sectors done; 0 where none are yet."""
    done, slash, total = data.partition(b"/")
    if not slash:
        if data.strip() in (b"none", b"delayed"):
            return 0
        raise ParseError(f"sync_completed: {decode_text(data)!r}")
    int(total)
    return int(done)


def parse_raid_disks(data: bytes) -> int:
    """Return raid_disks: empty where none is known yet, `4 (3)` while the array grows from 3."""
    return int((data.split() or [b"0"])[0])


def _member_state(readings: Readings, folder: str) -> str | None:
    """Return the state of a disk in the array: failed, spare or part; None where it cannot be read."""
    flags = readings.read_word(f"{folder}/state", absent="")
    if flags is None:
        return None
    if "faulty" in flags.split(","):
        return "failed"
    if "journal" in flags.split(","):
        return "part"
    slot = readings.read_word(f"{folder}/slot", absent="none")
    return None if slot is None else "spare" if slot == "none" else "part"

"""Software RAID, from /sys/block/<array>/md (drivers/md/md.c; Documentation/admin-guide/md.rst)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources import procfs
from deckwatch.exporter.sources.procfs import ParseError, decode_text
from deckwatch.exporter.world import NoData

if TYPE_CHECKING:
    from deckwatch.exporter.world import World

STATES = ("active", "inactive", "recovering", "resync", "check")

# array_state of an array that takes no requests, and sync_action by the words of node_exporter.
_STOPPED = frozenset({"clear", "inactive", "broken"})
_ACTIONS = {"recover": "recovering", "reshape": "recovering", "resync": "resync", "repair": "resync", "check": "check"}


class Array(NamedTuple):
    """An array: disks by state, and its size and the part in sync, in blocks of 1024 bytes.

    `disks` is how many it has when nothing is missing. A disk that is being filled is neither active nor spare.
    """

    state: str
    disks: int
    active: int
    failed: int
    spare: int
    degraded: int
    blocks: int
    synced: int


def read_array(world: World, name: str) -> Array:
    """Return the array `/sys/block/<name>`; raises NoData if it is not an array, ValueError for malformed files."""
    folder = f"block/{name}/md"
    stopped = _read_word(world, f"{folder}/array_state") in _STOPPED
    # Empty where none is known yet, `4 (3)` while the array grows from 3.
    disks = int((_read_word(world, f"{folder}/raid_disks").split() or ["0"])[0])
    # Levels without redundancy have neither of these: they cannot miss a disk, and there is nothing to rebuild.
    degraded = int(_read_word(world, f"{folder}/degraded", absent="0"))
    action = _read_word(world, f"{folder}/sync_action", absent="idle")
    members = [
        _member_state(world, f"{folder}/{entry}") for entry in procfs.list_sys(world, folder) if entry[:4] == "dev-"
    ]
    blocks = int(_read_word(world, f"block/{name}/size")) // 2  # sectors of 512 bytes
    state = "inactive" if stopped else _ACTIONS.get(action, "active")
    synced = blocks if state in ("active", "inactive") else _synced_blocks(world, folder)
    return Array(
        state=state,
        disks=disks,
        active=0 if stopped else disks - degraded,
        failed=members.count("failed"),
        spare=members.count("spare"),
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


def _synced_blocks(world: World, folder: str) -> int:
    return parse_completed(procfs.read_sys(world, f"{folder}/sync_completed")) // 2


def _member_state(world: World, folder: str) -> str:
    """Return the state of a disk in the array: failed, spare or part."""
    flags = _read_word(world, f"{folder}/state", absent="").split(",")
    if "faulty" in flags:
        return "failed"
    return (
        "spare" if "journal" not in flags and _read_word(world, f"{folder}/slot", absent="none") == "none" else "part"
    )


def _read_word(world: World, path: str, *, absent: str | None = None) -> str:
    try:
        return decode_text(procfs.read_sys(world, path)).strip()
    except NoData:
        if absent is None:
            raise
        return absent

"""The machine's own values, one tile each: with a line of the last hour on the page, as text in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.live.measures import Key
from deckwatch.exporter.live.text import (
    MEASURING,
    UNKNOWN,
    format_bytes,
    format_number,
    format_share,
    format_traffic,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deckwatch.exporter.live.board import Board
    from deckwatch.exporter.live.rules import Level, Rules


class Tile(NamedTuple):
    """A value with its detail; `key` is its series in the history, whose line reaches at least up to `least_top`."""

    title: str
    value: float | None
    figure: str
    detail: str
    level: Level
    key: Key
    format_point: Callable[[float], str]
    least_top: float


def list_tiles(board: Board, rules: Rules) -> Iterator[Tile]:
    """Yield the tiles of what this machine has, with levels by these rules."""
    level, host = rules.level, board.host
    cores = f"{host.cores} {'core' if host.cores == 1 else 'cores'}" if host.cores else ""
    load = f"load {format_number(host.load)} per core" if host.load is not None else ""
    yield Tile(
        "CPU",
        host.cpu,
        format_share(host.cpu, MEASURING if host.cores else UNKNOWN),
        ", ".join(filter(None, [cores, load])),
        level("host.cpu", host.cpu),
        Key("host", "", "cpu"),
        format_share,
        0.2,
    )
    swap = f", swap {format_share(host.swap)}" if host.swap is not None else ""
    yield Tile(
        "Memory",
        host.memory,
        format_share(host.memory),
        f"{format_bytes(host.memory_available)} of {format_bytes(host.memory_total)} available{swap}",
        level("host.memory", host.memory),
        Key("host", "", "memory"),
        format_share,
        0.2,
    )
    yield from _list_space(board, rules)
    yield from _list_traffic(board, rules)


def _list_space(board: Board, rules: Rules) -> Iterator[Tile]:
    if not board.filesystems:
        return
    fullest = board.filesystems[0]
    yield Tile(
        "Disk space",
        fullest.used,
        format_share(fullest.used),
        f"{fullest.mountpoint}, {format_bytes(fullest.available)} left",
        rules.level("host.filesystem", fullest.used),
        Key("filesystem", fullest.mountpoint, "used"),
        format_share,
        1.0,
    )


def _list_traffic(board: Board, rules: Rules) -> Iterator[Tile]:
    busiest = max(board.disks, key=lambda disk: disk.busy or 0.0, default=None)
    if busiest is not None:
        is_known = busiest.read is not None and busiest.written is not None
        traffic = (
            f": {format_traffic(busiest.read)} read, {format_traffic(busiest.written)} written" if is_known else ""
        )
        yield Tile(
            "Busiest disk",
            busiest.busy,
            format_share(busiest.busy, MEASURING),
            f"{busiest.device}{traffic}",
            rules.level("host.disk_busy", busiest.busy),
            Key("host", "", "disk"),
            format_share,
            0.1,
        )
    host = board.host
    both = None if host.received is None or host.sent is None else host.received + host.sent
    if both is None and not board.measuring:  # no interface
        return
    yield Tile(
        "Network",
        both,
        format_traffic(both),
        "" if both is None else f"{format_traffic(host.received)} received, {format_traffic(host.sent)} sent",
        "good",
        Key("host", "", "traffic"),
        format_traffic,
        1024.0,
    )

"""A conversation in lines of text over an open connection, as a user has written it down, with STARTTLS."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.errors import UnexpectedAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.exporter.sources.dial import Dialer, Endpoint, Phases, Stream

_MAX_READ_BYTES = 1 << 18
_GROUP = re.compile(r"\$\{([0-9]+)\}")  # as in blackbox_exporter


@dataclass
class Dialogue:
    """A conversation and where it stands. A step has `expect`, `send` and `starttls`, in this order.

    `mismatch` is the number of the step whose pattern has matched none of the lines so far, 0 if none waits.
    `stream` is the newest connection: plain, and over TLS after `starttls`.
    """

    steps: Sequence[Mapping[str, Any]]
    stream: Stream
    mismatch: int = 0
    _read_bytes: int = 0

    async def run_steps(self, dialler: Dialer, to: Endpoint, seconds: float, phases: Phases) -> None:
        """Go through the steps; raises OSError. The caller bounds the time."""
        async with contextlib.AsyncExitStack() as stack:
            for number, step in enumerate(self.steps, 1):
                text = step.get("send", "")
                if "expect" in step:
                    text = fill_groups(text, await self._find_line(step["expect"], number))
                if "send" in step:
                    self.stream.writer.write(f"{text}\n".encode())
                    await self.stream.writer.drain()
                if step.get("starttls"):
                    secured = dialler.start_tls(self.stream, to, seconds, phases)
                    self.stream = await stack.enter_async_context(secured)

    async def _find_line(self, pattern: str, number: int) -> re.Match[str]:
        """Return the match of the first line that matches; raises OSError where there is none."""
        while self._read_bytes < _MAX_READ_BYTES:
            line = await self._read_line()
            if match := re.search(pattern, line):
                self.mismatch = 0
                return match
            self.mismatch = number
            await asyncio.sleep(0)  # many lines that are there already must not hold up the loop
        raise UnexpectedAnswer("more than 256 KiB without the expected line")

    async def _read_line(self) -> str:
        try:
            line = await self.stream.reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as fault:
            if not fault.partial:
                raise UnexpectedAnswer("connection closed without the expected line") from None
            line = fault.partial
        except asyncio.LimitOverrunError:
            raise UnexpectedAnswer("a line is longer than 64 KiB") from None
        self._read_bytes += len(line)
        return line.decode("utf-8", "replace").rstrip("\r\n")


def fill_groups(text: str, match: re.Match[str]) -> str:
    """Return a text with `${1}`, … replaced by what the groups have matched; empty for a group that has not."""

    def read_group(reference: re.Match[str]) -> str:
        number = int(reference[1][:4])
        return (match[number] or "") if number <= match.re.groups else ""

    return _GROUP.sub(read_group, text)

"""What a client and a mail server say before any mail (RFC 5321, 3.1 and 4.1.1.1), and STARTTLS (RFC 3207)."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from deckwatch.exporter.sources.errors import UnexpectedAnswer

if TYPE_CHECKING:
    from deckwatch.exporter.sources.dial import Phases, Stream

READY, OKAY = 220, 250

_MAX_LINE_BYTES = 1 << 12  # RFC 5321, 4.5.3.1.5 allows 512
_MAX_LINES = 100
_NOT_SMTP = "the answer is not SMTP"


class Reply(NamedTuple):
    """A reply: its code, and the text of its lines."""

    code: int
    lines: tuple[str, ...]


async def read_reply(stream: Stream) -> Reply:
    """Return the server's next reply; raises OSError."""
    lines: list[str] = []
    for _ in range(_MAX_LINES):
        try:
            line = await stream.reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise UnexpectedAnswer(_NOT_SMTP) from None
        except asyncio.IncompleteReadError as fault:
            missing = "answer cut short" if lines or fault.partial else "connection closed without an answer"
            raise UnexpectedAnswer(missing) from None
        code, is_last, text = parse_reply_line(line)
        lines.append(text)
        if is_last:
            return Reply(code, tuple(lines))
    raise UnexpectedAnswer(_NOT_SMTP)


def parse_reply_line(line: bytes) -> tuple[int, bool, str]:
    """Return the code of a line, whether it is the last one of a reply, and its text; raises UnexpectedAnswer."""
    code, separator, text = line[:3], line[3:4], line[4:]
    is_code = code.isdigit() and code[:1] in b"2345"
    if len(line) > _MAX_LINE_BYTES or not is_code or separator not in (b" ", b"-", b"\r", b"\n"):
        raise UnexpectedAnswer(_NOT_SMTP)
    return int(code), separator != b"-", text.decode("utf-8", "replace").rstrip("\r\n")


async def send_command(stream: Stream, command: str) -> Reply:
    """Send a command and return the reply; raises OSError."""
    stream.writer.write(f"{command}\r\n".encode())
    await stream.writer.drain()
    return await read_reply(stream)


async def greet_server(stream: Stream, phases: Phases) -> Reply:
    """Send EHLO with our address and return the reply, whose lines are the server's extensions; raises OSError."""
    begun = time.perf_counter()
    address = str(stream.writer.get_extra_info("sockname")[0]).partition("%")[0]
    try:
        return await send_command(stream, f"EHLO [{'IPv6:' if ':' in address else ''}{address}]")
    finally:
        phases.add_since("ehlo", begun)


def offers_starttls(reply: Reply) -> bool:
    """Return whether the reply to EHLO has the extension STARTTLS."""
    return any(line.strip().upper() == "STARTTLS" for line in reply.lines[1:])

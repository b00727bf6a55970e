"""A web configuration that is read again when it, or a file that it names, has changed."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core.problems import InvalidInput
from deckwatch.exporter.protection import tls, webconfig
from deckwatch.exporter.protection.webconfig import WebConfig
from deckwatch.exporter.server import in_thread

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


log = logging.getLogger("deckwatch.protection")

_SETTLED_SECONDS = 0.1  # a file is read when nobody has written to it for so long; half of one may be valid

Marks = tuple[tuple[int, ...], ...]


class Protection(NamedTuple):
    """What holds now: the configuration, and TLS made of it (None: plain HTTP)."""

    config: WebConfig
    context: ssl.SSLContext | None


class Watched:
    """The protection that a file describes. Raises InvalidInput where the file is faulty at the start.

    Later a faulty file is told once, and what was read before stays in force. So it does where the new file would
    turn TLS on or off: nobody should find plain HTTP because a block was lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        own = _marks([path])
        config = webconfig.load(path)
        self._files = _files(path, config)
        self._marks = own + _marks(self._files[1:])
        self.now = Protection(config, tls.context(config.tls) if config.tls else None)
        self._told = ""
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_tls(self) -> bool:
        """Whether it is spoken over TLS."""
        return self.now.context is not None

    async def look(self) -> Protection:
        """Return what holds, after reading again what has changed."""
        if self._reading is None and _marks(self._files) != self._marks:
            self._reading = asyncio.create_task(self._read_again())
        if self._reading is not None:
            await asyncio.shield(self._reading)
        return self.now

    def lets_in(self, certificate: dict[str, Any] | None) -> bool:
        """Return whether a verified client certificate carries a name that is allowed."""
        config = self.now.config
        return config.tls is None or tls.is_allowed(certificate, config.tls.client_sans)

    async def _read_again(self) -> None:
        before = self.now.config
        try:
            told = await in_thread(self._read)
        finally:
            self._reading = None
        if not told:
            log.info("%s was read again", self.path)
            if before.users and not self.now.config.users:
                log.warning("%s asks for no password any more", self.path)
        elif told != self._told:
            log.error("%s; what was read before stays in force", told)
        self._told = told

    def _read(self) -> str:
        """Put what is read now in force; return why not, if not."""
        _wait_settled(self._files)
        self._marks = _marks(self._files)
        try:
            config = webconfig.load(self.path)
            if config == WebConfig():
                return f"{self.path} protects nothing any more, which needs a restart"
            if (config.tls is None) != (self.now.context is None):
                turned = "off" if config.tls is None else "on"
                return f"{self.path} turns TLS {turned}, which needs a restart"
            if (files := _files(self.path, config)) != self._files:
                self._files = files
                self._marks = self._marks[:1] + _marks(files[1:])
            self.now = Protection(config, tls.context(config.tls) if config.tls else None)
        except InvalidInput as error:
            return "; ".join(map(str, error.problems))
        except (OSError, ValueError) as error:
            return f"{self.path} cannot be read again: {error}"
        return ""


def _files(path: Path, config: WebConfig) -> list[Path]:
    return [path, *(config.tls.files if config.tls else ())]


def _wait_settled(files: list[Path]) -> None:
    changed = [mark[3] for mark in _marks(files) if len(mark) > 1]
    age = (time.time_ns() - max(changed, default=0)) / 1e9
    if age < _SETTLED_SECONDS:
        time.sleep(min(_SETTLED_SECONDS - age, _SETTLED_SECONDS))


def _marks(files: list[Path]) -> Marks:
    """Return what tells files from changed ones."""
    return tuple(_mark(path) for path in files)


def _mark(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

"""A web configuration that is read again when it, or a file that it names, has changed."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from deckwatch.core.problems import InvalidInput
from deckwatch.exporter.protection import tls, webconfig
from deckwatch.exporter.protection.webconfig import WebConfig
from deckwatch.exporter.server import run_in_thread

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


log = logging.getLogger("deckwatch.protection")

_SETTLED_SECONDS = 0.1  # a file is read when nobody has written to it for so long; half of one may be valid

FileVersions = tuple[tuple[int, ...], ...]


class Protection(NamedTuple):
    """What holds now: the configuration, and TLS made of it (None: plain HTTP)."""

    config: WebConfig
    context: ssl.SSLContext | None


class ReloadingConfig:
    """The protection that a file describes. Raises InvalidInput where the file is faulty at the start.

    Later a faulty file is told once, and what was read before stays in force. So it does where the new file would
    turn TLS on or off: nobody should find plain HTTP because a block was lost.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        own = _file_versions([path])
        config = webconfig.load_config(path)
        self._files = _watched_files(path, config)
        self._versions = own + _file_versions(self._files[1:])
        self.current = Protection(config, tls.make_context(config.tls) if config.tls else None)
        self._last_error = ""
        self._reload_task: asyncio.Task[None] | None = None

    @property
    def is_tls(self) -> bool:
        """Whether it is spoken over TLS."""
        return self.current.context is not None

    async def reload_if_changed(self) -> Protection:
        """Return what holds, after reading again what has changed."""
        if self._reload_task is None and _file_versions(self._files) != self._versions:
            self._reload_task = asyncio.create_task(self._reload())
        if self._reload_task is not None:
            await asyncio.shield(self._reload_task)
        return self.current

    def is_client_allowed(self, certificate: dict[str, Any] | None) -> bool:
        """Return whether a verified client certificate carries a name that is allowed."""
        config = self.current.config
        return config.tls is None or tls.has_allowed_name(certificate, config.tls.client_sans)

    async def _reload(self) -> None:
        before = self.current.config
        try:
            told = await run_in_thread(self._load_changes)
        finally:
            self._reload_task = None
        if not told:
            log.info("%s was read again", self.path)
            if before.users and not self.current.config.users:
                log.warning("%s asks for no password any more", self.path)
        elif told != self._last_error:
            log.error("%s; what was read before stays in force", told)
        self._last_error = told

    def _load_changes(self) -> str:
        """Put what is read now in force; return why not, if not."""
        _wait_until_settled(self._files)
        self._versions = _file_versions(self._files)
        try:
            config = webconfig.load_config(self.path)
            if config == WebConfig():
                return f"{self.path} protects nothing any more, which needs a restart"
            if (config.tls is None) != (self.current.context is None):
                turned = "off" if config.tls is None else "on"
                return f"{self.path} turns TLS {turned}, which needs a restart"
            if (files := _watched_files(self.path, config)) != self._files:
                self._files = files
                self._versions = self._versions[:1] + _file_versions(files[1:])
            self.current = Protection(config, tls.make_context(config.tls) if config.tls else None)
        except InvalidInput as error:
            return "; ".join(map(str, error.problems))
        except (OSError, ValueError) as error:
            return f"{self.path} cannot be read again: {error}"
        return ""


def _watched_files(path: Path, config: WebConfig) -> list[Path]:
    return [path, *(config.tls.files if config.tls else ())]


def _wait_until_settled(files: list[Path]) -> None:
    changed = [mark[3] for mark in _file_versions(files) if len(mark) > 1]
    age = (time.time_ns() - max(changed, default=0)) / 1e9
    if age < _SETTLED_SECONDS:
        time.sleep(min(_SETTLED_SECONDS - age, _SETTLED_SECONDS))


def _file_versions(files: list[Path]) -> FileVersions:
    """Return what tells files from changed ones."""
    return tuple(_file_version(path) for path in files)


def _file_version(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)

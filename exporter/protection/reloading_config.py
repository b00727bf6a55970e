"""A web configuration that is reloaded when it, or a file that it names, has changed."""

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
    from collections.abc import Mapping
    from pathlib import Path


log = logging.getLogger("deckwatch.protection")

_SETTLED_SECONDS = 0.1  # a file is read once it has been unchanged this long, since half of one may be valid

FileVersions = tuple[tuple[int, ...], ...]


class Protection(NamedTuple):
    """The configuration in force, its SSL context (None: plain HTTP), and when its certificates expire, by role."""

    config: WebConfig
    context: ssl.SSLContext | None
    expiries: Mapping[str, float]


class ReloadingConfig:
    """The protection configured in a file. Raises InvalidInput if the file is invalid at the start.

    Later an invalid file is logged once, and the previous configuration stays in force. The same applies to a file that
    would turn TLS on or off: a deleted block must not lead to plain HTTP.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        own = _file_versions([path])
        config = webconfig.load_config(path)
        self._files = _watched_files(path, config)
        self._versions = own + _file_versions(self._files[1:])
        self.current = _put_in_force(config)
        self._last_error = ""
        self._reload_task: asyncio.Task[None] | None = None

    @property
    def is_tls(self) -> bool:
        """Whether connections use TLS."""
        return self.current.context is not None

    @property
    def is_restricted(self) -> bool:
        """Whether only clients with a password or a verified certificate may read."""
        config = self.current.config
        return bool(config.users) or (config.tls is not None and config.tls.client_auth == webconfig.REQUIRED)

    async def reload_if_changed(self) -> Protection:
        """Return the protection in force, after reloading changed files."""
        if self._reload_task is None and _file_versions(self._files) != self._versions:
            self._reload_task = asyncio.create_task(self._reload())
        if self._reload_task is not None:
            await asyncio.shield(self._reload_task)
        return self.current

    def is_client_allowed(self, certificate: dict[str, Any] | None) -> bool:
        """Return whether a verified client certificate has an allowed name."""
        config = self.current.config
        return config.tls is None or tls.has_allowed_name(certificate, config.tls.client_sans)

    async def _reload(self) -> None:
        before = self.current.config
        try:
            error = await run_in_thread(self._load_changes)
        finally:
            self._reload_task = None
        if not error:
            log.info("%s was reloaded", self.path)
            if before.users and not self.current.config.users:
                log.warning("%s no longer requires a password", self.path)
        elif error != self._last_error:
            log.error("%s; the previous configuration stays in force", error)
        self._last_error = error

    def _load_changes(self) -> str:
        """Load the files and put them in force; return an error message, empty on success."""
        _wait_until_settled(self._files)
        self._versions = _file_versions(self._files)
        try:
            config = webconfig.load_config(self.path)
            if config == WebConfig():
                return f"{self.path} no longer protects anything, which requires a restart"
            if (config.tls is None) != (self.current.context is None):
                turned = "off" if config.tls is None else "on"
                return f"{self.path} turns TLS {turned}, which requires a restart"
            if (files := _watched_files(self.path, config)) != self._files:
                self._files = files
                self._versions = self._versions[:1] + _file_versions(files[1:])
            self.current = _put_in_force(config)
        except InvalidInput as error:
            return "; ".join(map(str, error.problems))
        except (OSError, ValueError) as error:
            return f"{self.path} cannot be reloaded: {error}"
        return ""


def _put_in_force(config: WebConfig) -> Protection:
    """Return the protection of a configuration; raises InvalidInput, as `make_context`."""
    if config.tls is None:
        return Protection(config, None, {})
    return Protection(config, tls.make_context(config.tls), tls.read_expiries(config.tls))


def _watched_files(path: Path, config: WebConfig) -> list[Path]:
    return [path, *(config.tls.files if config.tls else ())]


def _wait_until_settled(files: list[Path]) -> None:
    changed = [mark[3] for mark in _file_versions(files) if len(mark) > 1]
    age = (time.time_ns() - max(changed, default=0)) / 1e9
    if age < _SETTLED_SECONDS:
        time.sleep(min(_SETTLED_SECONDS - age, _SETTLED_SECONDS))


def _file_versions(files: list[Path]) -> FileVersions:
    """Return the versions of files, which differ after a change."""
    return tuple(_file_version(path) for path in files)


def _file_version(path: Path) -> tuple[int, ...]:
    try:
        stat = path.stat()
    except OSError as error:
        return (error.errno or 0,)
    return (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

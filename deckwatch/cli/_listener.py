"""Shared by the commands that listen: the address, the protection, and warnings about who can read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from deckwatch.exporter.listen import Address
    from deckwatch.exporter.protection.reloading_config import ReloadingConfig

F = TypeVar("F", bound="Callable[..., Any]")

log = logging.getLogger("deckwatch.serve")


class Listen(click.ParamType["Address"]):
    """An address to listen on."""

    name = "HOST:PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Return the address; fails with a message for users."""
        from deckwatch.exporter import listen

        try:
            return listen.parse_address(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def listener_options(default: str) -> Callable[[F], F]:
    """Return the options of a command that listens: `listen`, by default at this address, and `web_config_file`."""
    port = default.rpartition(":")[2]

    def add_options(command: F) -> F:
        command = click.option(
            "--web.config.file",
            "web_config_file",
            metavar="FILE",
            help="TLS, client certificates and passwords, in the format of Prometheus exporters; empty for none.",
        )(command)
        text = f"Address to listen on; [::1]:{port} for IPv6."
        return click.option("--listen", type=Listen(), default=default, show_default=True, help=text)(command)

    return add_options


def load_protection(file: str) -> ReloadingConfig:
    """Return the protection that a file configures; raises InvalidInput."""
    from pathlib import Path

    from deckwatch.exporter.protection.reloading_config import ReloadingConfig

    return ReloadingConfig(Path(file))


def log_addresses(sockets: Sequence[socket.socket], protection: ReloadingConfig | None, content: str) -> None:
    """Log where a listener listens, and a warning if other machines may read `content`, such as "the metrics"."""
    from deckwatch.exporter.listen import Address

    scheme = "https" if protection is not None and protection.is_tls else "http"
    for listener in sockets:
        log.info("listening on %s://%s", scheme, Address(*listener.getsockname()[:2]))
    if not (protection and protection.is_restricted):
        _warn_if_reachable(sockets, content)


def _warn_if_reachable(sockets: Sequence[socket.socket], content: str) -> None:
    """Log a warning if other machines may reach a listener that requires neither a password nor a certificate."""
    import ipaddress

    for listener in sockets:
        host, port = listener.getsockname()[:2]
        address = ipaddress.ip_address(host)
        if not address.is_loopback:
            log.warning(
                "anyone who reaches %s can read %s: require a password or a client certificate with "
                "--web.config.file, or listen on 127.0.0.1",
                f"port {port}" if address.is_unspecified else f"{host} port {port}",
                content,
            )
            return

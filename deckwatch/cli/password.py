"""`deckwatch password`: a bcrypt hash for `basic_auth_users`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

_MAX_BYTES = 72  # bytes; bcrypt takes no more into account


@click.command()
@click.option(
    "--new",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Make a password up and write it into this file, which must not be there yet; only its owner may read it.",
)
@click.option(
    "--cost",
    type=click.IntRange(4, 16),
    default=10,
    show_default=True,
    help="How long a check takes: 10 is 60 ms, and each step doubles it.",
)
def command(*, new: Path | None, cost: int) -> None:
    """Print the bcrypt hash of a password, for basic_auth_users of a web configuration.

    The password is asked for, or read from the first line of standard input.
    """
    import bcrypt

    password = _generate_password(new) if new is not None else _read_password()
    if not password:
        raise click.UsageError("the password is empty")
    if len(password) > _MAX_BYTES:
        raise click.UsageError(f"the password has {len(password)} bytes, of which bcrypt takes {_MAX_BYTES}")
    click.echo(bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode())


def _read_password() -> bytes:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)).encode()
    return sys.stdin.buffer.readline().rstrip(b"\r\n")


def _generate_password(file: Path) -> bytes:
    import secrets

    password = secrets.token_urlsafe(24)
    try:
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.UsageError(f"{file} is there already, and may be in use") from None
    except FileNotFoundError:
        raise click.UsageError(f"there is no folder {file.parent}") from None
    with os.fdopen(opened, "w", encoding="ascii") as out:
        out.write(password)  # without a newline: not every program leaves one aside
    return password.encode()

"""`deckwatch password`: print a bcrypt hash for `basic_auth_users`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

_MAX_BYTES = 72  # bcrypt ignores the rest


@click.command()
@click.option(
    "--new",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Generate a password and write it to this new file, readable only by its owner.",
)
@click.option(
    "--cost",
    type=click.IntRange(4, 16),
    default=10,
    show_default=True,
    help="bcrypt cost: 10 takes 60 ms per check, and each step doubles it.",
)
def command(*, new: Path | None, cost: int) -> None:
    """Print the bcrypt hash of a password, for basic_auth_users in a web configuration.

    Prompts for the password, or reads it from the first line of standard input.
    """
    import bcrypt

    password = _generate_password(new) if new is not None else _read_password()
    if not password:
        raise click.UsageError("the password is empty")
    if len(password) > _MAX_BYTES:
        raise click.UsageError(f"the password has {len(password)} bytes; bcrypt accepts at most {_MAX_BYTES}")
    click.echo(bcrypt.hashpw(password, bcrypt.gensalt(cost)).decode())


def _read_password() -> bytes:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)).encode()
    return sys.stdin.buffer.readline().rstrip(b"\r\n")


def _generate_password(file: Path) -> bytes:
    import secrets

    password = secrets.token_urlsafe(24)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.UsageError(f"{file} exists already, and may be in use") from None
    except FileNotFoundError:
        raise click.UsageError(f"folder {file.parent} does not exist") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(password)  # without a newline: not every program strips one
    return password.encode()

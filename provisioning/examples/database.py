"""The PostgreSQL server of an example: a fresh data directory, two roles and a schema."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from deckwatch.core.problems import DeckwatchError
from deckwatch.exporter.config import POSTGRES_DSN
from deckwatch.provisioning.program import Program, find_program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.provisioning.examples.definition import Database

HOW_TO_GET = "apt-get install postgresql"
ADDRESS = "127.0.0.1"
_DEBIAN = Path("/usr/lib/postgresql")
_OWNER = "postgres"  # the superuser of the server, and the account in place of root, as which it refuses to run
_EXPORTER = "deckwatch"


@dataclass
class DatabaseServer:
    """A server in a folder of its own, created by `start` and deleted by `delete`."""

    database: Database
    port: int
    state: Path
    schema: Path | None
    password: str = field(default_factory=secrets.token_urlsafe)
    program: Program | None = None

    @property
    def folder(self) -> Path:
        """The server's folder: in the state folder or, for root, where the account `postgres` can reach it."""
        if os.geteuid():
            return self.state / "postgres"
        return Path("/var/tmp") / f"deckwatch-{hashlib.sha256(str(self.state.resolve()).encode()).hexdigest()[:16]}"  # noqa: S108 - its name is fixed so that the next start deletes what a killed one left; created with mode 0700

    @property
    def url(self) -> str:
        """The address of the application's database."""
        return f"postgresql://{self.database.name}:{self.password}@{ADDRESS}:{self.port}/{self.database.name}"

    @property
    def variables(self) -> dict[str, str]:
        """The variable of the exporter that names the server to watch; its `server` label is `NAME-db`."""
        host = f"host={self.database.name}-db hostaddr={ADDRESS} port={self.port}"
        return {POSTGRES_DSN: f"{host} user={_EXPORTER} password={self.password} dbname={self.database.name}"}

    def start(self, log: Path) -> Program:
        """Create the data directory, start the server, and create roles, database and schema."""
        self.delete()
        tools = find_programs()
        self.folder.mkdir(mode=0o700, parents=True)
        account = _find_account()
        if account:
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self.password, encoding="ascii")
        if account:
            os.chown(secret, account.pw_uid, account.pw_gid)
        data = self.folder / "data"
        command = [tools / "initdb", "-D", data, "-U", _OWNER, "--no-sync", f"--pwfile={secret}"]
        _run_as_owner([*map(str, command), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"])
        self.program = self._build_program(tools, log)
        self.program.start().wait_ready()
        self._create_contents()
        return self.program

    def delete(self) -> None:
        """Delete the folder; does nothing without one. A server of a killed run is stopped first."""
        postmaster = self.folder / "data" / "postmaster.pid"
        with contextlib.suppress(OSError, ValueError):
            pid = int(postmaster.read_text(encoding="ascii").split()[0])
            if str(self.folder) in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace"):
                os.kill(pid, signal.SIGQUIT)
        if self.folder.exists():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _build_program(self, tools: Path, log: Path) -> Program:
        argv = [str(tools / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        # Its data does not outlive it, so nothing is written to disk before its time.
        settings = {
            "listen_addresses": ADDRESS,
            "unix_socket_directories": "",
            "fsync": "off",
            "logging_collector": "off",
            **self.database.settings,
        }
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        return Program(
            "database",
            argv,
            log,
            self._is_answering,
            folder=self.folder,
            user=_OWNER if not os.geteuid() else None,
            stop_signal=signal.SIGINT,  # ends sessions, in contrast to SIGTERM
            end_with_parent=True,
        )

    def _connection_string(self, database: str = "postgres", user: str = _OWNER) -> str:
        return f"host={ADDRESS} port={self.port} user={user} password={self.password} dbname={database}"

    def _is_answering(self) -> bool:
        import psycopg  # noqa: PLC0415 - an extra, required by the caller

        try:
            psycopg.connect(self._connection_string(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_contents(self) -> None:
        import psycopg  # noqa: PLC0415 - an extra, required by the caller
        from psycopg import sql  # noqa: PLC0415

        name = sql.Identifier(self.database.name)
        with psycopg.connect(self._connection_string(), autocommit=True) as connection:
            for role in (name, sql.Identifier(_EXPORTER)):
                password = sql.Literal(self.password)
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
            connection.execute(sql.SQL("GRANT pg_monitor TO {}").format(sql.Identifier(_EXPORTER)))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
        with psycopg.connect(self._connection_string(self.database.name), autocommit=True) as connection:
            if "pg_stat_statements" in self.database.settings.get("shared_preload_libraries", ""):
                connection.execute("CREATE EXTENSION pg_stat_statements")
        if self.schema is not None:
            with psycopg.connect(self._connection_string(self.database.name, self.database.name)) as connection:
                connection.execute(self.schema.read_bytes())


def find_programs() -> Path:
    """Return the folder of PostgreSQL's programs: Debian's newest, or that on PATH. Raises DeckwatchError."""
    given = os.environ.get("DECKWATCH_POSTGRES_BIN")
    versions = [path for path in _DEBIAN.glob("*/bin") if re.fullmatch(r"\d+", path.parent.name)]
    for folder in [Path(given)] if given else sorted(versions, key=lambda path: -int(path.parent.name)):
        if (folder / "initdb").is_file():
            return folder
    if program := find_program("initdb"):
        return Path(program).resolve().parent
    raise DeckwatchError(f"PostgreSQL is not installed: {HOW_TO_GET}")


def _find_account() -> pwd.struct_passwd | None:
    """Return the account that runs the server for root; None for other users. Raises DeckwatchError without one."""
    if os.geteuid():
        return None
    try:
        return pwd.getpwnam(_OWNER)
    except KeyError:
        raise DeckwatchError(f"PostgreSQL does not run as root, and there is no account {_OWNER}") from None


def _run_as_owner(command: Sequence[str]) -> None:
    """Run a program, as the account `postgres` where we are root; raises DeckwatchError with its message."""
    user = _OWNER if not os.geteuid() else None
    groups: list[str] | None = [] if user else None
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/", user=user, group=user, extra_groups=groups
    )
    if done.returncode:
        raise DeckwatchError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-500:]}")

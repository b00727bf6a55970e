"""The systemd unit of the exporter: one text for the Debian package and for `deckwatch service install`.

The kinds differ in the user. The package has created `deckwatch`, so that its groups are changed with adduser; `system`
has a transient user (DynamicUser=); `user` is a unit of systemd's user manager, which cannot set up mount namespaces:
it has only the settings that are filters of system calls.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Kind = Literal["package", "system", "user"]

UNIT = "deckwatch.service"
_PLAIN_WORD = re.compile(r"[\w@+,./:=-]+\Z")

# Seccomp filters and what they imply: in the user manager too.
_FILTERS = """\
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
"""
# Not used on purpose: ProtectClock= forbids adjtimex, the source of the clock error; ProtectProc= and ProcSubset= hide
# process 1, whose mounts and interfaces are the host's; PrivateNetwork= removes the network; PrivateUsers= the groups
# that may read logs and the Docker socket. Home folders are read-only rather than hidden, so that the space of a file
# system mounted there is known.
_SANDBOX = """\
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectHostname=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RemoveIPC=yes
UMask=0077
# The exporter raises its limit of open files itself, for which this filter leaves no call.
LimitNOFILE=524288
SystemCallFilter=~@privileged @resources
# It reads the error of the clock by adjtimex, in glibc clock_adjtime; without CAP_SYS_TIME they cannot change it.
SystemCallFilter=adjtimex clock_adjtime
"""
_USERS = {
    "package": """\
User=deckwatch
Group=deckwatch
# Access to containers: adduser deckwatch docker (which is equivalent to root). Logs in /var/log: adduser deckwatch adm.
EnvironmentFile=-/etc/default/deckwatch
""",
    "system": """\
# A transient user with no capabilities and no write access.
DynamicUser=yes
""",
    "user": "",
}


def render_unit(kind: Kind, command: Sequence[str], groups: Sequence[str] = ()) -> str:
    """Return the text of the unit. `command` runs the exporter; `groups` are added to those of its transient user."""
    return "".join(_unit_lines(kind, command, groups))


def _unit_lines(kind: Kind, command: Sequence[str], groups: Sequence[str]) -> Iterator[str]:
    yield "[Unit]\nDescription=Deckwatch: metrics of this machine and its containers\n"
    yield "" if kind == "user" else "After=network.target\n"  # the user manager has none
    yield f"\n[Service]\nType=exec\nExecStart={' '.join(map(quote_word, command))}\n"
    yield "Restart=on-failure\nRestartSec=5s\n"
    yield _USERS[kind]
    if groups:
        yield f"SupplementaryGroups={' '.join(groups)}\n"
    if kind != "user":
        yield "# Positions in logs and watermarks of queries.\nStateDirectory=deckwatch/logs deckwatch/sql\n"
    yield "# Connection strings: `dsn_file: /run/credentials/deckwatch.service/shop-dsn`\n" if kind != "user" else ""
    yield "# LoadCredential=shop-dsn:/etc/deckwatch/shop-dsn\n" if kind != "user" else ""
    yield "MemoryMax=256M\nTasksMax=128\n"
    yield _FILTERS
    yield "" if kind == "user" else _SANDBOX
    yield f"\n[Install]\nWantedBy={'default' if kind == 'user' else 'multi-user'}.target\n"


def quote_word(word: str) -> str:
    """Return a word of ExecStart= that systemd reads as it is (systemd.service(5), "Command lines")."""
    escaped = word.replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"').replace("\n", "\\n")
    return word if _PLAIN_WORD.match(word) else f'"{escaped}"'

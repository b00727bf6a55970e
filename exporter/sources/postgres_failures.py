"""Why a connection to PostgreSQL failed, in plain words with the next step.

libpq gives the reason only as text, which is searched in the order below. The text itself can contain the connection
string and is discarded; names in it are in quotation marks and are not searched. Servers can write other languages.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMED_OUT = "no answer in time; check host, port and firewall, and how busy the server is"
MALFORMED = "malformed connection string; write postgresql://ROLE:PASSWORD@HOST:PORT/DATABASE or host=… dbname=…"
NO_STATEMENT = "no answer to a statement; read the server's log, and see how busy it is"
LOST = "connection lost; read the server's log"
_UNKNOWN = "the connection failed; try the connection string with psql, and read the server's log"
_NO_LOGIN = "the role may not log in; ALTER ROLE … LOGIN"
_NO_TLS = "the server does not offer TLS, which sslmode demands; switch it on (ssl = on) or lower sslmode"
_CERTIFICATE = "TLS: the certificate was not accepted; check sslrootcert, sslcert, sslkey and sslmode"
_HBA = "rejected by pg_hba.conf; add a line for this role, database and address there"
_HBA_PLAIN = "rejected by pg_hba.conf without TLS; set sslmode=require, or add a line for unencrypted connections there"
_AUTHENTICATION = "authentication failed; compare the method in pg_hba.conf with the connection string"
_CROWDED = "too many connections; raise the limit (max_connections, or of the role or database) or close some"
_UNREACHABLE = "the host is unreachable; check network, routes and firewall"
_UNRESOLVED = "unknown host; check its name in the connection string, and the name server"

_REASONS: Mapping[str, str] = {
    "connection timeout expired": TIMED_OUT,
    "timeout expired": TIMED_OUT,
    "timed out": TIMED_OUT,
    "no password supplied": "no password; add one to the connection string or to ~/.pgpass",
    "password authentication failed": "wrong password, or no such role; check both in the connection string",
    "no encryption": _HBA_PLAIN,
    "ssl off": _HBA_PLAIN,
    "pg_hba.conf": _HBA,
    "not permitted to log in": _NO_LOGIN,
    "too many": _CROWDED,
    "remaining connection slots": _CROWDED,
    "starting up": "the server is starting; wait, and read its log if it takes long",
    "recovery mode": "the server is recovering from a crash; read its log",
    "not yet accepting": "the server is starting; wait, and read its log if it takes long",
    "hot standby": "the replica accepts no queries; set hot_standby = on",
    "shutting down": "the server is stopping",
    "could not translate host name": _UNRESOLVED,
    "failed to resolve host": _UNRESOLVED,
    "certificate": _CERTIFICATE,
    "does not support ssl": _NO_TLS,
    "ssl": "TLS failed; check sslmode, and whether the server has ssl = on",
    "connection refused": "refused, since no server listens there; start it, or check host and port",
    "no such file or directory": "refused, since no server has this socket; start it, or check host and port",
    'database "" does not exist': "no such database; check its name in the connection string",
    'role "" does not exist': "no such role; create it, or check its name in the connection string",
    "permission denied for database": "the role may not connect to the database; GRANT CONNECT ON DATABASE … TO it",
    "not currently accepting connections": "the database accepts no connections; ALTER DATABASE … ALLOW_CONNECTIONS",
    "authentication": _AUTHENTICATION,
    "password": _AUTHENTICATION,
    "closed the connection": "closed by the server; read its log",
    "no route to host": _UNREACHABLE,
    "unreachable": _UNREACHABLE,
}


def describe_failure(text: str) -> str:
    """Return why a connection could not be opened; never a name or value of the connection string."""
    unquoted = re.sub('"[^"]*"', '""', text).lower()
    return next((reason for words, reason in _REASONS.items() if words in unquoted), _UNKNOWN)

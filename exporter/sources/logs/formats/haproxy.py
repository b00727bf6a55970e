"""HAProxy: its HTTP log (option httplog), as syslog writes it or without a prefix."""

from __future__ import annotations

import re

from deckwatch.exporter.sources.logs.format import regex_format

# HAProxy 2.x configuration manual, section 8.2.3: client:port [date] frontend backend/server timers status bytes
# cookies termination connections queues {headers} "request"; the last of the timers is Ta, the total.
_TIMERS = rb"(?:-?\d+/){3,4}\+?(?P<milliseconds>-?\d+) (?P<status>-?\d+) \+?(?P<size>\d+) "
_FRONT = rb"^[^\[\n]*(?:\[\d+\]: [^\[\n]*)?\[[^\]\n]+\] [^ \n]+ [^ \n]+ "
_REQUEST = rb'(?P<method>[A-Z]+) (?P<path>[^ ?"\n]*)[^ "\n]* (?P<protocol>HTTP/[\d.]+)'

FORMAT = regex_format(
    re.compile(_FRONT + _TIMERS + rb'[^"\n]*"' + _REQUEST + rb'"[^\n]*\n', re.MULTILINE),
    re.compile(_FRONT + _TIMERS + rb'[^"\n]*"(?P<request>[^"\n]*)"?.*'),
)

"""Traefik: its access log in the common log format, with its own fields at the end."""

from __future__ import annotations

import re

from deckwatch.exporter.sources.logs.format import regex_format

_CLIENT = rb'^[^ \n]+ [^ \n]+ [^"\[\n]*\[[^\]\n]*\] "'
_ANSWER = rb'" (?P<status>\d\d\d) (?P<size>\d+|-)[^\n]* (?P<milliseconds>\d+)ms'
_REQUEST = rb'(?P<method>[A-Z]+) (?P<path>[^ ?"\n]*)[^ "\n]* (?P<protocol>HTTP/[\d.]+)'

FORMAT = regex_format(
    re.compile(_CLIENT + _REQUEST + _ANSWER + rb"\n", re.MULTILINE),
    re.compile(_CLIENT + rb'(?P<request>(?:[^"\\]|\\.)*)' + _ANSWER),
)

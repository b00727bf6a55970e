"""nginx and Apache: the combined and the common log format, also with further fields at the end."""

from __future__ import annotations

import re

from deckwatch.exporter.sources.logs.format import regex_format

_CLIENT = rb'^[^ \n]+ [^ \n]+ [^"\[\n]*\[[^\]\n]*\] "'
# The query is not part of the key: it would make every line a different one.
_REQUEST = rb'(?P<target>[A-Z]+ [^ ?"\n]*)[^ "\n]* (?P<answer>HTTP/[\d.]+" \d\d\d) (?P<size>\d+|-)(?=[ \n])'
# What is no HTTP, quotes that Apache escapes, and nothing at all.
_RARE = rb'(?P<request>(?:[^"\\]|\\.)*)'

FORMAT = regex_format(
    re.compile(_CLIENT + _REQUEST + rb".*\n", re.MULTILINE),
    re.compile(_CLIENT + _RARE + rb'" (?P<status>\d\d\d) (?P<size>\d+|-)(?: .*)?'),
)

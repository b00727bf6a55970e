"""A parser of Prometheus' text format 0.0.4 as written by other programs: accepted text can be exposed.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import re
from typing import NamedTuple, get_args

from deckwatch.core.catalog import Kind
from deckwatch.exporter.metric import Metric, Sample

_PARTS = {"histogram": ("_bucket", "_sum", "_count"), "summary": ("_sum", "_count")}
_KINDS: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
# Possessive quantifiers (*+): a line cannot be made to cost more than its length.
_SERIES = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*(?:\{((?:[^"{}]|"(?:[^"\\]|\\.)*+")*+)\})?[ \t]*([^\s{]\S*)(.*)')
_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\\n"])*+)"[ \t]*(?:,|$)')
_TIMESTAMP = re.compile(r"[+-]?[0-9]{1,19}")
_ESCAPED = {"\\\\": "\\", "\\n": "\n", '\\"': '"'}


class FormatError(ValueError):
    """A text is not in the format, or uses unsupported features; the message begins with the line number."""


class _Unusable(ValueError):
    """A sample is in the format but cannot be exposed; the other lines can."""


class ParsedText(NamedTuple):
    """The samples of a text, in its order, and why others were omitted, each beginning with the line number."""

    samples: list[Sample]
    omissions: list[str]


def parse_samples(text: str, default_help: str = "") -> list[Sample]:
    """Return the samples of a page, in its order; raises FormatError also for a sample that cannot be exposed."""
    parsed = parse_text(text, default_help)
    if parsed.omissions:
        raise FormatError(parsed.omissions[0])
    return parsed.samples


def parse_text(text: str, default_help: str = "") -> ParsedText:
    """Parse a page; a metric without HELP gets `default_help`. Raises FormatError.

    A sample with a time stamp is omitted: passed on, it would make an old value look like one of this moment. So is a
    second value for a series. A last line without its end is an error: the file is still being written.
    """
    if text and not text.endswith("\n"):
        raise FormatError(f"line {text.count(chr(10)) + 1}: the line has no end, as if it were still being written")
    page = _Page(default_help)
    omissions = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            page.add_line(line.strip(), number)
        except _Unusable as error:
            omissions.append(f"line {number}: {error}")
        except ValueError as error:
            raise FormatError(f"line {number}: {error}") from None
    return ParsedText(list(page.samples.values()), omissions)


def series_key(sample: Sample) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return the identity of a sample's series: its name and its labels."""
    return sample.metric.name, frozenset(zip(sample.metric.labels, sample.labels, strict=True))


def family_names(family: Metric) -> list[str]:
    """Return the names that a family uses: its own and those of its series."""
    return [family.name, *(family.name + part for part in _PARTS.get(family.kind, ()))]


class _Page:
    def __init__(self, default_help: str) -> None:
        self.samples: dict[tuple[str, frozenset[tuple[str, str]]], Sample] = {}
        self._lines: dict[tuple[str, frozenset[tuple[str, str]]], int] = {}
        self._default_help = default_help
        self._kinds: dict[str, Kind] = {}
        self._helps: dict[str, str] = {}
        self._families: dict[str, Metric] = {}
        self._metrics: dict[tuple[str, tuple[str, ...]], Metric] = {}

    def add_line(self, line: str, number: int) -> None:
        if line.startswith("#"):
            self._add_comment(line)
        elif line:
            self._add_sample(line, number)

    def _add_comment(self, line: str) -> None:
        """Add HELP or TYPE; as for Prometheus' own parser, the word alone is a comment and a type has any case."""
        word, name, rest = (*line[1:].split(None, 2), "", "", "")[:3]
        if word not in ("HELP", "TYPE") or not name:
            return
        if not _NAME.fullmatch(name):
            raise ValueError(f"{word} without a valid metric name")
        if name in self._families:
            if word == "HELP" and name not in self._helps:
                self._helps[name] = rest  # too late to be exposed, but no error
                return
            raise ValueError(f"{word} of {name} after its first value")
        if name in (self._helps if word == "HELP" else self._kinds):
            raise ValueError(f"a second {word} of {name}")
        if word == "HELP":
            self._helps[name] = re.sub(r"\\[\\n]", lambda match: _ESCAPED[match[0]], rest)
        elif rest.lower() in _KINDS:
            self._kinds[name] = _KINDS[rest.lower()]
        elif rest:
            raise ValueError(f"unknown type of {name}; expected one of {', '.join(_KINDS)}")

    def _add_sample(self, line: str, number: int) -> None:
        match = _SERIES.fullmatch(line)
        if not match:
            raise ValueError("expected a metric's name, its labels and a value")
        name, inside, value, rest = match.groups()
        labels = _parse_labels(inside or "")
        parsed = _parse_number(name, value)
        if rest.strip():
            if not _TIMESTAMP.fullmatch(rest.strip()):
                raise ValueError(f"{name} has a time stamp or more after its value")
            raise _Unusable(f"{name} has a time stamp, which would hide that the value is old")
        sample = self._find_metric(name, tuple(labels))(parsed, *labels.values())
        key = series_key(sample)
        if self.samples.setdefault(key, sample) is not sample:
            raise _Unusable(f"a second value for the same series of {name}, first on line {self._lines[key]}")
        self._lines[key] = number

    def _find_metric(self, name: str, labels: tuple[str, ...]) -> Metric:
        metric = self._metrics.get((name, labels))
        if metric is None:
            family = self._find_family(name)
            metric = self._metrics[name, labels] = family.with_suffix(name.removeprefix(family.name), labels)
        return metric

    def _find_family(self, name: str) -> Metric:
        base = name
        for suffix in ("_bucket", "_sum", "_count"):
            stem = name.removesuffix(suffix)
            if stem != name and suffix in _PARTS.get(self._kinds.get(stem, ""), ()):
                base = stem
        kind = self._kinds.get(base, "untyped")
        if kind == "histogram" and base == name:
            raise _Unusable(f"{name} is a histogram, whose series are named {name}_bucket, _sum and _count")
        family = self._families.get(base)
        if family is None:
            family = self._families[base] = Metric(base, kind, self._helps.get(base, self._default_help))
        return family


def _parse_labels(text: str) -> dict[str, str]:
    """Return the labels between the braces; an empty label is omitted, since Prometheus treats it as absent."""
    labels: dict[str, str] = {}
    seen = set()
    at = 0
    while text[at:].strip():
        match = _LABEL.match(text, at)
        if not match:
            raise ValueError('expected labels of the form name="value", with \\\\, \\n and \\" for \\, newline and "')
        name, value = match.groups()
        if name in seen or name.startswith("__"):
            raise ValueError(f"the label {name} {'appears twice' if name in seen else 'is reserved'}")
        seen.add(name)
        if value:
            labels[name] = re.sub(r'\\[\\n"]', lambda match: _ESCAPED[match[0]], value)
        at = match.end()
    return labels


def _parse_number(name: str, value: str) -> float:
    try:
        if "_" not in value:  # which Python would take
            return float(value)
    except ValueError:
        pass
    raise ValueError(f"the value of {name} is not a number")

"""Every parser, on truncated, garbled and huge input: it returns a result or raises its own errors.

Parsers are discovered: functions in `exporter` named `parse` or `parse_…`, and functions in `exporter.sources` whose
first parameter is bytes. A parser with an unknown type of input fails this test.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dns.message
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch import exporter
from deckwatch.exporter.sources import procnet
from deckwatch.exporter.sources.certificates import InvalidCertificate
from deckwatch.exporter.sources.container import UNREADABLE
from deckwatch.exporter.sources.errors import UnexpectedAnswer
from deckwatch.exporter.sources.procfs import ParseError
from deckwatch.exporter.sources.source_failures import SourceFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORLDS = Path(__file__).parents[1] / "worlds"
# Real files, cut and spliced at any position: closer to real input than random bytes.
REAL = [path.read_bytes() for path in sorted(WORLDS.glob("*/**/*")) if path.is_file() and path.suffix != ".json"]
ENGINES = [json.loads(path.read_text()) for path in WORLDS.glob("*/engine.json")]
INSPECTS = [data for engine in ENGINES for data in engine.get("containers", ())]
HUGE = 1 << 20
QUERY = dns.message.make_query("shop.example", "A")

BYTES = st.binary() | st.builds(
    lambda data, start, end, more, other: data[start:end] + more + other[-start:],
    *[st.sampled_from(REAL)],
    *[st.integers(-400, 400)] * 2,
    *[st.binary(max_size=9)],
    *[st.sampled_from(REAL)],
)
VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(-1e300, 1e300)
    | st.text(max_size=9)
    | st.just("2026-01-01T00:00:00Z")
)


def parsers() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module_info in pkgutil.walk_packages(exporter.__path__, "deckwatch.exporter."):
        module = importlib.import_module(module_info.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module_info.name or name.startswith("_"):
                continue
            parameters = inspect.signature(function).parameters
            if "file" in parameters:
                continue  # reads a user's own file, whose faults are reported with their places
            takes = [str(parameter.annotation) for parameter in parameters.values()]
            is_source = module_info.name.startswith("deckwatch.exporter.sources.")
            takes_bytes = is_source and takes[:1] in (["bytes"], ["Iterable[bytes]"])
            if name == "parse" or name.startswith("parse_") or takes_bytes:
                yield f"{module_info.name.removeprefix('deckwatch.exporter.')}.{name}", function


PARSERS = dict(parsers())


def structures(words: list[str]) -> st.SearchStrategy[Any]:
    """Return responses of an engine with arbitrary shapes, whose keys are the words of the parser's module."""
    keys = st.sampled_from(words)
    return st.recursive(
        VALUES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=25,
    )


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Draw a real inspect with some parts removed or replaced."""
    container = json.loads(json.dumps(draw(st.sampled_from(INSPECTS))))
    for _ in range(draw(st.integers(0, 4))):
        part = container
        while isinstance(part, dict) and part:
            key = draw(st.sampled_from(sorted(part)))
            if draw(st.booleans()) or not isinstance(part[key], dict):
                part[key] = draw(VALUES | st.lists(VALUES, max_size=2) | st.dictionaries(st.text(max_size=3), VALUES))
                break
            part = part[key]
    return container


def inputs(function: Callable[..., Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    words = re.findall(r'"(\w+)"', inspect.getsource(inspect.getmodule(function))) or ["Id"]
    structure = st.dictionaries(st.sampled_from(words), structures(words), max_size=12) | damaged()
    known = {
        "bytes": BYTES,
        "Iterable[bytes]": BYTES.map(bytes.splitlines),
        "str": st.text(max_size=200) | BYTES.map(lambda data: data.decode("utf-8", "replace")),
        "int": st.integers(1, 1000),
        "dns.message.QueryMessage": st.just(QUERY),
        "Collection[int]": st.sets(st.integers(0, 65535), max_size=3),
        "Callable[[str], bool] | None": st.sampled_from([None, str.isalpha]),
        "Mapping[str, Any]": structure,
        "Iterable[Mapping[str, Any]]": st.lists(structure, max_size=3),
    }
    return st.tuples(
        *(known[str(parameter.annotation)] for parameter in inspect.signature(function).parameters.values())
    )


def check_errors(function: Callable[..., Any], *arguments: Any) -> None:
    """Call a parser; it may raise an error of its own with a message, UNREADABLE for an engine's responses."""
    from_engine = "Mapping" in str(next(iter(inspect.signature(function).parameters.values())).annotation)
    allowed = UNREADABLE if from_engine else (ValueError, SourceFailure, UnexpectedAnswer, InvalidCertificate)
    try:
        function(*arguments)
    except allowed as error:
        assert str(error) or from_engine


def test_parsers_are_discovered():
    assert len(PARSERS) >= 45, "a parser was renamed, made private or moved so that the discovery misses it"
    assert {
        "sources.procfs.parse_cpus",
        "sources.cgroup_values.parse_io_stat",
        "sources.container.parse_inspect",
    } < set(PARSERS)
    assert {"listen.parse_address", "sources.textformat.parse_samples", "sources.mounts.parse_mountinfo"} < set(PARSERS)


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(data=st.data())
def test_truncated_and_garbled_input(name: str, data: st.DataObject):
    check_errors(PARSERS[name], *data.draw(inputs(PARSERS[name])))


@pytest.mark.parametrize(
    "piece", [b"\0", b" ", b"\n", b"9", b"-", b"cpu0 1 2 3\n", b"cpu\n", b"intr\n", b"a b c d\n", b"a:\n"]
)
@pytest.mark.parametrize(
    "name", [name for name, parameter in PARSERS.items() if "Mapping" not in str(inspect.signature(parameter))]
)
def test_small_and_huge_input(name: str, piece: bytes):
    for text in (b"", piece, piece * (HUGE // len(piece))):
        kinds = {"bytes": text, "str": text.decode(), "int": 100, "Iterable[bytes]": text.splitlines()}
        kinds["Collection[int]"] = (22, 80)
        kinds["dns.message.QueryMessage"] = QUERY
        kinds["Callable[[str], bool] | None"] = str.isalpha
        takes = inspect.signature(PARSERS[name]).parameters.values()
        check_errors(PARSERS[name], *(kinds[str(parameter.annotation)] for parameter in takes))


def test_arp_entries_of_a_tunnel_have_no_hardware_address():
    heading = b"IP address       HW type     Flags       HW address            Mask     Device\n"
    tunnel = b"10.8.8.3         0xfffe      0x2                               *        tun9\n"
    usual = b"192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        eth0\n"
    assert procnet.parse_arp(heading + usual + tunnel + tunnel) == {"eth0": 1, "tun9": 2}
    with pytest.raises(ParseError):
        procnet.parse_arp(heading + usual.replace(b"eth0", b""))

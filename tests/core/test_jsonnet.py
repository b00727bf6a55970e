"""Jsonnet in its child process."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from deckwatch.core import jsonnet
from deckwatch.core.jsonnet import ENGINES, JsonnetError, Renderer

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=ENGINES)
def renderer(request, tmp_path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "a.libsonnet").write_text("{ double(x):: x * 2, b: import 'sub/b.libsonnet' }")
    (tmp_path / "lib" / "sub").mkdir()
    (tmp_path / "lib" / "sub" / "b.libsonnet").write_text("(import '../c.libsonnet') + 1")
    (tmp_path / "lib" / "c.libsonnet").write_text("41")
    (tmp_path / "secret").write_text("1")
    (tmp_path / "lib" / "link").symlink_to(tmp_path / "secret")
    with Renderer({"lib": tmp_path / "lib"}, engine=request.param, seconds=5) as renderer:
        yield renderer


def test_programs_are_functions_of_their_arguments(renderer) -> None:
    program = "local a = import 'lib/a.libsonnet'; function(x) { y: a.double(x.n), b: a.b }"
    assert renderer.evaluate(program, x={"n": 21}) == {"y": 42, "b": 42}
    assert renderer.evaluate("[1 < 2]") == [True], "one child evaluates several programs"


def test_arguments_and_results_are_exact(renderer) -> None:
    values = [
        *(0.1, 1 / 3, -1e-300, 1e300),
        *(-1.0238095238095237, -0.9939759036144579, -114954645.36057371, 1 / 49),  # digits that quick parsers round
        2**53,
        -0.0,
        True,
        None,
        "\u00fc\n\"\\\u2028 '%s",
        {"b": [], "a": {}, "$": [[]]},
    ]
    assert renderer.evaluate("function(x, y) [x, y] // a comment", x=values, y="1 + 1") == [values, "1 + 1"]


@pytest.mark.parametrize(
    "program", ["import '/etc/passwd'", "importstr 'lib/../secret'", "importstr 'lib/link'", "importstr '../secret'"]
)
def test_nothing_outside_the_folders_is_read(renderer, program) -> None:
    with pytest.raises(JsonnetError, match="no such file"):
        renderer.evaluate(program)


def test_an_error_has_the_message_of_the_engine_and_the_child_survives(renderer) -> None:
    with pytest.raises(JsonnetError, match="broken"):
        renderer.evaluate("error 'broken'")
    assert renderer.evaluate("1") == 1


def test_too_much_memory_kills_only_the_child(renderer) -> None:
    with pytest.raises(JsonnetError, match="memory"):
        renderer.evaluate("std.length(std.repeat('x', 3e9))")


def test_too_much_time_kills_only_the_child(tmp_path) -> None:
    with Renderer({"lib": tmp_path}, seconds=0.5) as renderer, pytest.raises(JsonnetError, match="took longer than"):
        renderer.evaluate("local f(n) = if n < 2 then n else f(n - 1) + f(n - 2); f(60)")


def test_a_child_that_has_grown_restarts_itself() -> None:
    program = "function(n) [{ n: i + n, text: 'x' + i } for i in std.range(1, 20000)]"
    children, largest = set(), 0
    with Renderer({}) as renderer:
        for number in range(25):
            assert renderer.evaluate(program, n=number)[-1] == {"n": 20000 + number, "text": "x20000"}
            children.add(renderer._start_child().pid)
            pages = int(Path(f"/proc/{renderer._start_child().pid}/statm").read_text().split()[1])
            largest = max(largest, pages * resource.getpagesize())
    assert len(children) == 1, "the process id stays the same"
    assert largest < 700 << 20


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_may_be_in_a_folder_that_only_a_script_adds(engine) -> None:
    """As in the Debian package, whose interpreter has no packages of its own."""
    folders = [str(ROOT), *(each for each in sys.path if each.endswith("site-packages"))]
    script = (
        f"import sys; sys.path += {folders}\n"
        "from deckwatch.core.jsonnet import Renderer\n"
        f"with Renderer({{}}, engine={engine!r}) as renderer: print(renderer.evaluate('1 + 1'))"
    )
    command = [sys._base_executable, "-I", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("2", "")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_engine_that_is_not_installed_is_named(engine) -> None:
    folders = [str(ROOT), str(Path(orjson.__file__).parents[1])]
    script = (
        f"import sys; sys.path += {folders}\n"
        "from deckwatch.core import jsonnet\n"
        "jsonnet._find_packages = lambda engine: []\n"
        f"with jsonnet.Renderer({{}}, engine={engine!r}) as renderer: renderer.evaluate('1 + 1')"
    )
    done = subprocess.run([sys._base_executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    module = jsonnet._MODULES[engine]
    assert done.stderr.splitlines()[-1].endswith(f"Jsonnet's engine cannot be loaded: No module named '{module}'")

"""Evaluate Jsonnet in a child process (`_jsonnet_child.py`, the only module that knows the engines).

The child has limits on memory and time: `std.repeat('x', 3e9)` under a memory limit aborts the whole interpreter in
both engines, and they hold the interpreter lock throughout. The child serves imports only from the given folders.
"""

from __future__ import annotations

import importlib.util
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import orjson

from deckwatch.core import code_cache
from deckwatch.core.problems import DeckwatchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Engine = Literal["rjsonnet", "jsonnet"]
ENGINES: tuple[Engine, ...] = ("rjsonnet", "jsonnet")
_MODULES: dict[Engine, str] = {"rjsonnet": "rjsonnet", "jsonnet": "_jsonnet"}

_MEMORY_BYTES = 2 << 30
_SECONDS = 60.0
_PIPE_BYTES = 1 << 20  # the unprivileged maximum (/proc/sys/fs/pipe-max-size)
_MIN_VALUES_FOR_TWO = 16  # starting a child takes as long as rendering a few dashboards
_CHILD = Path(__file__).with_name("_jsonnet_child.py")


class JsonnetError(DeckwatchError):
    """A Jsonnet program failed; the message is that of the engine."""


class Renderer:
    """A child process that evaluates Jsonnet, one program after another.

    `folders` maps the first part of an import path to a folder: with {"dashboards": D},
    `import 'dashboards/theme.libsonnet'` reads D/theme.libsonnet.

    The child starts at once, so that it loads while the caller reads YAML; `on_demand`, at the first program.

    `--watch` sets `cache` to a mapping that holds all results by request, and clears it when a Jsonnet file changes.
    """

    cache: ClassVar[dict[Any, bytes] | None] = None

    def __init__(
        self,
        folders: Mapping[str, Path],
        *,
        engine: Engine = "rjsonnet",
        seconds: float = _SECONDS,
        on_demand: bool = False,
    ) -> None:
        self.folders = {name: str(path.resolve()) for name, path in folders.items()}
        self.engine = engine
        self.seconds = seconds
        self.on_demand = on_demand
        self._is_open = False
        self._folders = dict(folders)
        self._child: subprocess.Popen[bytes] | None = None
        self._second: Renderer | None = None

    def __enter__(self) -> Self:
        for path in self.folders.values():
            sys.audit("deckwatch.jsonnet", path)  # the child reads these files; report it to audit hooks here
        self._is_open = True
        if not self.on_demand:
            self._spawn_child()
        return self

    def _spawn_child(self) -> subprocess.Popen[bytes]:
        environment = {"PYTHONHASHSEED": "0", "PATH": os.environ.get("PATH", "")}
        self._child = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pipesize=_PIPE_BYTES,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        settings = {"engine": self.engine, "folders": self.folders, "memory": _MEMORY_BYTES}
        self._send_message(settings | {"packages": _find_packages(self.engine)})
        return self._child

    def __exit__(self, *_: object) -> None:
        self._is_open = False
        if self._second is not None:
            self._second.__exit__()
            self._second = None
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def evaluate(self, snippet: str, **arguments: Any) -> Any:
        """Return the value of a Jsonnet program, a function of the keyword arguments if any are given.

        Raises JsonnetError with the engine's message, or if the child exceeds its memory or time limit.
        """
        if self.cache is None:
            self._call_child(snippet, arguments)
            return self._read_answer()
        key = (self.engine, snippet, orjson.dumps(arguments))
        if key not in self.cache:
            self._call_child(snippet, arguments)
            self.cache[key] = orjson.dumps(self._read_answer())
        return orjson.loads(self.cache[key])

    def evaluate_shipped(self, name: str, snippet: str) -> Any:
        """Return the value of a program that reads only shipped files, from the cache of our code if possible.

        `name` is a word for it. Raises JsonnetError.
        """
        return code_cache.get_or_build(f"{name}-{self.engine}", lambda: self.evaluate(snippet))

    def evaluate_each(self, snippet: str, values: Sequence[Any]) -> list[Any]:
        """Evaluate a program, a function of `values` that returns a list of the same length.

        A long list is split between two child processes.
        """
        if self.cache is not None:
            return self._evaluate_cached(snippet, values, self.cache)
        if len(values) < _MIN_VALUES_FOR_TWO or (os.cpu_count() or 1) < 2:
            results: list[Any] = self.evaluate(snippet, values=list(values))
            return results
        if self._second is None:
            self._second = Renderer(self._folders, engine=self.engine, seconds=self.seconds).__enter__()
        half = len(values) // 2
        self._second._call_child(snippet, {"values": list(values[half:])})  # noqa: SLF001 - same class
        self._call_child(snippet, {"values": list(values[:half])})
        return [*self._read_answer(), *self._second._read_answer()]  # noqa: SLF001

    def _evaluate_cached(self, snippet: str, values: Sequence[Any], cache: dict[Any, bytes]) -> list[Any]:
        keys = [(self.engine, snippet, orjson.dumps(value)) for value in values]
        missing = {key: value for key, value in zip(keys, values, strict=True) if key not in cache}
        if missing:
            self._call_child(snippet, {"values": list(missing.values())})
            cache.update(zip(missing, map(orjson.dumps, self._read_answer()), strict=True))
        return [orjson.loads(cache[key]) for key in keys]

    def _call_child(self, snippet: str, arguments: Mapping[str, Any]) -> None:
        self._send_message(
            {"snippet": snippet, "arguments": {name: _to_json(value) for name, value in arguments.items()}}
        )

    def _read_answer(self) -> Any:
        answer = self._receive_message()
        if answer[:1] == b"E":
            message = answer[1:].decode()
            hint = ""
            if self.engine == "rjsonnet" and "no such field" in message:
                hint = "\nrjsonnet lacks a few standard functions: try --engine jsonnet"
            raise JsonnetError(message.strip() + hint)
        value = orjson.loads(memoryview(answer)[1:])
        return orjson.loads(value) if answer[:1] == b"T" else value

    def _send_message(self, message: dict[str, Any]) -> None:
        child = self._start_child()
        data = orjson.dumps(message)
        try:
            child.stdin.write(len(data).to_bytes(8, "big") + data)  # type: ignore[union-attr]
            child.stdin.flush()  # type: ignore[union-attr]
        except BrokenPipeError:
            raise self._child_died_error() from None

    def _receive_message(self) -> bytearray:
        stdout = self._start_child().stdout
        assert stdout is not None  # noqa: S101 - opened as a pipe above
        deadline = time.monotonic() + self.seconds
        data, expected = bytearray(), 8
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while len(data) < expected:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    self.__exit__()
                    raise JsonnetError(f"Jsonnet took longer than {self.seconds:g} s")
                chunk = os.read(stdout.fileno(), 1 << 20)
                if not chunk:
                    raise self._child_died_error()
                data += chunk
                if expected == 8 and len(data) >= 8:
                    expected = 8 + int.from_bytes(data[:8], "big")
        del data[:8]
        return data

    def _start_child(self) -> subprocess.Popen[bytes]:
        if self._child is not None:
            return self._child
        if not self._is_open:
            raise JsonnetError("the renderer is not running")
        return self._spawn_child()

    def _child_died_error(self) -> JsonnetError:
        self.__exit__()
        return JsonnetError(f"Jsonnet ran out of memory (more than {_MEMORY_BYTES >> 20} MiB) or crashed")


def _find_packages(engine: Engine) -> list[str]:
    """Return the folder on `sys.path` with the engine; empty if it is not installed.

    The child's interpreter does not find it by itself where a script adds it to `sys.path`, as in the Debian package.
    """
    spec = importlib.util.find_spec(_MODULES[engine])
    if spec is None or spec.origin is None:
        return []
    module = Path(spec.origin)
    return [str(module.parents[1] if spec.submodule_search_locations else module.parent)]


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()

"""The child process that evaluates Jsonnet; it imports no other module of deckwatch, to start in a few milliseconds.

Messages in both directions are prefixed with their length in 8 bytes. The parent sends JSON: first the settings
{engine, packages, folders, memory}, then programs {snippet, arguments}. Each program is answered by V and the value as
JSON, by T and a JSON string that contains it, or by E and the error message.
"""

from __future__ import annotations

import functools
import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

_MAX_BYTES = 512 << 20


def main() -> None:
    """Evaluate programs until standard input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def receive_message() -> Any:
        head = source.read(8)
        if len(head) < 8:
            sys.exit(0)
        return json.loads(source.read(int.from_bytes(head, "big")))

    settings = json.loads(sys.argv[1]) if len(sys.argv) > 1 else receive_message()
    resource.setrlimit(resource.RLIMIT_AS, (settings["memory"], settings["memory"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folders = {name: Path(path) for name, path in settings["folders"].items()}
    sys.path.extend(settings["packages"])
    try:
        evaluate, as_bytes = _load_engine(settings["engine"])
    except ImportError as error:
        evaluate, as_bytes = _report_missing(f"Jsonnet's engine cannot be loaded: {error}"), False

    def read_import(base: str, name: str) -> tuple[str, Any]:
        # For the program itself, base is the working directory in one engine and '' in the other.
        inside = [part for part in base.split("/") if part] if not base.startswith("/") else []
        for parts in ([*inside, *name.split("/")], name.split("/")):
            path = _normalize_path(parts)
            if path and path[0] in folders:
                file = folders[path[0]].joinpath(*path[1:]).resolve()
                if file.is_relative_to(folders[path[0]]) and file.is_file():
                    text = file.read_text(encoding="utf-8")
                    return "/".join(path), text.encode() if as_bytes else text
        raise RuntimeError(f"import of {name!r}: no such file in {', '.join(sorted(folders))}")

    while True:
        request = receive_message()
        try:
            data = evaluate(request["snippet"], request["arguments"], import_callback=read_import, max_stack=2000)
        except (RuntimeError, ValueError, MemoryError) as error:
            data = b"E" + str(error).encode(errors="replace")
        sink.write(len(data).to_bytes(8, "big") + data)
        sink.flush()
        if _resident_bytes() > _MAX_BYTES:
            # The result is sent and the next request is not, so the read buffer is empty.
            os.execv(sys.executable, [sys.executable, "-I", __file__, json.dumps(settings)])  # noqa: S606 - restarts this file


def _resident_bytes() -> int:
    """Return the resident memory of this process in bytes; 0 if unknown."""
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _load_engine(engine: str) -> tuple[Any, bool]:
    """Return a function that evaluates a program to an answer, and whether the import callback returns bytes."""
    if engine == "rjsonnet":
        import rjsonnet  # noqa: PLC0415

        # The engine's garbage collector takes longer than the evaluation; this process restarts itself when it has
        # grown too large.
        run = functools.partial(rjsonnet.evaluate_snippet, "program", gc=False)  # type: ignore[call-arg]  # its stub lacks it

        def evaluate(snippet: str, arguments: dict[str, str], **options: Any) -> bytes:
            if not arguments:
                return b"V" + run(snippet, **options).encode()
            # Without the spaces of an indented result, which take a tenth of the time. Arguments are code, although
            # std.parseJson would be faster: it rounds every fifth fraction wrongly.
            given = ", ".join(f"{name}={name}" for name in arguments)
            called = f"function({', '.join(arguments)}) std.manifestJsonMinified(program({given}))"
            text = run(f"local program = ({snippet}\n); {called}", tla_codes=arguments, **options)
            return b"T" + text.encode()

        return evaluate, False
    import _jsonnet  # noqa: PLC0415

    def evaluate_code(snippet: str, arguments: dict[str, str], **options: Any) -> bytes:
        value: str = _jsonnet.evaluate_snippet("program", snippet, tla_codes=arguments, **options)
        return b"V" + value.encode()

    return evaluate_code, True


def _report_missing(reason: str) -> Any:
    """Return a function in place of an engine that is not there, which raises RuntimeError for each program."""

    def raise_reason(*_: object, **_options: object) -> bytes:
        raise RuntimeError(reason)

    return raise_reason


def _normalize_path(parts: list[str]) -> list[str] | None:
    """Return a path without `.` and `..`, None if it leaves its folder."""
    result: list[str] = []
    for part in parts:
        if part == "..":
            if not result:
                return None
            result.pop()
        elif part not in ("", "."):
            result.append(part)
    return result


if __name__ == "__main__":
    main()

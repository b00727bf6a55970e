"""Adds a machine to `hosts:` of a project's file, which keeps all else: comments, order, formatting."""

from __future__ import annotations

import json
import re

import yaml

from deckwatch.core.yaml_edit import CannotEditError

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*\Z")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off"))


def add_host(text: str, name: str, address: str) -> str:
    """Return the text with one more entry at the end of `hosts:`; raises CannotEditError."""
    entry = f"{{name: {_quote_scalar(name)}, address: {json.dumps(address)}}}"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise CannotEditError("the file is not a mapping")
    entries = next((value for key, value in root.value if key.value == "hosts"), None) if root is not None else None
    if entries is None:
        if root is not None and root.flow_style:
            raise CannotEditError("the file is on one line")
        end = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{end}hosts:\n  - {entry}\n"
    if not isinstance(entries, yaml.SequenceNode) or not entries.value:
        raise CannotEditError("hosts is not a list with entries")
    last = entries.value[-1]
    start = last.start_mark.index
    end = start + len(text[start : last.end_mark.index].rstrip())
    if entries.flow_style:
        return f"{text[:end]}, {entry}{text[end:]}"
    line_end = text.find("\n", end)
    before, after = (text, "\n") if line_end < 0 else (text[:line_end], text[line_end:])
    return f"{before}\n{' ' * entries.start_mark.column}- {entry}{after}"


def _quote_scalar(text: str) -> str:
    return text if _PLAIN.match(text) and text.lower() not in _WORDS else json.dumps(text, ensure_ascii=False)

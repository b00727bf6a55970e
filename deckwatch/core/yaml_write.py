"""Write YAML for Prometheus, Alertmanager and Grafana: stable bytes, readable PromQL, no folded lines.

Strings that readers of YAML 1.1 (`on`, `0755`, `22:30`) or 1.2 (`1e3`, `0o17`) would misread are quoted; expressions
and multi-line strings are literal blocks, in which quotes and backslashes need no escaping.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from deckwatch.core.yaml_file import parse_scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

LITERAL_KEYS = frozenset(("expr",))  # written as a literal block even on one line
_NUMBER_STARTS = frozenset("+-.0123456789")
_WIDTH = 1 << 30  # never fold: refolding would change every line below in a diff
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Literal(str):
    __slots__ = ()


class _Dumper(_DUMPER):  # type: ignore[misc]  # PyYAML's C dumper if available, else the Python one
    def ignore_aliases(self, data: Any) -> bool:
        """Repeat a shared value instead of writing an anchor and an alias."""
        del data
        return True

    def represent_literal(self, data: str) -> Any:
        """Return the node of a string as a literal block."""
        return self.represent_scalar("tag:yaml.org,2002:str", str(data), style="|")

    def represent_string(self, data: str) -> Any:
        """Return the node of a string, quoted if YAML 1.2 reads it as a number; PyYAML quotes by 1.1 only."""
        is_number = data[:1] in _NUMBER_STARTS and not isinstance(parse_scalar(data), str)
        return self.represent_scalar("tag:yaml.org,2002:str", data, style="'" if is_number else None)


_Dumper.add_representer(_Literal, _Dumper.represent_literal)
_Dumper.add_representer(str, _Dumper.represent_string)


def dump_yaml(data: Any, *, header: str = "", order: Iterable[str] = ()) -> str:
    """Return YAML text that ends in a newline.

    `header` is a comment of one or more lines. Keys named in `order` come first in each mapping, in that order; the
    others keep their order. Values are JSON values.
    """
    ranks = {key: rank for rank, key in enumerate(order)}
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    body = yaml.dump(
        _prepare_value(data, "", ranks),
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=_WIDTH,
    )
    return comment + str(body)


def _prepare_value(value: Any, key: str, ranks: dict[str, int]) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda name: ranks.get(name, len(ranks)))
        return {name: _prepare_value(value[name], name, ranks) for name in keys}
    if isinstance(value, (list, tuple)):
        return [_prepare_value(item, "", ranks) for item in value]
    if isinstance(value, str) and value.strip() and ("\n" in value or key in LITERAL_KEYS):
        return _Literal(value)
    return to_yaml_number(value) if isinstance(value, float) else value


def to_yaml_number(value: float) -> float:
    """Return a whole number as an integer: Jsonnet has only floating-point numbers."""
    return int(value) if value.is_integer() and abs(value) < 1 << 53 else value

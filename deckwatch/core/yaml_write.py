"""Writes YAML for Prometheus, Alertmanager and Grafana: stable bytes, readable PromQL, nothing folded.

Text that the readers' YAML 1.1 would take for something else (`on`, `0755`, `22:30`) comes quoted; an expression and
any text of several lines comes as a literal block, in which quotes and backslashes stand as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable

LITERAL_KEYS = frozenset(("expr",))  # written as a literal block even on one line
_WIDTH = 1 << 30  # never fold: a folded line is a changed line in every diff below it
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Literal(str):
    __slots__ = ()


class _Dumper(_DUMPER):  # type: ignore[misc]  # PyYAML's C dumper where it was built, else the Python one
    def ignore_aliases(self, data: Any) -> bool:
        """Write a value that stands at two places twice: anchors are for people who write YAML by hand."""
        del data
        return True

    def represent_literal(self, data: str) -> Any:
        """Return the node of a text that is to be a literal block."""
        return self.represent_scalar("tag:yaml.org,2002:str", str(data), style="|")


_Dumper.add_representer(_Literal, _Dumper.represent_literal)


def dump_yaml(data: Any, *, header: str = "", order: Iterable[str] = ()) -> str:
    """Return YAML text that ends in a newline.

    `header` is a comment of one or more lines. Keys named in `order` come first in each mapping, in that order; the
    others follow as they stand. Values are those of JSON.
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
        return [_prepare_value(one, "", ranks) for one in value]
    if isinstance(value, str) and value.strip() and ("\n" in value or key in LITERAL_KEYS):
        return _Literal(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)  # Jsonnet has one kind of number
    return value

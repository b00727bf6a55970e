"""The page of the reference about dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.provisioning import dialect as dialects
from deckwatch.provisioning.dialect_relabelling import find_renamed
from deckwatch.provisioning.dialect_rules import build_rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.provisioning.dialect import Dialect, LabelSource, Source

_INTRODUCTION = """# Dialects

`speaks: NAME` on an entry of `scrape:` names the dialect of a page. Its metrics and labels become ours, so that the
application dashboard, alerts, objectives and recorded series work on it. The guide explains
[how to use and declare them](../guide/dialects.md). Of several names in a cell, the first that a page or a series has
is read. `*` stands for any prefix.
"""


def build_page() -> Iterator[str]:
    """Yield the lines of the page."""
    yield _INTRODUCTION
    for name in dialects.list_shipped():
        yield from _describe_dialect(dialects.load_shipped(name))


def _describe_dialect(dialect: Dialect) -> Iterator[str]:
    yield f"## {dialect.name}\n"
    yield f"{dialect.data['about']}\n"
    yield from (f"- {fact}" for fact in dialect.data.get("facts", ()))
    yield "\n| our metric | theirs | how |\n|---|---|---|"
    derived = {rule["record"] for rule in build_rules(dialect)}
    renamed = set(find_renamed(dialect).values())
    for metric, sources in dialect.metrics.items():
        parts = {metric + part for part in dialect.list_parts(metric)}
        how = [word for word, names in (("renamed", renamed), ("recording rule", derived)) if parts & names]
        yield f"| `{metric}` | {', '.join(map(_show_source, sources))} | {', '.join(how)} |"
    if dialect.labels:
        yield "\n| our label | theirs |\n|---|---|"
        for label, labels in dialect.labels.items():
            yield f"| `{label}` | {', '.join(map(_show_label, labels))} |"
    for word, conditions in (("Only", dialect.only), ("Without", dialect.skip)):
        for label, regex in conditions.items():
            escaped = regex.replace("|", "\\|")
            yield f"\n{word} series whose label `{label}` matches `{escaped}`."
    yield ""


def _show_source(source: Source) -> str:
    unit = next(unit for unit, places in dialects.UNITS.items() if places == source.places)
    return f"`{source.metric}`" + (f" ({unit})" if source.places else "")


def _show_label(source: LabelSource) -> str:
    if source.value == "${1}":
        return f"`{source.label}`"
    return f"`{source.label}` as `{source.value.replace('${1}', '…')}`"

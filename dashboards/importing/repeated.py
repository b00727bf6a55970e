"""Queries that several panels ask: each is declared once, as a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deckwatch.core import signal_file, yaml_file, yaml_write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.dashboards.importing.asked import Datasources


def signals(panels: Sequence[Mapping[str, Any]], sources: Datasources, catalog: Catalog) -> dict[str, tuple[str, str]]:
    """Return a name and a title for each query that stands in several panels and can be a signal as it is."""
    seen: dict[str, list[str]] = {}
    for panel in panels:
        for text in {str(one.get("expr") or "").strip() for one in panel.get("targets") or []}:
            if text and sources.kind(panel) == "prometheus":
                seen.setdefault(text, []).append(str(panel.get("title") or ""))
    found: dict[str, tuple[str, str]] = {}
    for text, titles in seen.items():
        name = _slug(titles[0])
        if len(titles) < 2 or not name or not _declarable(text, name, catalog):
            continue
        taken = {one for one, _ in found.values()}
        number = next(n for n in range(1, 1000) if (name if n == 1 else f"{name}_{n}") not in taken)
        found[text] = (name if number == 1 else f"{name}_{number}", titles[0])
    return found


def _declarable(text: str, name: str, catalog: Catalog) -> bool:
    """Return whether a signal with this expression passes, and is drawn with the very same."""
    document = yaml_file.parse_yaml(yaml_write.dump_yaml({"signals": {name: {"expr": text}}}), "signals.yaml")
    found, problems = signal_file.load_signals([document], catalog)
    if problems or signal_file.check_signals(found, catalog):
        return False
    (one,) = found.values()
    return one.build_expression() == text


def _slug(text: str) -> str:
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text.lower())
    name = "_".join(filter(None, letters.split("_")))
    return name if name[:1].isalpha() else ""

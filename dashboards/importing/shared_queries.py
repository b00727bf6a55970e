"""Queries that several panels share: each becomes a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core import signal_file, yaml_file, yaml_write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deckwatch.core.catalog import Catalog
    from deckwatch.core.json_types import JsonMapping
    from deckwatch.dashboards.importing.queries import Datasources


def find_signals(panels: Sequence[JsonMapping], sources: Datasources, catalog: Catalog) -> dict[str, tuple[str, str]]:
    """Return a name and a title for each query that several panels share and that can be a signal unchanged."""
    titles_by_query: dict[str, list[str]] = {}
    for panel in panels:
        for text in dict.fromkeys(str(target.get("expr") or "").strip() for target in panel.get("targets") or []):
            if text and sources.common_kind(panel) == "prometheus":
                titles_by_query.setdefault(text, []).append(str(panel.get("title") or ""))
    signals: dict[str, tuple[str, str]] = {}
    taken: set[str] = set()
    for text, titles in titles_by_query.items():
        name = _slug(titles[0])
        if len(titles) < 2 or not name or not _is_valid_signal(text, name, catalog):
            continue
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique)
        signals[text] = (unique, titles[0])
    return signals


def _is_valid_signal(text: str, name: str, catalog: Catalog) -> bool:
    """Return whether a signal with this expression passes the checks and is drawn unchanged."""
    document = yaml_file.parse_yaml(yaml_write.dump_yaml({"signals": {name: {"expr": text}}}), "signals.yaml")
    signals, problems = signal_file.load_signals([document], catalog)
    if problems or signal_file.check_signals(signals, catalog):
        return False
    (signal,) = signals.values()
    return signal.build_expression() == text


def _slug(text: str) -> str:
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in text.lower())
    name = "_".join(filter(None, letters.split("_")))
    return name if name[:1].isalpha() else ""

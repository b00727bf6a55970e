"""The variables of tabs and rows of an imported dashboard, as `choose:` of its sections.

A section names its variables; where `choose:` cannot express one, the name is that of a text field whose settings are
among the dashboard's variables under `raw:`, as with all other variables without a keyword.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.dashboards.importing import variables
from deckwatch.dashboards.schema_v2.to_classic import SECTION

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable, Mapping

    from deckwatch.core.json_types import JsonMapping, JsonObject


class SectionChoices:
    """The variables of a dashboard's sections. `of_dashboard` are those that `choose:` of the dashboard can express."""

    def __init__(self, model: JsonMapping, headers: Iterable[JsonMapping | None], lost: Counter[str]) -> None:
        choices = {variables.choice_name(choice): choice for choice in variables.read_choices(model)}
        titles = variables.read_titles(model)
        kept = [header for header in headers if header is not None and SECTION in header]
        unusable = _find_unusable(kept, titles)
        wanted = {name for header in kept for key in ("row", "tab") for name in _names_in(header, key)}
        for name in sorted(wanted & unusable):
            lost[f"variable {name} of a row or tab, now one of the dashboard"] += 1
        self._choices: dict[str, JsonObject] = {
            name: choices.get(name) or _make_text_field(name, titles) for name in sorted(wanted - unusable)
        }
        self._titles: Mapping[str, str] = titles
        self.of_dashboard = [choice for name, choice in choices.items() if name not in self._choices]

    def list_row_choices(self, header: JsonMapping) -> list[JsonObject]:
        """Return the entries of `choose:` of a row."""
        return self._list_choices(_names_in(header, "row"))

    def list_tab_choices(self, header: JsonMapping) -> list[JsonObject]:
        """Return the entries of `choose:` of the tab in which a row is."""
        return self._list_choices(_names_in(header, "tab"))

    def simplify_choice(self, choice: JsonMapping) -> None:
        """Replace an entry that a check rejects by a text field."""
        name = variables.choice_name(choice)
        self._choices[name] = _make_text_field(name, self._titles)

    def _list_choices(self, names: Iterable[str]) -> list[JsonObject]:
        return [self._choices[name] for name in names if name in self._choices]


def _make_text_field(name: str, titles: Mapping[str, str]) -> JsonObject:
    return {"text": name, "title": titles[name]}


def _names_in(header: JsonMapping, owner: str) -> list[str]:
    return list(header[SECTION].get(f"{owner}_variables") or [])


def _find_unusable(headers: Collection[JsonMapping], titles: Mapping[str, str]) -> set[str]:
    """Return the names that no section can have: other than labels, and those for which their own row is repeated."""
    names = {name for header in headers for key in ("row", "tab") for name in _names_in(header, key)}
    repeated = {header["repeat"] for header in headers if header.get("repeat") in _names_in(header, "row")}
    return repeated | {name for name in names if name not in titles or not variables.is_label(name)}

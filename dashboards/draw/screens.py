"""For what screen a dashboard is laid out, and how large its figures are: the wide one, the phone's, or both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from deckwatch.core.problems import Problem
from deckwatch.dashboards.draw import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.dashboards.build import Built
    from deckwatch.dashboards.draw.layout import Box, Spot
    from deckwatch.dashboards.read.spec import Dashboard

Layout = Literal["wide", "phone", "both"]
Figures = Literal["normal", "large"]
_ADDRESS = 40  # characters that Grafana takes
_FIGURES = frozenset(("stat", "gauge"))  # panel files that are a figure, which large needs more room


@dataclass(frozen=True, slots=True)
class ScreenVariant:
    """How one form of a dashboard is drawn. `beside` the wide one it has an address of its own."""

    phone: bool = False
    large: bool = False
    beside: bool = False

    def row(self, boxes: Sequence[Box], top: int) -> tuple[list[Spot], int]:
        """Return where the panels of a row stand, and the first free step below them."""
        return layout.place_column(boxes, top) if self.phone else layout.place_row(boxes, top)

    def box(self, box: Box, type_: str) -> Box:
        """Return what a panel wants, which is more where its figures are large."""
        if not self.large or type_ not in _FIGURES:
            return box
        return replace(box, height=box.height + 1, least=min(box.min_width * 2, layout.COLUMNS))

    def options(self, said: dict[str, Any]) -> dict[str, Any]:
        """Return a panel's options: beside its graph a phone has no room for a legend."""
        return said | {"legend_at": "bottom"} if self.phone and said.get("legend_at") != "hidden" else said

    def address(self, uid: str) -> str:
        """Return the address of this form."""
        return f"{uid[: _ADDRESS - len('-phone')]}-phone" if self.beside else uid

    def title(self, title: str) -> str:
        """Return the title of this form."""
        return f"{title} (phone)" if self.beside else title


def looks(dashboard: Dashboard, usual: Layout, figures: Figures) -> list[ScreenVariant]:
    """Return the forms of a dashboard, which its file chooses or the project for all; a phone has large figures."""
    wanted: Layout = dashboard.said("layout", usual)
    size: Figures | None = dashboard.said("text_size", figures)
    large = size == "large"
    wide, phone = ScreenVariant(large=large), ScreenVariant(phone=True, large=True)
    return {"wide": [wide], "phone": [phone], "both": [wide, replace(phone, beside=True)]}[wanted]


def find_uid_conflicts(built: Sequence[Built]) -> Iterator[Problem]:
    """Yield dashboards whose address the phone's form of another one needs."""
    places = {one.dashboard.uid: one.dashboard.document.place(("dashboard",)) for one in built}
    for one in built:
        for look in one.looks:
            uid = one.dashboard.uid
            if look.beside and look.address(uid) in places:
                message = f"the address {look.address(uid)} is that of the phone's form of {uid}"
                yield Problem(places[look.address(uid)], message, "rename a file", check="address")

"""The part from which panels and rows of a dashboard come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartOrigin:
    """The subjects whose signals have short names in a part, and what distinguishes one use of it from another.

    A dashboard may use a part several times; in shipped dashboards `use` is empty and names stay as they are.
    """

    subjects: tuple[str, ...] = ()
    use: str = ""


NO_PART = PartOrigin()  # the dashboard's own panels and rows

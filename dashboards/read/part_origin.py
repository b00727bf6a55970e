"""What panels bring along from the part that they come from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Lent:
    """What a panel or row of a part brings along: whose signals go by short names in it, and what tells its use apart.

    One part may be used several times on a dashboard; in shipped ones nothing is added to its panels' names.
    """

    subjects: tuple[str, ...] = ()
    use: str = ""


NOTHING = Lent()  # of what stands in the dashboard itself

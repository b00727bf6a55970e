"""Generated files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """One generated file: a path relative to the output folder, and its whole text; of a dashboard its uid and title.

    The only type that dashboards and alerting hand to provisioning.
    """

    path: str
    text: str
    uid: str = ""
    title: str = ""

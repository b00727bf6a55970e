"""A file to be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Artifact:
    """One generated file: a path relative to the output folder, and its whole text.

    Nothing else crosses from dashboards and alerting into provisioning.
    """

    path: str
    text: str

"""What the target version of Grafana rejects of the form that is exported, with the version in which that changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deckwatch.dashboards.grafana_versions import find_feature, get_feature

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deckwatch.core.problems import Problem
    from deckwatch.core.targets import Targets
    from deckwatch.core.yaml_file import Document


def find_problems(document: Document, targets: Targets, form: str) -> Iterator[Problem]:
    """Yield an error if the target has no such form, and a warning if it does not read it from files."""
    place = document.place(("build", "targets", "grafana"))
    known = find_feature("forms", form)
    problems = list(known.find_problems(targets, f"the form {form}", place)) if known is not None else []
    yield from problems
    if form == "v2" and not problems:
        for problem in get_feature("files", form).find_problems(targets, "file provisioning of the form v2", place):
            hint = "the export has no provider: push the dashboards, or set build: targets:"
            yield replace(problem, severity="warning", hint=hint)

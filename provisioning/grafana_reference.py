"""The page docs/reference/grafana.md: what works from which version of Grafana on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deckwatch.core.targets import PROGRAMS
from deckwatch.dashboards.grafana_versions import KINDS, load_features

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deckwatch.dashboards.grafana_versions import Feature, Kind

_SECTIONS: Mapping[Kind, tuple[str, str]] = {
    "forms": (
        "Forms of a dashboard",
        "The bundle has the classic form; `deckwatch generate --export` writes `v2` and `git-sync`.",
    ),
    "schema_versions": ("`schemaVersion` of the classic form", "The bundle has the one that the target itself writes."),
    "files": ("Files for provisioning", "What Grafana reads from files (`type: file`)."),
    "apis": ("APIs", "What `deckwatch grafana push` and `diff` use: the first one up to 12, the others from 13 on."),
    "layouts": ("Layouts", "Only the v2 form has them; the classic form has the nearest equivalent."),
    "panels": ("Panel types", "All others exist in every supported version."),
    "transformations": ("Transformations", "All others exist in every supported version, as far as known."),
    "variables": ("Types of variables", "All others exist in every supported version."),
    "options": ("Options of panels", "An option that is not listed is accepted: Grafana ignores unknown ones."),
}
_EVIDENCE = {"types": "npm `@grafana/schema`"}


def build_page() -> Iterator[str]:
    """Yield the lines of the page."""
    program = PROGRAMS["grafana"]
    yield "# Versions of Grafana\n"
    yield f'Grafana {program.oldest} to {program.newest} are supported. `build: {{targets: {{grafana: "13.0"}}}}` names'
    yield f"yours, by default {program.default}. `deckwatch check` reports what it lacks, and generated files omit it."
    yield "A version without its last number stands for the first one: 13.0 is 13.0.0.\n"
    yield "Evidence: npm `@grafana/schema` contains Grafana's own types, in which a test looks up each such line;"
    yield "`#N` is an issue or pull request of grafana/grafana."
    for kind in KINDS:
        title, introduction = _SECTIONS[kind]
        yield f"\n## {title}\n\n{introduction}\n"
        yield from _list_rows(load_features()[kind])


def _list_rows(features: Sequence[Feature]) -> Iterator[str]:
    columns = {
        "panel": [feature.panel or "all" for feature in features] if any(item.panel for item in features) else [],
        "name": [f"`{feature.name}`" for feature in features],
        "versions": [_describe_versions(feature) for feature in features],
        "meaning": [feature.note for feature in features] if any(item.note for item in features) else [],
        "evidence": [_EVIDENCE.get(feature.source, feature.source) for feature in features],
    }
    shown = {name: cells for name, cells in columns.items() if cells}
    yield "| " + " | ".join(shown) + " |"
    yield "|" + "---|" * len(shown)
    for row in zip(*shown.values(), strict=True):
        yield "| " + " | ".join(" ".join(cell.split()) for cell in row) + " |"


def _describe_versions(feature: Feature) -> str:
    if feature.since and feature.until:
        return f"{feature.since} until before {feature.until}"
    if feature.since:
        return f"from {feature.since}"
    return f"before {feature.until}" if feature.until else "none"

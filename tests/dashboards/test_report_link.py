"""`report:` of a dashboard: a link to the report about the range shown, where reports are served."""

from __future__ import annotations

import yaml

from deckwatch.core import plugins
from deckwatch.dashboards.draw.v2_form import to_v2
from deckwatch.reports.sections import list_audiences

PAGE = "dashboard: Shop\nreport: services\nrows: [[{text: Nothing.}]]\n"
REPORTS = "https://views.example/deck/api/v1/reports"
LINK = {
    "title": "Report",
    "type": "link",
    "url": f"{REPORTS}/services?from=${{__from}}&to=${{__to}}&zone=${{__timezone}}",
    "targetBlank": True,
    "icon": "doc",
    "tooltip": "Opens a report about the range shown.",
    "tags": [],
    "asDropdown": False,
    "includeVars": False,
    "keepTime": False,  # the address has the range already
}


def test_a_link_opens_the_report_in_both_schemas(build) -> None:
    built = build(PAGE, reports=REPORTS)
    assert built.problems == []
    assert [link["title"] for link in built.model["links"]] == ["Dashboards", "Report"]
    assert built.model["links"][1] == LINK
    [model] = built.bundle.models
    assert to_v2(model.classic, model.built, model.variant)["links"][1] == LINK


def test_there_is_no_link_without_an_address_or_an_audience(build) -> None:
    for built in (build(PAGE), build(PAGE.replace("report: services\n", ""), reports=REPORTS)):
        assert [link["title"] for link in built.model["links"]] == ["Dashboards"]
    assert build(PAGE, reports=REPORTS, form="public").model["links"] == []


def test_a_misspelt_audience_has_the_nearest(build) -> None:
    [problem] = build(PAGE.replace("services", "service")).problems
    assert (problem.place.line, problem.place.column) == (2, 9)
    assert "did you mean services?" in str(problem)


def test_the_schema_has_the_audiences_of_reports() -> None:
    """Dashboards cannot import reports, so that a new audience is one word more in the schema."""
    folder = plugins.package_folder(plugins.import_package("dashboards"))
    schema = yaml.safe_load((folder / "dashboard.schema.yaml").read_text(encoding="utf-8"))
    assert schema["properties"]["report"]["enum"] == sorted(list_audiences())

"""Texts of users that land where Alertmanager, Prometheus or Grafana expand templates and variables are rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from deckwatch.alerting import receivers
from deckwatch.cli import _project
from deckwatch.core.problems import InvalidInput
from deckwatch.provisioning import stack

if TYPE_CHECKING:
    from pathlib import Path

ALERTS = """\
owner: shop
alerts:
  ShopBad:
    expr: probe_duration_seconds{service="shop"}
    above: 2
    unit: %s
    for: 1m
    severity: critical
    each: [service]
    summary: The shop is slow.
    means: Nobody waits.
    do: [Look.]
    proof:
      - {give: [{value: 3, for: 5m}], fires: 1m}
      - {give: [{value: 1, for: 5m}], silent: true}
"""


def problems(folder: Path, project: str, **files: str) -> list[str]:
    (folder / "deckwatch.yaml").write_text(project)
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    try:
        found = stack.build(_project.load_project(folder, keep_invalid=True)).warnings
    except InvalidInput as error:
        found = error.problems
    return [str(problem).removeprefix(f"{folder}/") for problem in found if problem.severity == "error"]


def test_a_template_in_any_option_of_any_receiver_is_rejected(jsonnet_renderer, tmp_path) -> None:
    kinds = receivers.ReceiverKinds(jsonnet_renderer).kinds
    texts = 0
    lines = []
    for name, kind in kinds.items():
        for number, example in enumerate(kind.examples):
            lines.append(f"  t{name}{number}:\n    {name}:")
            for option, value in example.items():
                is_text = isinstance(value, str) and "url" not in option and option not in ("region", "phone", "topic")
                texts += is_text
                lines.append(f"      {option}: {'x{{ .Labels.a }}' if is_text else value!r}".replace("True", "true"))
    found = problems(tmp_path, "teams:\n" + "\n".join(lines).replace("False", "false") + "\n")
    templates = [line for line in found if line.endswith("[template]")]
    assert len(templates) >= texts > 20
    assert all("the beginning of a template, which Alertmanager expands" in line for line in templates)


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        (
            "teams: {shop: {slack: {channel: '#{{ .CommonLabels.team }}', url_file: /run/s}}}",
            (
                "deckwatch.yaml:1:33: error: channel contains {{, the beginning of a template, which Alertmanager "
                "expands (write the text itself) [template]"
            ),
        ),
        (
            "teams: {shop: {email: {to: [a@example.com, '{{ x }}@example.com'], from: b@c.de, server: 'm.test:25'}}}",
            (
                "deckwatch.yaml:1:44: error: to.1 contains {{, the beginning of a template, which Alertmanager expands "
                "(write the text itself) [template]"
            ),
        ),
        (
            "teams: {shop: {webhook: {url: 'http://bot.internal/{{a}}'}}}",
            (
                "deckwatch.yaml:1:31: error: url contains {{, the beginning of a template, which Alertmanager expands "
                "(write the text itself) [template]"
            ),
        ),
        (
            "metrics: {x: {kind: gauge, labels: [v]}}\ndeploys: {metric: x, version: v, by: 'a}}{{ .b'}",
            "deckwatch.yaml:2:38: error: 'a}}{{ .b' is not a label's name [input]",
        ),
        (
            (
                "teams: {shop: {webhook: {url: 'http://bot.internal/'}}}\n"
                "routes: [{severity: info, to: shop, group: ['{{a}}']}]"
            ),
            "deckwatch.yaml:2:45: error: '{{a}}' is not a label's name [input]",
        ),
        (
            (
                "build: {data_sources: {postgres: {address: 'a:5432', database: b, user: c, tls: disable, "
                "password_file: '/run/x}$__file{home}'}}}"
            ),
            (
                "deckwatch.yaml:1:105: error: '/run/x}$__file{home}' is not a path without $, { and }, "
                "which Grafana expands [input]"
            ),
        ),
    ],
)
def test_a_template_in_the_project_is_rejected_at_its_position(tmp_path, project, expected) -> None:
    assert problems(tmp_path, project) == [expected]


def test_templates_in_units_and_names_of_alert_files_are_rejected(tmp_path) -> None:
    assert problems(tmp_path, "{}\n", **{"alerts/shop.yaml": ALERTS % "'{{ .x }}'"}) == [
        "alerts/shop.yaml:6:11: error: the unit of ShopBad contains a template (Prometheus would expand it) [template]"
    ]
    (tmp_path / "alerts" / "shop.yaml").unlink()
    (found,) = problems(tmp_path, "{}\n", **{"alerts/{{x}}.yaml": ALERTS % "seconds"})
    assert "the name of the file contains {{ (rename it: it becomes a label, in which Prometheus" in found


def test_what_is_no_template_stays_valid(tmp_path) -> None:
    text = "teams: {shop: {slack: {channel: '#shop {a} $b}}', url_file: /run/s}}}"
    assert problems(tmp_path, text) == []

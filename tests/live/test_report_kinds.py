"""Every kind of report on two weeks of samples, in every format that needs no other program; acknowledgements."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deckwatch.reports.sections import choose_sections, list_audiences

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
NOBODY = "http://127.0.0.1:1"
MARKUP = '<b onclick="x()">'
PROJECT = """\
teams:
  operations: {webhook: {url: "http://127.0.0.1:1/operations"}}
"""
# What only this kind of report says.
SENTENCES = {
    "services": "archive has no data at all",
    "migration": "Phase Features is blocked.",
    "shop": "In the slowest quarter of the time",
    "workflows": "with overdue workflows at the end",
    "containers": "Containers by cost",
}


def run(folder: Path, url: str, *words: str) -> str:
    argv = [DECKWATCH, "report", "--prometheus", url, *words]
    done = subprocess.run(argv, capture_output=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("audience", list_audiences())
def test_a_report_has_the_sections_of_its_kind(fortnight, tmp_path, audience):
    words = ("--for", audience, "--end", str(fortnight.end), "--alertmanager", NOBODY, "--title", "For ann & bob")
    keys = list(choose_sections(audience))
    for form in ("html", "md", "json"):
        run(tmp_path, fortnight.url, *words, "--format", form)
        text = (tmp_path / f"report.{form}").read_text()
        found = [sentence for kind, sentence in SENTENCES.items() if sentence in text]
        assert found == [sentence for kind, sentence in SENTENCES.items() if audience in (kind, "all")]
        if form == "html":
            assert "<h1>For ann &amp; bob</h1>" in text
            assert [part.partition('"')[0] for part in text.split('<section id="')[1:]] == ["summary", *keys]
            assert MARKUP not in text
        elif form == "md":
            assert "# For ann &amp; bob" in text
            assert MARKUP not in text
        else:
            assert [section["key"] for section in json.loads(text)["sections"]] == keys


def test_a_section_that_was_asked_for_is_never_left_out(week, tmp_path):
    words = ("--alertmanager", NOBODY, "--range", "1d", "--format", "json", "--out", "-")
    report = json.loads(run(tmp_path, week.url, *words, "--for", "migration"))
    [section] = [each for each in report["sections"] if each["key"] == "migration"]
    assert section["texts"] == [{"key": "empty", "items": ["Prometheus has no data for this section."]}]
    assert "Migration" in json.loads(run(tmp_path, week.url, *words))["left_out"]


def test_who_acknowledged_and_how_fast_is_that_of_alertmanager(remembering, start_alertmanager, tmp_path):
    alertmanager = start_alertmanager(PROJECT)
    now = int(time.time())
    alerts = {
        "HostFull": ({"severity": "critical", "owner": "operations", "instance": "web-1"}, now - 1200),
        "HostBusy": ({"severity": "error", "owner": "operations", "instance": "web-2"}, now - 600),
    }
    samples = [("up", [(at, 1.0) for at in range(now - 7200, now + 3600, 60)])]
    for name, (labels, since) in alerts.items():
        text = ",".join(f'{label}="{value}"' for label, value in {"alertname": name, **labels}.items())
        points = [(at, 1.0) for at in range(since, now + 3600, 15)]
        samples.append((f'ALERTS{{{text},alertstate="firing"}}', points))
    url = remembering(samples).url
    alertmanager.fire(*({"alertname": name, **labels} for name, (labels, _) in alerts.items()))
    base = alertmanager.client.base
    argv = [DECKWATCH, "alerts", "ack", "HostFull", "--comment", "mine", "--author", "ann", "--alertmanager", base]
    subprocess.run(argv, check=True, capture_output=True, cwd=tmp_path)
    time.sleep(61 - time.time() % 60)  # the range ends with a whole minute, after the acknowledgement
    words = ("--range", "1h", "--format", "json", "--out", "-", "--alertmanager", base)
    report = json.loads(run(tmp_path, url, *words))
    [section] = [each for each in report["sections"] if each["key"] == "alerts"]
    tables = {table["key"]: table["rows"] for table in section["tables"]}
    [team] = tables["teams"]
    assert team["acknowledged"]["value"] == 1
    [silence] = alertmanager.client.get("/api/v2/silences")
    assert team["median_seconds"]["value"] == pytest.approx(1200, abs=90)
    assert silence["createdBy"] == "ann"
    reactions = {row["alert"]["text"]: row["acknowledged"]["text"] for row in tables["firings"]}
    assert reactions["HostFull"].endswith("by ann")
    assert reactions["HostBusy"] == "no"
    findings = [finding["text"] for finding in report["findings"]]
    assert "Nobody acknowledged 1 firing of a critical alert or an error." in findings
    assert not any("Alertmanager" in note for note in report["notes"])

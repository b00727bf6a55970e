"""`deckwatch report --send` and `--format pdf` on two weeks of samples: as cron runs it, and in a browser."""

from __future__ import annotations

import base64
import json
import os
import struct
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from deckwatch.reports.delivery.pdf import PROGRAMS
from deckwatch.reports.sections import list_audiences

pytestmark = pytest.mark.live

DECKWATCH = Path(sys.executable).with_name("deckwatch")
PHONE, TABLET, NOTEBOOK, DESK = (375, 812), (820, 1180), (1024, 768), (1280, 900)


@pytest.fixture
def run_report(fortnight, tmp_path):
    """Run `deckwatch report` on the second week in the test's folder."""

    def run(*words, code=0, **environment):
        argv = [DECKWATCH, "report", "--end", str(fortnight.end), "--alertmanager", "http://127.0.0.1:1"]
        argv += ["--prometheus", fortnight.url, *words]
        done = subprocess.run(
            argv, capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, **environment}
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def write_team(folder, **channels):
    (folder / "deckwatch.yaml").write_text(json.dumps({"teams": {"crew": channels}}))


class Texts(HTMLParser):
    """The text of a page, without its style."""

    def __init__(self, page):
        super().__init__()
        self.text, self.skips = "", False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.skips = tag == "style"

    def handle_data(self, data):
        self.text += "" if self.skips else data


def test_a_team_gets_the_report_by_mail_and_webhook_and_cron_gets_nothing(run_report, mail_server, inbox, tmp_path):
    server = mail_server()
    mail = {"to": "crew@example.com", "from": "deckwatch@example.com", "server": server.address, "tls": False}
    write_team(tmp_path, email=mail, webhook={"url": f"{inbox.url}/reports"})
    done = run_report("--send", "crew", "--title", "Week <b>48</b>")
    assert (done.stdout, done.stderr) == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["deckwatch.yaml"]
    [mail] = server.mails
    assert mail["Subject"].startswith("Week <b>48</b>, ")
    plain, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    [attached] = mail.iter_attachments()
    report = attached.get_payload(decode=True).decode()
    assert attached.get_filename() == "report.html"
    assert "<h1>Week &lt;b&gt;48&lt;/b&gt;</h1>" in report
    assert "<b>48" not in html
    shown = Texts(report).text
    findings = [line.removeprefix("- ") for line in plain.splitlines() if line.startswith("- ")]
    assert len(findings) >= 3
    for finding in findings:
        assert finding in " ".join(Texts(html).text.split())
        assert finding in " ".join(shown.split())
    [body] = inbox.bodies("/reports")
    assert base64.b64decode(body["file"]["base64"]).startswith(b"<!doctype html>")


@pytest.mark.parametrize("output", ["md", "json", "pdf"])
def test_every_format_is_sent_and_kept_if_wanted(run_report, inbox, tmp_path, output, request):
    if output == "pdf":
        request.getfixturevalue("chromium")
    write_team(tmp_path, webhook={"url": f"{inbox.url}/reports"})
    done = run_report("--send", "crew", "--format", output, "--out", f"week.{output}")
    assert (done.stdout, done.stderr) == ("", "")
    [body] = inbox.bodies("/reports")
    assert body["file"]["name"] == f"week.{output}"
    kept = (tmp_path / f"week.{output}").read_bytes()
    assert base64.b64decode(body["file"]["base64"]) == kept
    assert kept.startswith({"md": b"<!--", "json": b"{", "pdf": b"%PDF-"}[output])


def test_a_report_that_cannot_be_sent_is_an_error_for_cron(run_report, inbox, tmp_path):
    inbox.refuses.add("/reports")
    write_team(tmp_path, webhook={"url": f"{inbox.url}/reports"})
    done = run_report("--send", "crew", "--out", "week.html", code=1)
    assert done.stdout == ""
    assert "webhook: not sent" in done.stderr
    assert (tmp_path / "week.html").exists(), "the file is not lost"


@pytest.mark.parametrize(
    ("channels", "team", "message"),
    [
        ({"webhook": {}}, "crwe", "no team is called crwe (did you mean crew?)"),
        ({"pagerduty": {"routing_key_file": "x"}}, "crew", "team crew has no channel that can carry a report"),
        (
            {"email": {"to": 5, "from": "a@b.c", "server": "mail:25"}},
            "crew",
            "deckwatch.yaml:1:37: error: expected a string",
        ),
        ({"webhook": {"adress": "http://127.0.0.1"}}, "crew", "deckwatch.yaml:1:32: error: url_file is missing"),
    ],
)
def test_mistakes_are_found_before_anything_is_queried(tmp_path, channels, team, message):
    write_team(tmp_path, **channels)
    argv = [DECKWATCH, "report", "--send", team, "--prometheus", "http://127.0.0.1:1"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr
    assert "127.0.0.1:1 does not answer" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_pdf_without_a_browser_leaves_nothing(tmp_path):
    argv = [DECKWATCH, "report", "--format", "pdf", "--prometheus", "http://127.0.0.1:1"]
    empty = tmp_path / "bin"
    empty.mkdir()
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7 mine")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=tmp_path, env={"PATH": str(empty)})
    assert done.returncode == 1
    found = [name for name in PROGRAMS if Path(f"/usr/local/bin/{name}").exists()]
    assert "apt-get install chromium" in done.stderr or found
    assert (tmp_path / "report.pdf").read_bytes() == b"%PDF-1.7 mine"


def test_a_browser_that_fails_leaves_nothing(run_report, tmp_path):
    broken = tmp_path / "bin" / "chromium"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho no display\n")
    broken.chmod(0o755)
    done = run_report("--format", "pdf", code=1, PATH=f"{broken.parent}:{os.environ['PATH']}")
    assert "has not printed the PDF: no display" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


def test_a_pdf_replaces_only_a_pdf_of_ours(run_report, chromium, tmp_path):
    del chromium
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\nmine")
    assert "was not written by this command" in run_report("--format", "pdf", code=1).stderr
    run_report("--format", "pdf", "--force")
    first = (tmp_path / "report.pdf").read_bytes()
    run_report("--format", "pdf")
    assert first[:5] == b"%PDF-"
    assert b"/Lang" in first, "the language is known to screen readers"


@pytest.mark.parametrize("audience", list_audiences())
def test_no_report_has_a_barrier_or_scrolls_to_the_side(run_report, browser, tmp_path, audience):
    run_report("--for", audience)
    page = (tmp_path / "report.html").as_uri()
    # The report for all has every section, so that the others differ in their summary only.
    looks = [(PHONE, "light"), (PHONE, "dark"), (DESK, "light")] if audience == "all" else [(PHONE, "light")]
    for size, scheme in looks:
        open_whole(browser, page, size, scheme)
        assert browser.violations() == [], (size, scheme)
    for size in (PHONE, TABLET, NOTEBOOK, DESK):
        open_whole(browser, page, size)
        assert browser.overflow() == (0, []), size
        picture = browser.take_screenshot(tmp_path / f"{size[0]}.png")
        assert struct.unpack(">I", picture[16:20]) == (size[0],)
    assert browser.messages() == []


def open_whole(browser, page, size, scheme="light"):
    """Open a report with the tables behind its graphs."""
    browser.open(page, size, scheme=scheme)
    browser.evaluate("document.querySelectorAll('details').forEach(each => each.open = true); 0")


def test_the_mail_has_no_barrier_and_fits_a_phone(run_report, mail_server, browser, tmp_path):
    server = mail_server()
    mail = {"to": "crew@example.com", "from": "deckwatch@example.com", "server": server.address, "tls": False}
    write_team(tmp_path, email=mail)
    run_report("--send", "crew")
    page = tmp_path / "mail.html"
    page.write_text(server.mails[0].get_body(("html",)).get_content(), encoding="utf-8")
    browser.open(page.as_uri(), PHONE)
    assert browser.violations() == []
    assert browser.overflow() == (0, [])
    browser.take_screenshot(tmp_path / "mail.png")

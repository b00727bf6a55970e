"""A report sent by mail to a real mail server and to a real HTTP server, and printed by a real browser."""

from __future__ import annotations

import base64
import os
import socketserver
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from deckwatch.core.problems import DeckwatchError
from deckwatch.reports.delivery import pdf
from deckwatch.reports.delivery.message import Message
from deckwatch.reports.delivery.send import choose_channels, send_message

pytestmark = pytest.mark.live

CONTENT = "<p>ü &amp; <b>whole</b></p>".encode() * 2000
MESSAGE = Message(
    "Weekly report, 23 Nov to 30 Nov",
    "It was good: ü\n.\nFrom here\n",
    "<p>It was <b>good</b></p>",
    "report.html",
    "text/html",
    CONTENT,
)
MAIL = {"to": "operations@example.com", "from": "deckwatch@example.com", "tls": False}


def mail_to(server, **options):
    return {"email": {**MAIL, "server": server.address, **options}}


def failure_of(chosen, folder, message=MESSAGE):
    with pytest.raises(DeckwatchError) as caught:
        send_message(chosen, message, folder)
    return str(caught.value)


def test_a_mail_has_both_texts_and_the_file(mail_server, tmp_path):
    server = mail_server()
    send_message(
        mail_to(server, to=['"Ops, the team" <ops@example.com>, b@example.com', "c@example.com"]), MESSAGE, tmp_path
    )
    [envelope], [mail] = server.envelopes, server.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == (
        MAIL["from"],
        ["ops@example.com", "b@example.com", "c@example.com"],
    )
    assert mail["Subject"] == MESSAGE.subject
    assert mail["Auto-Submitted"] == "auto-generated"
    assert {mail["Date"], mail["Message-ID"], mail["From"]} & {None} == set()
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    attached = "\nThe whole report is attached: report.html\n"
    assert plain.get_content().replace("\r\n", "\n") == MESSAGE.text + attached
    assert html.get_content().strip() == MESSAGE.html
    alternatives = [part.get_content_type() for part in mail.walk() if part.get_content_maintype() == "multipart"]
    assert alternatives == ["multipart/mixed", "multipart/alternative"]
    [attached] = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("report.html", "text/html")
    assert attached.get_payload(decode=True) == CONTENT


def test_names_cannot_add_headers_or_recipients(mail_server, tmp_path):
    server = mail_server()
    hostile = "shop\r\nBcc: victim@example.com\r\n\r\n<script>x</script>\u2028\ud800"
    message = Message(hostile, hostile, hostile, f"{hostile}.html", "text/html", b"x")
    send_message(mail_to(server), message, tmp_path)
    [envelope], [mail] = server.envelopes, server.mails
    assert envelope.rcpt_tos == [MAIL["to"]]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "shop Bcc: victim@example.com <script>x</script>"
    for bad in ("ops@example.com\nBcc: victim@example.com", "ops", "@example.com", "ops@", "", "a b@c d"):
        text = failure_of(mail_to(server, to=bad), tmp_path)
        assert "is not an address such as operations@example.com" in text
        assert "\n" not in text
    assert "from: expected one address" in failure_of(mail_to(server, **{"from": "a@b.c, d@e.f"}), tmp_path)
    assert len(server.envelopes) == 1


def test_tls_and_a_login(mail_server, mail_login, authority, tmp_path, monkeypatch):
    server = mail_server(tls=True)
    user, password = mail_login
    (tmp_path / "password").write_text(f"{password}\n")
    secure = {"tls": True, "user": user, "password_file": "password"}
    text = failure_of(mail_to(server, **secure), tmp_path)
    assert "its certificate is not trusted" in text, "nobody knows the authority"
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    send_message(mail_to(server, **secure), MESSAGE, tmp_path)
    [session] = server.sessions
    assert session.ssl is not None
    assert session.authenticated
    (tmp_path / "password").write_text("wrong horse\n")
    text = failure_of(mail_to(server, **secure), tmp_path)
    assert "refuses the login: 535" in text
    assert "wrong horse" not in text
    assert failure_of(mail_to(server, tls=False), tmp_path).count("530") == 1, "the server wants STARTTLS"
    for content, reason in (("", "expected one line"), ("a\nb", "expected one line"), ("pässword", "ASCII")):
        (tmp_path / "password").write_text(content)
        text = failure_of(mail_to(server, **secure), tmp_path)
        assert reason in text
        assert "pässword" not in text
    assert "cannot be read: No such file" in failure_of(mail_to(server, **secure), tmp_path / "nowhere")
    assert len(server.envelopes) == 1


def test_a_password_is_never_sent_in_the_clear(tmp_path):
    (tmp_path / "password").write_text("secret")
    options = {**MAIL, "server": "mail.example:25", "user": "me", "password_file": "password"}
    assert "is not sent to mail.example:25 without TLS" in failure_of({"email": options}, tmp_path)


def test_a_mail_server_that_fails_is_explained(mail_server, tmp_path, monkeypatch):
    server = mail_server()
    assert "does not offer TLS" in failure_of(mail_to(server, tls=True), tmp_path)
    server.refuses.add("nobody@example.com")
    text = failure_of(mail_to(server, to=["nobody@example.com"]), tmp_path)
    assert "refuses nobody@example.com: 550 no such user here" in text
    text = failure_of(mail_to(server, to=["nobody@example.com", "b@example.com"]), tmp_path)
    assert "the others have received the mail" in text
    server.answer = "552 message too big"
    assert "says 552 message too big" in failure_of(mail_to(server), tmp_path)
    server.answer, server.delay_seconds = "250 OK", 2.0
    monkeypatch.setattr("deckwatch.reports.delivery.channels.email._TIMEOUT_SECONDS", 0.3)
    start = time.monotonic()
    assert "it timed out" in failure_of(mail_to(server), tmp_path)
    assert time.monotonic() - start < 5
    assert "connection refused" in failure_of({"email": {**MAIL, "server": "127.0.0.1:1"}}, tmp_path)
    assert "no host is called nowhere.invalid" in failure_of(
        {"email": {**MAIL, "server": "nowhere.invalid:25"}}, tmp_path
    )


def test_a_server_that_is_no_mail_server(inbox, tmp_path, monkeypatch):
    monkeypatch.setattr("deckwatch.reports.delivery.channels.email._TIMEOUT_SECONDS", 0.5)
    address = inbox.url.removeprefix("http://")  # waits for a request
    assert "does not answer: it timed out" in failure_of({"email": {**MAIL, "server": address}}, tmp_path)

    class Greet(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            self.rfile.readline()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        text = failure_of({"email": {**MAIL, "server": address}}, tmp_path)
        server.shutdown()
    assert text == f"email: not sent: {address} does not answer as a mail server"


def test_a_webhook_gets_the_file_or_the_text(inbox, tmp_path):
    (tmp_path / "address").write_text(f"{inbox.url}/secret-path\n")
    send_message({"webhook": {"url": f"{inbox.url}/reports"}}, MESSAGE, tmp_path)
    send_message({"webhook": {"url_file": "address", "text": True}}, MESSAGE, tmp_path)
    [body] = inbox.bodies("/reports")
    assert (body["title"], body["text"]) == (MESSAGE.subject, MESSAGE.text)
    assert (body["file"]["name"], body["file"]["type"]) == ("report.html", "text/html")
    assert base64.b64decode(body["file"]["base64"]) == CONTENT
    assert inbox.bodies("/secret-path") == [{"title": MESSAGE.subject, "body": MESSAGE.text, "type": "info"}]


def test_a_webhook_that_fails_is_explained_without_its_secret(inbox, tmp_path):
    (tmp_path / "address").write_text(f"{inbox.url}/services/T0AAAA/secret-path")
    inbox.refuses.add("/services/T0AAAA/secret-path")
    inbox.answers["/services/T0AAAA/secret-path"] = f"no {inbox.url}/services/T0AAAA/secret-path\n here"
    text = failure_of({"webhook": {"url_file": "address"}}, tmp_path)
    assert text == "webhook: not sent: the webhook in address says 500: no … here"
    for bad in ("http://127.0.0.1:1/secret-path", "secret-path", "http://secret-path:nine/"):
        (tmp_path / "address").write_text(bad)
        text = failure_of({"webhook": {"url_file": "address"}}, tmp_path)
        assert text.startswith("webhook: not sent: the webhook in address ")
        assert "secret-path" not in text


def test_each_channel_is_tried(mail_server, inbox, tmp_path):
    server = mail_server()
    teams = {
        "shop": {"slack": {}, "email": mail_to(server)["email"], "webhook": {"url": "http://127.0.0.1:1/"}},
        "crew": {"slack": {}},
    }
    chosen = choose_channels(teams, "shop")
    assert list(chosen) == ["email", "webhook"]
    text = failure_of(chosen, tmp_path)
    assert text == "webhook: not sent: http://127.0.0.1:1/ does not answer: connection refused"
    assert len(server.envelopes) == 1
    for team, reason in (("shpo", "did you mean shop?"), ("crew", "expected email or webhook")):
        with pytest.raises(DeckwatchError, match=reason.replace("?", r"\?")):
            choose_channels(teams, team)


PAGE = '<!doctype html><html lang="en"><title>Ü report</title><h1>Week</h1><img src="http://{host}/x"><p>{name}</p>'


def test_a_page_is_printed_without_asking_anyone(chromium, inbox):
    host = inbox.url.removeprefix("http://").replace("127.0.0.1", "localhost")
    content = pdf.render_pdf(PAGE.format(host=host, name="\ud800 ü"), chromium)
    assert content.startswith(b"%PDF-")
    assert b"/StructTreeRoot" in content, "tagged for screen readers"
    assert pdf.MARK in content[:100]
    assert inbox.posts == []


def write_program(folder, text):
    path = folder / "chromium"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("echo 'cannot open display' >&2; exit 1", "has not printed the PDF: cannot open display"),
        ("exit 0", "has not printed the PDF: it says nothing"),
        (
            'for word; do case "$word" in --print-to-pdf=*) echo "%PDF-1.4 half" > "${word#*=}";; esac; done',
            "has not printed",
        ),
        (f"{sys.executable} -c 'import time; time.sleep(60)' & sleep 60", "has not printed the PDF within 0.5 s"),
    ],
)
def test_a_browser_that_fails_is_explained(tmp_path, monkeypatch, text, message):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    start = time.monotonic()
    with pytest.raises(DeckwatchError) as caught:
        pdf.render_pdf("<p>x</p>", write_program(tmp_path, text), seconds=0.5 if "sleep" in text else 10)
    assert message in str(caught.value)
    assert time.monotonic() - start < 10
    while any(b"time.sleep(60)" in _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")):
        assert time.monotonic() - start < 20, "a process of the browser still runs"
        time.sleep(0.1)


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_without_a_browser_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pdf, "PROGRAMS", ("no-such-browser",))
    with pytest.raises(DeckwatchError, match="apt-get install chromium"):
        pdf.find_browser()
    assert os.environ["PATH"]

"""A page as PDF, printed by a headless Chromium."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.program import find_program

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# In place of the four bytes with which Chromium marks its files as binary: "Deck" with the highest bits set.
MARK = b"%\xc4\xe5\xe3\xeb"
_TIMEOUT_SECONDS = 60.0
_BINARY_MARK = re.compile(rb"\A(%PDF-[0-9.]+\r?\n)%[\x80-\xff]{4}")
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # /dev/shm is small in containers
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--export-tagged-pdf",  # for screen readers
    "--generate-pdf-document-outline",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # the page needs no other address
)


def find_browser() -> str:
    """Return the path of a Chromium; raises DeckwatchError with what to install."""
    browser = find_program(*PROGRAMS)
    if browser is None:
        raise DeckwatchError(
            "a PDF is printed by Chromium, which is not installed: apt-get install chromium, "
            "or write --format html and print it from a browser"
        )
    return browser


def render_pdf(html: str, browser: str, seconds: float = _TIMEOUT_SECONDS) -> bytes:
    """Return a page without external parts as PDF; raises DeckwatchError if the browser fails or takes too long."""
    with tempfile.TemporaryDirectory(prefix="deckwatch-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        page, target = folder / "page.html", folder / "page.pdf"
        page.write_text(html, encoding="utf-8", errors="replace")
        command = [browser, *_OPTIONS, f"--user-data-dir={folder}/profile", f"--print-to-pdf={target}"]
        if os.geteuid() == 0:
            command.append("--no-sandbox")  # Chromium's sandbox does not work for root; the page has no scripts
        output = _run_browser([*command, page.as_uri()], folder / "log", seconds)
        content = target.read_bytes() if target.is_file() else b""
    if not content.startswith(b"%PDF-") or b"%%EOF" not in content[-1024:]:
        reason = next((line for line in reversed(output.splitlines()) if line.strip()), "it says nothing")
        raise DeckwatchError(f"{browser} has not printed the PDF: {reason.strip()[:300]}")
    return _BINARY_MARK.sub(rb"\1" + MARK, content, count=1)


def _run_browser(command: list[str], log: Path, seconds: float) -> str:
    """Run the browser and return what it has printed; stop all of its processes after so many seconds."""
    with log.open("wb") as output:  # not a pipe, which its helper processes would keep open
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        except OSError as error:
            raise DeckwatchError(f"{command[0]} cannot be started: {error.strerror}") from None
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise DeckwatchError(f"{command[0]} has not printed the PDF within {seconds:g} s") from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return log.read_text(encoding="utf-8", errors="replace")

"""A headless Chromium, driven over its DevTools protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websockets.sync.client import ClientConnection

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
DESK = (1280, 900)
_SECONDS = 180.0


Page = TypeVar("Page", bound="Browser")


class BrowserError(AssertionError):
    """The browser refused a command, or a page did not become what was waited for."""


@dataclass
class Browser:
    """A browser with one page."""

    socket: ClientConnection
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def start_page(self) -> None:
        """Open an empty page, to which all commands apply from now on."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a command. Raises BrowserError with the browser's message."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        self.socket.send(json.dumps(message | ({"sessionId": self.session} if self.session else {})))
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def run_first(self, script: str) -> None:
        """Run a script in each page that is opened, before the page's own."""
        self.send("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(
        self, url: str, size: tuple[int, int] = DESK, *, scheme: str = "light", scripts: bool = True, media: str = ""
    ) -> None:
        """Open a page at this size in pixels, in a light or dark scheme, and wait until it is loaded."""
        width, height = size
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", media=media, features=features)
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        self.events.clear()
        result = self.send("Page.navigate", url=url)
        if "errorText" in result:
            raise BrowserError(f"{url}: {result['errorText']}")
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._receive()

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, of a promise the value that it resolves to."""
        result = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise BrowserError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 20.0) -> Any:
        """Return the value of an expression as soon as it is true."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > end:
                raise BrowserError(f"within {seconds:g} s there was no {expression}")
            time.sleep(0.1)
        return value

    def messages(self) -> list[str]:
        """Return the errors that the page has logged since it was opened, such as violations of its policy."""
        self.evaluate("0")
        texts = [event["params"] for event in self.events if event["method"] == "Log.entryAdded"]
        return [each["entry"]["text"] for each in texts if each["entry"]["level"] == "error"]

    def take_screenshot(self, path: Path, *, whole: bool = True) -> bytes:
        """Write a picture of the page, as a whole or only what fits into the window, as PNG."""
        data = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        picture = base64.b64decode(data)
        path.write_bytes(picture)
        return picture

    def _receive(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(_SECONDS))
        if "method" in message:
            self.events.append(message)
        return message


@contextlib.contextmanager
def start_browser(program: str, profile: Path, kind: type[Page]) -> Iterator[Page]:
    """Start a browser with an empty profile, and stop it on exit. `kind` is a class of browsers."""
    command = [
        program,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
        "--remote-debugging-port=0",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_read_address(profile, process), max_size=None, proxy=None) as socket:
            browser = kind(socket)
            browser.start_page()
            yield browser
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _read_address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the address of the debugger, which the browser writes to a file."""
    file, end = profile / "DevToolsActivePort", time.monotonic() + _SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise BrowserError(f"the browser ended with {process.returncode}")
        with contextlib.suppress(FileNotFoundError, ValueError):
            port, path = file.read_text().split()
            return f"ws://127.0.0.1:{port}{path}"
        time.sleep(0.05)
    raise BrowserError("the browser did not start")

"""The bell of the live page in a browser: problems until they are dismissed, and notifications of new ones."""

from __future__ import annotations

import json
from contextlib import contextmanager

import pytest

from deckwatch.exporter.server import App

pytestmark = pytest.mark.live

PHONE, DESK = (375, 812), (1280, 900)
# Headless browsers show no notifications; records those that the page makes and closes, over reloads too.
RECORD = """(() => {
  const record = entry => (sessionStorage.calls = JSON.stringify([...JSON.parse(sessionStorage.calls ?? "[]"), entry]));
  window.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options);
      record([title, options]);
    }
    close() {
      record(["close", {}]);
      super.close();
    }
  };
})()"""
CALLS = "JSON.parse(sessionStorage.calls ?? '[]')"
TITLE = "document.querySelector('#bell summary').textContent"
ITEMS = "[...document.querySelectorAll('#bell li > p:first-child')].map(each => each.textContent)"
BOX = "document.querySelector('#bell input')"
REASON = "document.querySelector('#bell .reason').textContent"
FULL = "/ A file system is nearly full."
DOWN = "payments An application does not respond."


@pytest.fixture
def harbor(deck, app_served):
    """The port of an exporter of the made-up machine, whose probe of payments has failed for a while."""

    @contextmanager
    def serve():
        deck.names = {name: deck.names[name] for name in ("web", "redis")}
        deck.disk_free, deck.steady = 0.3, True
        deck.pass_time(120)
        app = App(deck.reader.scraper, ["host_cpu", "host_rest", "container_state", "postgres_up", "app_probe"])
        app.live.reader = deck.reader
        with app_served(app) as port:
            yield port

    return serve


@pytest.fixture
def bell(deck, browser):
    """Drive the page: let time pass on the machine, read the page again, dismiss, and read what has become of it."""
    return Bell(deck, browser)


class Bell:
    def __init__(self, deck, browser):
        self.deck = deck
        self.browser = browser

    def set_permission(self, setting):
        self.browser.send("Browser.setPermission", permission={"name": "notifications"}, setting=setting)

    def pass_time(self, disk_free, seconds):
        self.deck.disk_free = disk_free
        self.deck.pass_time(seconds)
        time = "document.querySelector('header').dataset.time"  # a page is shared for a second
        self.browser.wait_for(f"refresh().then(() => Number({time}) >= {self.deck.now})")

    def dismiss(self, text):
        name = json.dumps(f"Dismiss {text}")
        self.browser.evaluate(f"document.querySelector(`[aria-label=${{JSON.stringify({name})}}]`).click()")

    @property
    def shown(self):
        return self.browser.evaluate(f"[{TITLE}, {ITEMS}]")

    @property
    def calls(self):
        return self.browser.evaluate(CALLS)

    def check_errors(self):
        assert self.browser.messages() == []
        assert not [each for each in self.browser.events if each["method"] == "Runtime.exceptionThrown"]


def test_a_problem_rings_once_until_it_has_ended_and_comes_back(harbor, bell):
    bell.set_permission("granted")
    bell.browser.run_first(RECORD)
    with harbor() as port:
        url = f"http://127.0.0.1:{port}"
        bell.browser.open(url)
        assert bell.shown == ["1 new", [DOWN]]
        bell.browser.evaluate(f"{BOX}.click()")
        bell.browser.wait_for(f"{BOX}.checked")
        bell.pass_time(0.14, 120)
        assert bell.shown == ["1 new", [DOWN]], "the alert waits longer"
        bell.pass_time(0.14, 210)
        assert bell.shown == ["2 new", [FULL, DOWN]]
        [[title, options]] = bell.calls
        tag = options.pop("tag")
        assert (title, options) == (FULL, {"body": "harbor: 86 %, above 80 %", "requireInteraction": True})

        bell.browser.open(url)
        bell.browser.evaluate("refresh()")
        assert bell.shown == ["2 new", [FULL, DOWN]]
        assert len(bell.calls) == 1, "what is known does not ring again"
        bell.dismiss(FULL)
        bell.pass_time(0.14, 30)
        assert bell.shown == ["1 new", [DOWN]]
        bell.pass_time(0.3, 30)
        assert (bell.shown, len(bell.calls)) == (["1 new", [DOWN]], 1)

        bell.pass_time(0.14, 330)
        assert bell.shown == ["2 new", [FULL, DOWN]]
        bell.pass_time(0.01, 150)
        titles = [text for text, _ in bell.calls]
        assert titles[:2] == [FULL, FULL]
        assert len(titles) == 3, "a warning that has become critical rings"
        critical = titles[2]
        assert bell.shown == ["2 new", [critical, DOWN]]
        bell.browser.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true }); 0")
        bell.deck.disk_free = 0.3
        bell.deck.pass_time(30)
        bell.browser.evaluate("refresh()")
        assert len(bell.calls) == 3, "while nobody sees the page, it is read less often"
        bell.browser.wait_for(f"(asked = 0, refresh().then(() => {TITLE}.includes('ended')))")
        assert bell.shown == ["1 new, 1 ended", [DOWN, critical]]
        title, options = bell.calls[3]
        assert (title, options["tag"], options["silent"]) == (f"Ended: {critical}", tag, True)
        assert "ended at" in bell.browser.evaluate("document.querySelector('#bell li.none .soft').textContent")
        bell.dismiss(critical)
        assert bell.shown == ["1 new", [DOWN]]
        assert bell.calls[4] == ["close", {}]
        bell.check_errors()


def test_where_notifications_are_refused_the_page_says_so(harbor, bell):
    with harbor() as port:
        url = f"http://127.0.0.1:{port}"
        bell.set_permission("denied")
        bell.browser.open(url)
        bell.browser.evaluate(f"{BOX}.click()")
        bell.browser.wait_for(f"!{BOX}.checked")
        assert bell.browser.evaluate(REASON).startswith("This browser denies notifications")
        bell.pass_time(0.14, 330)
        assert bell.shown == ["2 new", [FULL, DOWN]]
        bell.check_errors()

        bell.browser.open(f"http://0.0.0.0:{port}")  # the same exporter, at an address that is no secure context
        assert bell.browser.evaluate(f"[{BOX}.disabled, {REASON}]") == [True, "Notifications need https or localhost."]
        assert bell.shown == ["2 new", [FULL, DOWN]]
        bell.check_errors()

        bell.browser.open(url, scripts=False)
        assert not bell.browser.evaluate("document.getElementById('bell').checkVisibility()")


def test_the_open_bell_has_no_barrier(harbor, bell, hostile_name):
    with harbor() as port:
        bell.deck.names[hostile_name] = ("exited", 1, "", 0, 0, 0, 0, 1)
        bell.deck.pass_time(60)
        for scheme, size in (("light", PHONE), ("dark", PHONE), ("light", DESK)):
            bell.browser.open(f"http://127.0.0.1:{port}", size, scheme=scheme)
            bell.browser.evaluate("document.querySelector('#bell summary').focus()")
            for kind in ("keyDown", "keyUp"):
                bell.browser.send("Input.dispatchKeyEvent", type=kind, key="Enter", text="\r", code="Enter")
            bell.browser.wait_for("document.querySelector('#bell details').open")
            assert f"{hostile_name} A container that should run is stopped." in bell.shown[1]
            assert bell.browser.violations() == []
            assert bell.browser.overflow() == (0, [])
        bell.browser.evaluate("document.querySelector('#bell li button').focus()")
        for left in (1, 0):
            bell.browser.evaluate("document.activeElement.click()")
            focused = bell.browser.evaluate("document.activeElement.localName")
            assert (len(bell.shown[1]), focused) == (left, "button" if left else "summary")
        bell.check_errors()

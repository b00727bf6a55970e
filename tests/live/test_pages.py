"""The exporter's pages in a browser: WCAG 2.1 AA by axe-core, on a phone, and the live page's script."""

from __future__ import annotations

import json
import struct
from contextlib import contextmanager

import pytest

from deckwatch.exporter import page
from deckwatch.exporter.live import page as live_page
from deckwatch.exporter.server import App
from deckwatch.exporter.view_cards import Card, Subject

pytestmark = pytest.mark.live

PHONE, DESK = (375, 812), (1280, 900)
NO_ENGINE = "unix:///nowhere/docker.sock"
LONG_NAME = "a-very-long-container-name-without-any-room-to-break-0123456789"
SHOWN = """[...document.querySelectorAll("tbody tr")].filter(row => row.checkVisibility())
    .map(row => row.querySelector("th").firstChild.textContent)"""
REASON = "connection refused: nothing listens on db.internal:5432; start the server or correct the address"
MARKS = """[...document.querySelectorAll(".card li")].map(item => {
  const mark = item.querySelector(".mark").getBoundingClientRect(), box = item.getBoundingClientRect();
  return [mark.height, box.height, mark.right - box.right];
})"""
TYPE = """text => {
  const box = document.getElementById("filter");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}"""


@pytest.fixture
def pages(deck, app_served):
    """The address of an exporter that watches the made-up machine, and the machine."""

    @contextmanager
    def serve():
        app = App(deck.reader.scraper, ["host_cpu", "host_rest", "container_state", "postgres_up", "app_probe"])
        app.live.reader = deck.reader
        with app_served(app) as port:
            yield f"http://127.0.0.1:{port}"

    return serve


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.fixture
def odd_deck(deck, hostile_name):
    """The machine with names and states that are hard to show."""
    deck.names[LONG_NAME] = deck.names["web"]
    deck.names[hostile_name] = deck.names["mailer"]
    deck.names["paused"] = ("paused", 1, "", 0, 0, 0, 2, 0)
    deck.disk_free = 0.05
    deck.pass_time(900)
    return deck


@pytest.mark.usefixtures("odd_deck")
def test_no_page_has_a_barrier_or_scrolls_to_the_side(pages, browser, tmp_path, scheme):
    with pages() as url:
        for path in ("/", "/?sort=cpu&filter=shop", "/collectors", "/nowhere"):
            for size in (PHONE, DESK):
                browser.open(url + path, size, scheme=scheme)
                assert browser.violations() == [], (path, size)
                assert browser.overflow() == (0, []), (path, size)
                picture = browser.take_screenshot(tmp_path / f"{size[0]}.png")
                assert struct.unpack(">I", picture[16:20]) == (size[0],), "the picture is as wide as the window"


def test_the_pages_of_this_machine(serving, browser):
    exporter = serving(NO_ENGINE)
    for path in ("/", "/collectors"):
        browser.open(exporter.address + path, PHONE)
        assert browser.violations() == []
        assert browser.overflow() == (0, [])
        assert browser.messages() == []


def test_barriers_and_overflow_are_found(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<meta name="viewport" content="width=device-width"><title>x</title>'
        '<p style="color: #ccc; width: 900px">pale</p><img src="x"><input>'
    )
    browser.open(page.as_uri(), PHONE)
    rules = {text.partition(":")[0] for text in browser.violations()}
    assert rules >= {"color-contrast", "image-alt", "html-has-lang", "label"}
    pixels, elements = browser.overflow()
    assert pixels > 500
    assert any("pale" in each for each in elements)


def test_the_filter_keeps_rows_by_name(deck, pages, browser):
    deck.pass_time(60)
    with pages() as url:
        browser.open(f"{url}/?sort=cpu")
        everything = browser.evaluate(SHOWN)
        assert browser.evaluate("document.activeElement === document.body"), "the box does not take the focus"
        browser.evaluate(f"({TYPE})(' SHOP ')")
        assert browser.evaluate(SHOWN) == ["shop-api", "shop-db", "shop"]
        assert browser.evaluate("document.querySelector('output').textContent") == f"3 of {len(everything)} rows"
        names = "[...document.querySelectorAll('.problems li:not([hidden]) b')].map(e => e.textContent)"
        assert set(browser.evaluate(names)) == {"shop-api", "shop"}
        heads = "[...document.querySelectorAll('.group:not([hidden]) h2')].map(e => e.firstChild.textContent.trim())"
        assert browser.evaluate(heads) == ["Containers", "Database servers", "Probes"]
        # What is typed stays: when the page updates itself, in the address, and in the links that sort.
        deck.names["shop-new"] = deck.names["web"]
        deck.pass_time(60)
        browser.wait_for(f"({SHOWN}).includes('shop-new')")
        assert browser.evaluate(SHOWN) == ["shop-api", "shop-new", "shop-db", "shop"]
        assert browser.evaluate("location.search") == "?sort=cpu&filter=shop"
        browser.open(browser.evaluate("document.querySelector('thead a').href"))
        assert browser.evaluate("document.getElementById('filter').value") == "shop"
        assert browser.evaluate(SHOWN) == ["shop-api", "shop-new", "shop-db", "shop"]
        browser.evaluate(f"({TYPE})('')")
        assert len(browser.evaluate(SHOWN)) == len(everything) + 1
        assert browser.evaluate("location.search") == "?sort=name"
        assert browser.messages() == []


def test_names_and_patterns_of_a_filter_are_only_text(deck, pages, browser, hostile_name):
    deck.names[hostile_name] = deck.names["web"]
    deck.pass_time(60)
    with pages() as url:
        browser.open(url)
        for text, rows in ((hostile_name, [hostile_name]), (".*", []), ("[", []), ("/SRV", ["/srv"])):
            browser.evaluate(f"({TYPE})({json.dumps(text)})")
            assert browser.evaluate(SHOWN) == rows
        assert browser.messages() == []


def test_without_scripts_there_is_no_filter(deck, pages, browser):
    deck.pass_time(60)
    with pages() as url:
        browser.open(f"{url}/?filter=shop", scripts=False)
        assert len(browser.evaluate(SHOWN)) > 10
        assert not browser.evaluate("document.querySelector('form').checkVisibility()")


def test_the_page_updates_itself_and_keeps_what_has_not_changed(deck, pages, browser):
    deck.pass_time(60)
    with pages() as url:
        browser.open(f"{url}/?sort=cpu")
        browser.evaluate("window.tile = document.querySelector('.tile'); 0")
        deck.names["added"] = deck.names["web"]
        deck.names.pop("redis")
        deck.pass_time(60)
        browser.wait_for(f"({SHOWN}).includes('added')")
        assert "redis" not in browser.evaluate(SHOWN)
        assert browser.evaluate("tile === document.querySelector('.tile')")
        fresh = "new DOMParser().parseFromString(text, 'text/html').querySelector('main .tiles').innerHTML"
        same = f"fetch(location.href).then(r => r.text()).then(text => {fresh}"
        assert browser.evaluate(f"{same} === document.querySelector('main .tiles').innerHTML)")
        assert not browser.evaluate("document.body.classList.contains('stale')")
        assert browser.messages() == []


def test_a_page_that_is_no_longer_answered_says_so(deck, pages, browser):
    deck.pass_time(60)
    with pages() as url:
        browser.open(url)
    text = browser.wait_for("document.body.matches('.stale') && document.getElementById('when').textContent")
    assert "no answer since then" in text
    assert live_page.render_live(deck.reader)


def test_the_state_of_a_subject_with_a_long_name_keeps_its_shape(browser, tmp_path):
    subjects = (
        Subject("shop", "up", "good"),
        Subject("a-very-long-database-server-name.internal.example.com", "down", "bad", REASON),
        Subject("orders", "up, but its role lacks pg_monitor and some values are hidden", "late", REASON),
    )
    card = page._render_card(Card("Databases", "1 of 3", "", subjects))
    path = tmp_path / "page.html"
    path.write_text(page.render_document("x", f'<main class="cards">{card}</main>'), encoding="utf-8")
    browser.open(path.as_uri(), (360, 900))
    up, down, role = browser.evaluate(MARKS)
    one_line = up[0]
    assert down[0] == one_line  # neither broken into letters nor stretched beside the reason
    assert down[1] > 2 * one_line
    assert one_line < role[0] < role[1] + 1
    assert all(overhang <= 0.5 for *_, overhang in (up, down, role))

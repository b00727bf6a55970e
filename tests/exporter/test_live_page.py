"""The live page: escaping, policy, without scripts, and its addresses; in a browser: tests/live/test_pages.py."""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from deckwatch.exporter import page
from deckwatch.exporter.live import page as live_page
from deckwatch.exporter.server import App

if TYPE_CHECKING:
    from pathlib import Path


def test_names_with_markup_are_escaped(deck, read_elements, hostile_name: str) -> None:
    deck.names[hostile_name] = ("exited", 1, "", 0.1, 1e6, 0, 0, 1)
    deck.pass_time(60)
    text = live_page.render_live(deck.reader, hostile_name)
    elements = read_elements(text)
    assert elements.open == []
    assert elements.text.count(hostile_name) == 2  # the row, and the problem
    assert [tag for tag, _ in elements.tags].count("script") == 1
    for tag, attributes in elements.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert tag != "a" or str(attributes["href"]).startswith("/")
        assert not {"src", "action", "srcdoc"} & attributes.keys()


def test_the_policy_allows_only_this_style_and_this_script(deck) -> None:
    deck.pass_time(30)
    text = live_page.render_live(deck.reader)
    policy = dict(live_page.HEADERS)["content-security-policy"]
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        [source] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "http://" not in text.replace("http://www.w3.org", "")
    assert "https://" not in text


def test_the_page_is_complete_without_its_script(deck, read_elements) -> None:
    deck.pass_time(3600)
    text = live_page.render_live(deck.reader)
    shown = read_elements(text).text
    for part in (
        "harbor",
        "CPU",
        "shop-api",
        "exited, code 137",
        "A container that should run is stopped.",
        "shop-db",
        "/srv",
    ):
        assert part in shown
    assert text.count('<svg class="spark"') >= 5 + 2 * 5
    [form] = read_elements(text).attributes("form")
    assert "hidden" in form, "only the script can filter"
    assert '<noscript><meta http-equiv="refresh"' in text


def test_every_line_has_a_text_for_screen_readers(deck, read_elements) -> None:
    deck.pass_time(120)
    elements = read_elements(live_page.render_live(deck.reader))
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in elements.tags if tag == "th")
    lines = [attributes for tag, attributes in elements.tags if tag == "svg" and attributes.get("class") == "spark"]
    assert lines
    assert all(" in the last hour: " in str(attributes["aria-label"]) for attributes in lines)


@pytest.mark.parametrize(
    ("order", "first"),
    [("cpu", "shop-api"), ("memory", "postgres"), ("restarts", "mailer"), ("name", "mailer"), ("", "mailer")],
)
def test_containers_in_the_chosen_order(deck, order: str, first: str) -> None:
    deck.pass_time(60)
    rows = re.findall(r'<tr><th scope="row">([\w-]+)</th><td class="state">', live_page.render_live(deck.reader, order))
    assert rows[0] == first


def test_without_a_history_the_page_has_values_and_says_so(deck) -> None:
    for _ in range(2):
        deck.reader.refresh(10)
        deck.now += 15
    text = live_page.render_live(deck.reader)
    assert "no history" in text
    assert '<svg class="spark"' not in text
    assert len(deck.reader.history) == 0


def test_a_machine_of_which_nothing_is_known(read_elements, tmp_path: Path) -> None:
    from deckwatch.exporter.live.reader import LiveReader
    from deckwatch.exporter.scrape import Scraper
    from deckwatch.exporter.world import World

    reader = LiveReader(Scraper(World(tmp_path, tmp_path, tmp_path, ""), {}))
    reader.refresh()
    assert read_elements(live_page.render_live(reader)).open == []


async def request_path(app: App, path: str, query: bytes = b"") -> tuple[int, dict[bytes, bytes], str]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []}
    await app(scope, None, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"].decode()


def test_the_addresses_of_both_pages(deck) -> None:
    import asyncio

    app = App(deck.reader.scraper, [])
    app.live.reader = deck.reader
    status, headers, text = asyncio.run(request_path(app, "/", b"sort=memory&x=%00"))
    assert (status, headers[b"content-security-policy"].decode()) == (
        200,
        dict(live_page.HEADERS)["content-security-policy"],
    )
    assert 'class="on" href="/?sort=memory"' in text
    status, headers, text = asyncio.run(request_path(app, "/collectors"))
    assert (status, headers[b"content-security-policy"].decode()) == (
        200,
        dict(page.HEADERS)["content-security-policy"],
    )
    assert "host_cpu" in text


def test_viewers_of_one_moment_get_one_page_for_each_order(deck) -> None:
    import asyncio

    app = App(deck.reader.scraper, [])
    app.live.reader = deck.reader
    rendered: list[tuple[str, str]] = []
    render = app.live.render_page
    app.live.render_page = lambda *key: (rendered.append(key), render(*key))[1]  # type: ignore[method-assign]

    async def request_all() -> list[tuple[int, dict[bytes, bytes], str]]:
        queries = [b"", b"filter=a", b"sort=%00", b"sort=cpu", b"sort=cpu&filter=b"]
        return await asyncio.gather(*(request_path(app, "/", query) for query in queries * 20))

    pages = asyncio.run(request_all())
    assert sorted(rendered) == [("/", ""), ("/", "cpu")]
    assert {status for status, _, _ in pages} == {200}
    assert len({text for _, _, text in pages}) == 2


def test_many_viewers_cause_one_reading(deck) -> None:
    deck.reader.refresh(10)
    runs: list[int] = []
    scrape = deck.reader.scraper.scrape
    deck.reader.scraper.scrape = lambda **options: (runs.append(1), scrape(**options))[1]
    deck.now += 20
    threads = [threading.Thread(target=deck.reader.refresh) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) <= 4  # one per lane; a second one if a viewer came just before the first had ended

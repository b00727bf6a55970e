from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deckwatch.exporter import durations, page, view
from deckwatch.exporter.collector import Collector, NoData
from deckwatch.exporter.collectors._readings import FAILED
from deckwatch.exporter.health_reason import HealthReason
from deckwatch.exporter.metric import Metric, Sample
from deckwatch.exporter.scrape import Scraper
from deckwatch.exporter.view_cards import Subject
from deckwatch.exporter.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOSTILE = "\"><script>alert(1)</script>&'\udcff"
UNAME = Metric("node_uname_info", "gauge", "", ("nodename", "sysname", "release", "machine"))
STATE = Metric("deckwatch_container_state", "gauge", "", ("id", "name", "state"), state=True)
UP = Metric("pg_up", "gauge", "", ("server",), state=True)
SUCCESS = Metric("probe_success", "gauge", "", ("service",), state=True)


def make_collector(
    name: str, collect: Callable, *metrics: Metric, about: str = "A test.", **options: object
) -> Collector:
    settings = {"default": True, "peer": None, "subjects": None, "subject_label": "server", "budget": 3, **options}
    return Collector(name, metrics, collect, about, **settings)


def raises(fault: Exception) -> Callable[..., Iterator[Sample]]:
    def collect(*_: object) -> Iterator[Sample]:
        raise fault
        yield

    return collect


def containers(*states: str) -> Collector:
    samples = [STATE(1, str(number), "c", state) for number, state in enumerate(states)]
    samples += [STATE(0, str(number), "c", "dead") for number, _ in enumerate(states)]
    return make_collector("container_state", lambda _: samples, STATE, budget=100)


def servers(**up: float) -> Collector:
    def collect(_world: World, name: str) -> Iterator[Sample]:
        yield UP(up[name], name)

    return make_collector("postgres_up", collect, UP, subjects=lambda _: {name: name for name in up})


def probes(**success: float) -> Collector:
    def collect(_world: World, name: str) -> Iterator[Sample]:
        yield SUCCESS(success[name], name)

    return make_collector(
        "app_probe", collect, SUCCESS, subjects=lambda _: {name: name for name in success}, subject_label="service"
    )


def scraped(*collectors: Collector, clock: Callable[[], float] = lambda: 1000.0) -> Scraper:
    scraper = Scraper(World(clock=clock), {each.name: each for each in collectors})
    scraper.scrape(seconds=5)
    scraper.close()
    return scraper


def view_of(*collectors: Collector) -> view.View:
    return view.build_view(scraped(*collectors), 1000.0)


def test_external_text_is_escaped(read_elements):
    hostile = lambda _: [UNAME(1, HOSTILE, HOSTILE, HOSTILE, HOSTILE)]  # noqa: E731
    scraper = scraped(
        make_collector("host_uname", hostile, UNAME, about=HOSTILE),
        make_collector("host_absent", raises(NoData(HOSTILE))),
        make_collector("host_broken", raises(type("<b>Bold</b>", (Exception,), {})())),
        servers(**{HOSTILE: 1.0}),
        make_collector("app_probe", raises(ValueError()), subjects=lambda _: {HOSTILE: 1}, subject_label="service"),
    )
    text = page.render_index(scraper).encode("utf-8", "replace").decode()
    elements = read_elements(text)
    assert elements.open == []
    assert {tag for tag, _ in elements.tags} <= {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "nav",
            "div",
            "svg",
            "path",
            "span",
            "b",
            "header",
            "h1",
            "h2",
        ),
        *("h3", "p", "main", "section", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "a", "details"),
        *("summary", "footer"),
    }
    assert elements.text.count("\"><script>alert(1)</script>&'") >= 6
    for tag, attributes in elements.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "a" or attributes["href"].startswith("/")


def test_only_the_class_of_an_error_is_shown():
    text = page.render_index(
        scraped(make_collector("postgres_up", raises(ConnectionError("postgresql://me:hunter2@db/shop"))))
    )
    assert "ConnectionError" in text
    assert "hunter2" not in text
    assert "@db" not in text


def test_the_content_security_policy_allows_only_this_style():
    text = page.render_index(scraped(containers("running")))
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = dict(page.HEADERS)["content-security-policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "style=" not in text
    assert "url(" not in style


def test_the_page_is_accessible_to_screen_readers(read_elements):
    elements = read_elements(page.render_index(scraped(containers("running"))))
    assert ("html", {"lang": "en"}) in elements.tags
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in elements.tags if tag == "th")
    assert [tag for tag, _ in elements.tags].count("h1") == 1


def test_containers_are_counted_by_state():
    [card] = view_of(containers("running", "exited", "running", "paused", "exited")).cards
    assert (card.title, card.figure, card.about) == ("Containers", "2 of 5 running", "2 exited, 1 paused")


@pytest.mark.parametrize(
    ("collect", "figure", "about"),
    [
        (lambda _: [], "none", ""),
        (raises(NoData("no engine here")), "none", "no engine here"),
        (raises(OSError()), "not known", "The engine has not been read."),
    ],
)
def test_a_reason_is_shown_when_there_are_no_containers(collect, figure, about):
    [card] = view_of(make_collector("container_state", collect, STATE)).cards
    assert (card.figure, card.about) == (figure, about)


def test_containers_of_an_unreachable_engine_are_still_shown():
    runs = iter([lambda: [STATE(1, "1", "web", "running")], raises(OSError())])
    scraper = scraped(make_collector("container_state", lambda _: next(runs)(), STATE))
    scraper.scrape(seconds=5)
    assert view.build_view(scraper, 1000.0).cards[0].figure == "1 of 1 running"


def test_database_servers_by_name():
    [card] = view_of(servers(shop=1, crm=0)).cards
    assert card.figure == "1 of 2 up"
    assert [(subject.name, subject.status, subject.tone) for subject in card.subjects] == [
        ("shop", "up", "good"),
        ("crm", "down", "bad"),
    ]


def test_the_verdict_names_what_is_down_with_reason_and_time():
    class Sick:
        def health_reason(self, _world: World) -> HealthReason | None:
            return HealthReason("refused <b>", 300.0)

    def up(_world: World, _sick: Sick) -> Iterator[Sample]:
        yield UP(0, "shop")

    scraper = scraped(make_collector("postgres_up", up, UP, subjects=lambda _: {"shop": Sick()}), probes(a=1, b=0, c=0))
    looked = view.build_view(scraper, 1000.0)
    assert looked.verdict == ("bad", "1 of 1 database servers is down; 2 of 3 probes are down")
    assert looked.cards[0].subjects == (Subject("shop", "down", "bad", "refused <b>, for 5 min"),)
    assert [subject.reason for subject in looked.cards[1].subjects] == ["", "", ""]
    assert "refused &lt;b&gt;, for 5 min" in page.render_index(scraper)


def partly(name: str) -> Collector:
    def collect(_world: World) -> Iterator[Sample]:
        yield UP(1, "shop")
        raise OSError

    return make_collector(name, collect, UP)


def test_a_collector_that_leaves_out_files_is_incomplete():
    failed = FAILED(2, "host_hwmon")
    looked = view_of(
        make_collector("host_hwmon", lambda _: [failed], FAILED), make_collector("host_load", lambda _: [], UP)
    )
    assert looked.verdict == ("late", "1 of 2 collectors does not read everything: host_hwmon")
    (group,) = looked.groups
    assert group.verdict == ("late", "1 of 2 incomplete")
    assert [(row.name, row.status, row.tone) for row in group.rows] == [
        ("host_hwmon", "2 files unreadable, see the log", "late"),
        ("host_load", "ok", "good"),
    ]
    well = view_of(make_collector("host_hwmon", lambda _: [FAILED(0, "host_hwmon")], FAILED))
    assert well.verdict[0] == "good"


def test_a_collector_that_failed_halfway_is_told_from_one_that_read_nothing():
    looked = view_of(partly("host_half"), make_collector("host_none", raises(OSError())))
    statuses = {row.name: (row.status, row.tone) for row in looked.groups[0].rows}
    assert statuses == {"host_half": ("OSError; partly read", "bad"), "host_none": ("OSError", "bad")}


def test_services_that_are_down_do_not_hide_failed_collectors():
    assert view_of(servers(shop=0), make_collector("host_io", raises(OSError()))).verdict == (
        "bad",
        "1 of 1 database servers is down; 1 of 2 collectors does not answer: host_io",
    )


def test_probes_by_service():
    def probe(_world: World, name: str) -> Iterator[Sample]:
        if name == "pay":
            raise TimeoutError
        yield SUCCESS(name == "shop", name)

    names = {"shop": "shop", "mail": "mail", "pay": "pay"}
    [card] = view_of(
        make_collector("app_probe", probe, SUCCESS, subjects=lambda _: names, subject_label="service")
    ).cards
    assert card.figure == "1 of 3 up"
    assert [subject.status for subject in card.subjects] == ["up", "down", "not known"]


def test_empty_configuration_is_mentioned():
    [card] = view_of(servers()).cards
    assert (card.figure, card.about) == ("none", "Configure them in deckwatch.yaml, under watch: postgres.")


def test_rows_show_the_state_of_each_collector():
    many = [STATE(1, str(number), "c", "running") for number in range(5)]
    [group] = view_of(
        make_collector("host_absent", raises(NoData("no such file"))),
        make_collector("host_many", lambda _: many, STATE),
        make_collector("host_broken", raises(PermissionError("x"))),
    ).groups
    assert (group.prefix, group.title) == ("host", "Host")
    assert [(row.name, row.state, row.status, row.series) for row in group.rows] == [
        ("host_broken", "failed", "PermissionError", "0"),
        ("host_many", "ok", "ok, 2 series dropped", "3"),
        ("host_absent", "absent", "no such file", ""),
    ]
    assert group.verdict == ("bad", "1 of 2 failed")
    assert group.rows[0].age == "never"
    assert group.rows[1].age == "0 s"


def test_collectors_are_grouped_by_subject_with_problems_first():
    def collect(_world: World, name: str) -> Iterator[Sample]:
        if name == "crm":
            raise ConnectionError
        yield UP(1, name)

    groups = view_of(
        make_collector("postgres_up", collect, UP, subjects=lambda _: {"shop": "shop", "crm": "crm"}),
        make_collector("host_cpu", lambda _: []),
        make_collector("container_state", raises(NoData("no engine here")), STATE),
    ).groups
    assert [(group.title, group.server, group.verdict) for group in groups] == [
        ("PostgreSQL: crm", "crm", ("bad", "1 of 1 failed")),
        ("Host", "", ("good", "ok")),
        ("Containers", "", ("none", "no engine here")),
        ("PostgreSQL: shop", "shop", ("good", "ok")),
    ]


def test_before_the_first_scrape_the_page_shows_starting():
    scraper = Scraper(World(), {"host_cpu": make_collector("host_cpu", lambda _: [])})
    looked = view.build_view(scraper, 1000.0)
    assert looked.verdict == ("none", "Starting: 1 of 1 collectors have not answered yet")
    assert looked.host == os.uname().nodename


def test_the_verdict():
    well, broken = make_collector("host_cpu", lambda _: [UP(1, "x")], UP), make_collector("host_io", raises(OSError()))
    tone, sentence = view_of(well).verdict
    assert (tone, sentence.partition(" in ")[0]) == ("good", "The one collector answers: 1 series")
    assert view_of(well, broken).verdict == ("bad", "1 of 2 collectors does not answer: host_io")
    assert view.build_view(scraped(well), 1000 + 600).verdict == (
        "late",
        "Nobody has read the metrics for 10 min: is Prometheus running?",
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0000123, "12 µs"), (0.0123, "12.3 ms"), (0.5, "0.50 s"), (75.2, "75 s")]
)
def test_durations(seconds, text):
    assert durations.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (7.4, "7 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d")]
)
def test_ages(seconds, text):
    assert durations.format_age(seconds) == text


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.1)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_every_text_has_sufficient_contrast_in_both_themes():
    style = Path(page.__file__).with_name("page.css").read_text()
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(themes) == 2
    grounds = ("paper", "card")
    pairs = [(text, ground) for text in ("ink", "soft", "link") for ground in grounds]
    pairs += [(tone, f"{tone}-back") for tone in ("good", "bad", "late", "none")]
    for theme in themes:
        for text, ground in pairs:
            light, dark = sorted((luminance(theme[text]), luminance(theme[ground])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)

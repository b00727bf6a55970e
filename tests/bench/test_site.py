"""The simulated site: pages that move, and figures that are extrapolated."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from bench import _site_pages, site

CONTAINER = "0123456789abcdef" * 4
PAGE = f"""\
# HELP requests_total Requests.
# TYPE requests_total counter
requests_total{{id="/docker/{CONTAINER}",name="bench-service-3-1"}} 100000
# TYPE latency_seconds histogram
latency_seconds_bucket{{le="0.1"}} 50000
latency_seconds_bucket{{le="+Inf"}} 100000
latency_seconds_sum 2.5e+06
# TYPE used_bytes gauge
used_bytes 4096
used_bytes{{part="other"}} 4096
build_info 1
never NaN
"""


def test_counters_grow_and_hosts_have_containers_of_their_own() -> None:
    served = _site_pages.Site({"[]": PAGE}, 2)
    first, second = (served.render_page(_site_pages.host_address(number), "") for number in (1, 2))
    assert first is not None
    assert f'id="/docker/00000001{CONTAINER[8:]}",name="h1-service-3-1"' in first
    assert f"/docker/00000002{CONTAINER[8:]}" in str(second)
    assert [line for line in first.splitlines() if line.startswith("#")] == [
        line for line in PAGE.splitlines() if line.startswith("#")
    ]
    assert served.render_page("127.0.9.9", "") is None
    assert served.render_page(_site_pages.host_address(1), "a=b") is None


def test_values_move_as_their_kind_does() -> None:
    lines = {line.text: line for line in _site_pages.parse_page(PAGE) if isinstance(line, _site_pages.Line)}
    assert lines["latency_seconds_sum"].render(100, 0) == "latency_seconds_sum 2502500"
    below, above = (lines[f'latency_seconds_bucket{{le="{bound}"}}'] for bound in ("0.1", "+Inf"))
    for seconds in (0, 1, 15, 3600):
        assert float(below.render(seconds, 0.5).split()[-1]) <= float(above.render(seconds, 0.5).split()[-1])
    assert [line.swings for line in lines.values() if line.text.startswith("used_bytes")].count(True) == 1
    assert lines["build_info"].render(1000, 0.3) == "build_info 1"
    assert lines["never"].render(1000, 0.3) == "never nan"


def test_addresses_are_all_different_and_on_loopback() -> None:
    addresses = [_site_pages.host_address(number) for number in range(1, 1001)]
    assert len(set(addresses)) == 1000
    assert addresses[0] == "127.0.1.1"
    assert addresses[250] == "127.0.2.1"


def test_the_arithmetic_of_a_larger_installation() -> None:
    one = {
        "series": 110_000.0,
        "recorded": 10_000.0,
        "per_host": 500.0,
        "per_container": 30.0,
        "cores": 0.5,
        "mib": 1024.0,
        "bytes": 2.0,
        "rule_seconds": 0.5,
    }
    rows = {title: (value, how) for title, value, how in site.extrapolate(one, 1000, 50_000, 15)}
    assert rows["series"] == ("2,200,000", "(1,000 * 500 + 50,000 * 30.0) * 1.100")
    assert rows["samples per second"][0] == "146,667"
    assert rows["CPU"] == ("10.0 cores", "0.500 * 20.0")
    assert rows["memory"][0] == "20.0 GiB"
    assert rows["rules, one evaluation"][0] == "10.0 s"
    assert rows["servers at the goal"][0] == "10"


@pytest.mark.live
@pytest.mark.slow
def test_a_small_site_is_measured_on_both_engines(need) -> None:
    need("prometheus", get="apt-get install prometheus")
    need("victoria-metrics", get="apt-get install victoria-metrics")
    from bench._site_setup import Plan

    with contextlib.closing(site.measure_site(Plan(hosts=2, per_host=3, interval=1, seconds=12.0))) as sheets:
        usage, extrapolated = itertools.islice(sheets, 2)
    assert list(usage.columns) == ["figure", "prometheus", "victoriametrics"]
    figures = {row[0]: [float(cell.split()[0].replace(",", "")) for cell in row[1:]] for row in usage.rows}
    for title in (
        "CPU",
        "memory",
        "recorded series",
        "rules, one evaluation of all groups",
        "bytes per sample, values",
    ):
        assert min(figures[title]) > 0, figures
    assert all(300 < value < 1500 for value in figures["series per host, without containers"]), figures
    assert all(15 < value <= 45 for value in figures["series per container"]), figures
    assert len(extrapolated.rows) == 14

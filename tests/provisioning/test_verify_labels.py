"""`verify` states which service lacks a label that dashboards and rules need."""

from pathlib import Path

from deckwatch.core.project import Project
from deckwatch.core.yaml_file import Document
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.verify import find_missing_labels, find_unmapped_pages


class OneApplication(Prometheus):
    """A server with one application whose status label is `status`."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def run_query(self, expr, *, ranged):
        assert expr == 'topk by (service) (1, http_requests_total{code=""})'
        assert not ranged
        return [{"metric": {"__name__": "http_requests_total", "service": "shop", "status": "200"}}]


def test_a_service_without_the_label_code_is_named():
    (sentence,) = find_missing_labels(OneApplication())
    assert sentence.startswith("shop: http_requests_total has no label code (its labels: service, status): ")


def test_a_page_without_series_of_its_dialect_is_named() -> None:
    """The live tests ask Prometheus; here it answers that the page is scraped and that nothing was mapped."""
    asked: list[str] = []

    class Unmapped:
        def run_query(self, expr: str, *, ranged: bool) -> list[dict[str, object]]:
            del ranged
            asked.append(expr)
            return [{"metric": {}, "value": [0, "1"]}] if "shop" in expr else []

    entries = [{"service": name, "url": "http://a/", "speaks": "micrometer"} for name in ("shop", "cart")]
    project = Project(Path(), Document("deckwatch.yaml", "", {"scrape": [*entries, {"docker": "tcp://a:1"}]}))
    (sentence,) = find_unmapped_pages(Unmapped(), project)
    assert sentence.startswith("shop: its page has no series of the dialect micrometer: it has answered no request yet")
    assert asked[1] == 'count(up{service="shop"} == 1) unless count({speaks="micrometer", service="shop"})'

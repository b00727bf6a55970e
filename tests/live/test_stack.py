"""Who a running stack scrapes: this machine by loopback, what the project names, and what a caller adds."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.core.problems import DeckwatchError
from deckwatch.provisioning.program import is_answering
from deckwatch.provisioning.scrape_targets import Host, application_target
from deckwatch.provisioning.servers import EXPORTER, PROMETHEUS
from deckwatch.provisioning.up import LocalStack

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

PROJECT = """\
hosts:
  - {name: here, address: here.internal:9877}
  - {name: there, address: there.internal:9877}
watch:
  postgres: [{name: shop-db, dsn_env: SHOP_DSN}]
scrape:
  - {service: shop, url: http://shop.internal:8000/metrics}
"""


def targets(stack: LocalStack, name: str) -> dict[str, str]:
    """Return addresses by instance, as a file of targets has them."""
    path = stack.site.bundle / "prometheus" / "targets" / f"{name}.yaml"
    return {one["labels"]["instance"]: one["targets"][0] for one in yaml.safe_load(path.read_text())}


def test_who_is_scraped(tmp_path: Path) -> None:
    (tmp_path / "deckwatch.yaml").write_text(PROJECT)
    with LocalStack(
        _project.load_project(tmp_path),
        tmp_path / "state",
        programs=(EXPORTER,),
        name="here",
        hosts=[Host("third", "third.internal:9877")],
        applications=[application_target("cart", "http://cart.internal:8000/metrics", "cart-1")],
        environment={"DECKWATCH_POSTGRES_DSN": "postgresql://nobody@db.invalid/x"},
        ports={},
    ) as stack:
        here = stack.site.listen_address(EXPORTER)
        assert targets(stack, "hosts") == {
            "here": here,
            "there": "there.internal:9877",
            "third": "third.internal:9877",
        }
        assert targets(stack, "postgres") == {"shop-db": here, "db.invalid": here}
        assert targets(stack, "applications") == {
            "shop.internal:8000": "shop.internal:8000",
            "cart-1": "cart.internal:8000",
        }
        assert targets(stack, "prometheus") == {}
        assert targets(stack, "alertmanager") == {}
        url = stack.url(EXPORTER)
        assert is_answering(url + "/metrics")
        with pytest.raises(DeckwatchError, match="prometheus is not running"):
            stack.url(PROMETHEUS)
    assert not is_answering(url + "/metrics")


def test_a_machine_is_called_by_its_name_without_the_domain(tmp_path: Path) -> None:
    with LocalStack(_project.load_project(tmp_path), tmp_path / "state", programs=(EXPORTER,), ports={}) as stack:
        assert list(targets(stack, "hosts")) == [socket.gethostname().partition(".")[0]]


def test_a_mistake_in_the_project_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "deckwatch.yaml").write_text("build: {disable: [Nothing]}\n")
    stack = LocalStack(_project.load_project(tmp_path), tmp_path / "state", programs=(EXPORTER,), ports={})
    with pytest.raises(DeckwatchError, match="no alert is called Nothing"):
        stack.start()
    assert stack.running == {}
    assert not (tmp_path / "state" / "bundle").exists()
    (tmp_path / "deckwatch.yaml").write_text("")
    with LocalStack(_project.load_project(tmp_path), tmp_path / "state", programs=(EXPORTER,), ports={}) as again:
        assert again.running

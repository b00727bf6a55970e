"""A clock that jumps ahead under Prometheus and Alertmanager, in a machine of its own: there is one clock for all.

docs/decisions/0017-alert-noise.md has what happens when a clock is set back.
"""

from __future__ import annotations

import shlex
import time

import pytest

from deckwatch.core import yaml_file
from deckwatch.core.http import Client
from deckwatch.core.project import FILE, Project
from deckwatch.provisioning import stack
from deckwatch.provisioning.write import write_plan

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("guest")]

PATH = "/alerts"
HOST = "10.0.2.2"  # this machine, seen from the guest
PROJECT = """\
teams: {{operations: {{webhook: {{url: '{url}'}}}}}}
build: {{include: [alerts/], every: 5s}}
scrape: [{{service: gone, instance: gone, url: 'http://127.0.0.1:9/metrics'}}]
"""
ALERTS = """\
title: Clock
owner: operations
alerts:
  PageGone:
    expr: up{job="app"}
    is: 0
    for: 30s
    keep_firing_for: 30s
    severity: error
    each: [instance]
    summary: A page cannot be read.
    means: Nobody serves it.
    do: [Serve it.]
    proof:
      - {give: [{value: 0, for: 10m}], fires: 30s}
      - {give: [{value: 1, for: 10m}], silent: true}
"""
PORTS = {"prometheus": 9877, "alertmanager": 9093}  # the first is the one that can be asked from here
JUMP_SECONDS = 3600
SECONDS = 600
SETTLED_SECONDS = 90  # `for`, two evaluations, and what Alertmanager waits for, in a machine that is slow


@pytest.fixture
def bundle(tmp_path, inbox):
    """What is generated for this project, with addresses of the guest."""
    (tmp_path / "alerts").mkdir()
    (tmp_path / "alerts/clock.yaml").write_text(ALERTS)
    text = PROJECT.format(url=inbox.url.replace("127.0.0.1", HOST) + PATH)
    (tmp_path / FILE).write_text(text)
    out = tmp_path / "out"
    write_plan(stack.build(Project(tmp_path, yaml_file.parse_yaml(text, FILE))).plan, out)
    (out / "prometheus/targets/alertmanager.yaml").write_text(f"- targets: ['127.0.0.1:{PORTS['alertmanager']}']\n")
    return out


@pytest.fixture
def guest_prometheus(bundle, guest, need):
    """Prometheus' client; it and Alertmanager run in the guest."""
    prometheus = need("prometheus", get="apt-get install prometheus")
    alertmanager = need("prometheus-alertmanager", "alertmanager", get="apt-get install prometheus-alertmanager")
    options = [f"--config.file={bundle}/alertmanager/alertmanager.yml", "--storage.path=/run/alertmanager"]
    listening = [f"--web.listen-address=127.0.0.1:{PORTS['alertmanager']}", "--cluster.listen-address="]
    alertmanager_command = shlex.join([alertmanager, *options, *listening])
    options = [f"--config.file={bundle}/prometheus/prometheus.yml", "--storage.tsdb.path=/run/prometheus"]
    # Older samples have no value any more; by default after five minutes, which the test would have to wait for.
    listening = [f"--web.listen-address=0.0.0.0:{PORTS['prometheus']}", "--query.lookback-delta=30s"]
    prometheus_command = shlex.join([prometheus, *options, *listening])
    with guest.service(alertmanager_command), guest.service(prometheus_command):
        guest.wait(f"busybox wget -q -O /dev/null http://127.0.0.1:{PORTS['prometheus']}/-/ready")
        with Client(guest.url) as client:
            yield client


@pytest.fixture
def clock(guest):
    """The guest's clock, which is set to the right time afterwards."""
    yield
    guest.sh(f"busybox date -s @{time.time():.0f}")


def firing(client: Client) -> bool:
    alerts = 'ALERTS{alertname="PageGone", alertstate="firing"}'
    return bool(client.get("/api/v1/query", query=alerts)["data"]["result"])


@pytest.mark.usefixtures("clock")
def test_an_alert_outlives_a_clock_that_jumps_ahead(guest, guest_prometheus, inbox, eventually):
    inbox.wait(lambda: inbox.alerts(PATH, alertname="PageGone"), SECONDS)
    guest.sh(f"busybox date -s @$(( $(date +%s) + {JUMP_SECONDS} ))")
    time.sleep(SETTLED_SECONDS)
    eventually(lambda: firing(guest_prometheus), SECONDS)
    bodies = inbox.bodies(PATH)
    assert {one["status"] for one in bodies} == {"firing"}, "no message says that it is over"
    assert len(bodies) <= 2, "one repeat at most"
    assert len({one["groupKey"] for one in bodies}) == 1

"""Health: what a project says of its components, and what Prometheus makes of it from one moment to the next."""

import graphlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deckwatch.alerting import health
from deckwatch.core import promql, yaml_file
from deckwatch.core.project import FILE, Project
from deckwatch.core.yaml_write import dump_yaml
from deckwatch.provisioning import stack

PROJECT = """\
watch:
  probes:
    - {service: shop, http: 'http://shop.internal/health'}
    - {service: stock, http: 'http://stock.internal/health'}
    - {service: bank, tcp: 'bank.example:443', kind: dependency}
  postgres:
    - {name: ledger, dsn_file: /run/secrets/ledger}
  depends:
    shop: stock
    stock: [ledger, bank]
scrape:
  - {service: shop, url: 'http://shop.internal:8000/metrics'}
  - {service: mail, url: 'http://mail.internal:8000/metrics'}
  - {docker: unix:///var/run/docker.sock}
"""
SHOP = 'probe_success{job="blackbox", instance="shop:80", host="web-1", service="shop", kind="component"}'
STOCK = 'probe_success{job="blackbox", instance="stock:80", host="web-1", service="stock", kind="component"}'
BANK = 'probe_success{job="blackbox", instance="bank:80", host="web-1", service="bank", kind="dependency"}'
LEDGER = 'pg_up{job="postgres", instance="web-1", server="ledger"}'
MAIL = 'up{job="app", instance="mail.internal:8000", service="mail"}'
WELL = dict.fromkeys((SHOP, STOCK, BANK, LEDGER, MAIL), "1x240")  # an hour


def project(text):
    return Project(Path(), yaml_file.parse_yaml(text, FILE))


def graph(edges):
    """Return a project with a probe for each name, and these names as what each needs."""
    names = sorted({*edges, *(other for others in edges.values() for other in others)})
    probes = [{"service": name, "tcp": f"{name}:1"} for name in names]
    depends = {name: others for name, others in edges.items() if others}
    return project(dump_yaml({"watch": {"probes": probes, **({"depends": depends} if depends else {})}}))


def test_components_are_what_is_probed_scraped_or_a_database():
    assert list(health.find_components(project(PROJECT))) == ["shop", "stock", "bank", "ledger", "mail"]


@pytest.mark.parametrize("text", ["{}", "watch: {}", "scrape: [{docker: 'unix:///var/run/docker.sock'}]"])
def test_without_components_there_is_nothing_to_record(text):
    assert health.build_documents(project(text)) == []


def test_without_a_graph_only_the_components_are_recorded():
    [document] = health.build_documents(graph({"shop": []}))
    assert list(document.data["recordings"]) == ["component:declared:info"]


@given(st.text(min_size=1).filter(str.strip))
def test_any_name_of_a_service_is_a_label(name):
    [document] = health.build_documents(graph({name: []}))
    expr = document.data["recordings"]["component:declared:info"]["expr"]
    promql.check_syntax(expr)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=4, unique=True)))
def test_what_goes_in_circles_is_reported_and_nothing_else(edges):
    found = list(health.find_problems(graph(edges)))
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError:
        assert found
        assert all("would depend on itself" in one.message for one in found)
        assert health.build_documents(graph(edges)) == []
    else:
        assert found == []


class Played:
    """Rules of a project's bundle over series: what they say at some moments is asked of promtool."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        plan = stack.build(project(PROJECT)).plan
        for name in ("health", "application", "postgres"):
            (folder / f"{name}.yaml").write_text(plan.file_text(f"prometheus/rules/{name}.yaml"), encoding="utf-8")

    def __call__(self, series, moments):
        """Fail where an expression has another value at a moment: {"9m": {"health:overall:score": {"{}": 100}}}."""
        test = {
            "interval": "15s",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [
                {
                    "expr": expr,
                    "eval_time": moment,
                    "exp_samples": [{"labels": labels, "value": value} for labels, value in wanted.items()],
                }
                for moment, asked in moments.items()
                for expr, wanted in asked.items()
            ],
        }
        files = ["health.yaml", "application.yaml", "postgres.yaml"]
        text = dump_yaml({"rule_files": files, "evaluation_interval": "15s", "tests": [test]})
        (self.folder / "test.yaml").write_text(text, encoding="utf-8")
        asked = [self.program, "test", "rules", "test.yaml"]
        done = subprocess.run(asked, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def play(need, tmp_path_factory):
    return Played(need("promtool", get="apt-get install prometheus"), tmp_path_factory.mktemp("rules"))


def scores(**values):
    """Return the score of every component: 100 but for those that are given, None where there is none."""
    all_ = dict.fromkeys(("shop", "stock", "bank", "ledger", "mail"), 100) | values
    return {f'component:health:score{{component="{name}"}}': value for name, value in all_.items() if value is not None}


def states(**values):
    all_ = dict.fromkeys(("shop", "stock", "bank", "ledger", "mail"), 2) | values
    return {f'component:health:state{{component="{name}"}}': value for name, value in all_.items()}


def overall(score, state):
    return {
        "health:overall:score": {} if score is None else {"health:overall:score": score},
        "health:overall:state": {"health:overall:state": state},
    }


def because(**values):
    """Return the cause of each component: shop="stock"."""
    return {
        f'component:health:because{{component="{name}", because="{other}"}}': score
        for name, (other, score) in values.items()
    }


FIRING = 'count by (alertname, component) (ALERTS{alertname=~"Health.*"})'


def test_all_is_well(play):
    play(
        WELL,
        {
            "30m": {
                "component:health:score": scores(),
                "component:health:state": states(),
                "component:health:because": {},
                FIRING: {},
                **overall(100, 2),
            }
        },
    )


def test_what_is_needed_fails_explains_what_needs_it_and_recovers(play):
    """For ten minutes stock answers nobody, and so shop does not either."""
    down = "1x39 0x40 1x160"
    play(
        WELL | {SHOP: down, STOCK: down},
        {
            "9m": {"component:health:score": scores(), **overall(100, 2)},
            "15m15s": {
                "component:health:score": scores(shop=0, stock=0),
                "component:health:state": states(shop=0, stock=0),
                "component:health:because": because(shop=("stock", 0)),
                **overall(0, 0),
            },
            # ApplicationDown fires for both; health adds nothing.
            "19m": {FIRING: {}},
            "30m": {
                "component:health:score": scores(),
                "component:health:state": states(),
                "component:health:because": {},
                FIRING: {},
                **overall(100, 2),
            },
        },
    )


def test_what_needs_something_healthy_is_ill_by_itself(play):
    play(
        WELL | {SHOP: "0x240"},
        {"10m": {"component:health:score": scores(shop=0), "component:health:because": {}, **overall(0, 0)}},
    )


def test_of_a_chain_each_is_explained_by_its_neighbour(play):
    play(
        WELL | {SHOP: "0x240", STOCK: "0x240", LEDGER: "0x240"},
        {
            "10m": {
                "component:health:score": scores(shop=0, stock=0, ledger=0),
                "component:health:because": because(shop=("stock", 0), stock=("ledger", 0)),
                FIRING: {},
            }
        },
    )


def test_what_is_somebody_elses_makes_the_whole_degraded_at_most(play):
    play(
        WELL | {BANK: "0x240"},
        {
            "10m": {
                "component:health:score": scores(bank=0),
                "component:health:because": {},
                FIRING: {},
                **overall(50, 1),
            }
        },
    )


def test_a_lesser_fault_of_what_is_somebody_elses_leaves_the_whole_healthy(play):
    """Seven of ten probes answer: 70, of which the whole sees 85."""
    play(
        WELL | {BANK: "1 " + "0 1 1 0 1 1 0 1 1 1 " * 24},
        {"42m30s": {"health:overall:state": {"health:overall:state": 2}}},
    )


def test_what_is_not_known_is_unknown_and_neither_well_nor_ill(play):
    """After half an hour nothing is heard of shop any more, and of stock nothing ever was."""
    gone = WELL | {SHOP: "1x119 stale"}
    del gone[STOCK]
    play(
        gone,
        {
            "50m": {
                "component:health:score": scores(shop=None, stock=None),
                "component:health:state": states(shop=-1, stock=-1),
                "component:health:because": {},
                FIRING: {},
                **overall(None, -1),
            }
        },
    )


def alert(name, severity, topic="application", **more):
    labels = {"alertname": name, "alertstate": "firing", "severity": severity, "topic": topic, **more}
    inside = ", ".join(f'{label}="{text}"' for label, text in labels.items())
    return f"ALERTS{{{inside}}}"


def test_alerts_take_from_the_score_once_each_and_those_on_health_nothing(play):
    fires = [
        alert("ApplicationSlow", "warning", service="shop"),
        alert("ApplicationSlow", "warning", service="shop", handler="/"),
        alert("HealthScoreLow", "warning", topic="health", service="shop"),
        alert("Told", "info", service="shop"),
        alert("Soon", "critical", service="shop").replace("firing", "pending"),
        alert("Step", "critical", service="shop", escalation="management"),
        alert("ApplicationDown", "critical", service="stock"),
        alert("PostgresLocked", "error", server="ledger"),
        alert("PostgresFull", "critical", server="ledger"),
        alert("HostDiskFull", "critical", topic="host"),
    ]
    play(
        WELL | dict.fromkeys(fires, "1x240"),
        {
            "10m": {
                "component:health:score": scores(shop=80, stock=50, ledger=30),
                "component:health:state": states(stock=1, ledger=0),
                **overall(30, 0),
            }
        },
    )


def test_what_is_known_to_be_low_is_reported_whatever_is_unknown(play):
    fires = {alert("PostgresFull", "critical", server="ledger"): "1x240"}
    play(
        WELL | {SHOP: "1x119 stale"} | fires,
        {"50m": {"component:health:state": states(shop=-1, ledger=1), **overall(50, 1)}},
    )

"""What variables offer, as choices; only PromQL of this test is answered, the rest is tests/live/test_verify.py."""

from functools import partial

from deckwatch.core.problems import Place, Unreachable
from deckwatch.dashboards.live import LiveQuery
from deckwatch.dashboards.offered_values import Offer
from deckwatch.provisioning.prometheus import Prometheus
from deckwatch.provisioning.variable_choices import Choices, read_choices
from deckwatch.provisioning.verify import Query

RESULTS = {
    "group by (job) (up)": [{"metric": {"job": "node"}}, {"metric": {"job": "a.b"}}],
    r'group by (disk) (io{job=~"(a\\.b|node)"})': [{"metric": {"disk": name}} for name in ("sdb", "sda")],
    "group by (many) (m)": [{"metric": {"many": str(number)}} for number in range(1000)],
    "group by (none) (n)": [],
}


class Answers(Prometheus):
    """A server that answers these queries only."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def run_query(self, expr, *, ranged):
        assert not ranged
        if expr not in RESULTS:
            raise Unreachable("bad")
        return RESULTS[expr]


def variable(name: str, expr: str, *, several: bool = True, uid: str = "x") -> Query:
    offer, place = Offer(name, name, several=several), Place("x.yaml")
    template = LiveQuery(uid, "X", "variable", name, name, expr, "instant", place, offer=offer)
    narrow = partial(template.to_promql, "1m", "1h")
    return Query("X", "variable", name, template.to_promql(), False, place, uid=uid, offer=offer, narrow=narrow)


def test_variables_are_chosen_one_after_another():
    queries = [
        variable("job", "group by (job) (up)"),
        variable("disk", 'group by (disk) (io{job=~"$job"})', several=False),
        variable("none", "group by (none) (n)"),
        variable("bad", "group by ("),
        variable("many", "group by (many) (m)"),
        variable("job", "group by (job) (up)", uid="y"),
        variable("none", "group by (none) (n)", uid="z"),
    ]
    jobs = r"(a\\.b|node)"
    choices = read_choices(Answers(), queries)
    assert choices == {
        "x": Choices({"job": jobs}, {"disk": ["sda", "sdb"]}),
        "y": Choices({"job": jobs}),
        "z": Choices(),
    }
    assert [choices[uid].singles for uid in "xyz"] == [[{"disk": "sda"}, {"disk": "sdb"}], [{}], [{}]]

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.exporter.sources.logs.formats.combined import FORMAT
from deckwatch.exporter.sources.logs.handlers import Handlers
from deckwatch.exporter.sources.logs.requests import (
    BUCKETS,
    FINE_BUCKETS,
    RequestCounts,
    _simplify_bytes,
    _simplify_texts,
)
from deckwatch.instrument import meters


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/", "/"),
        ("/orders", "/orders"),
        ("/orders/", "/orders/"),
        ("/orders/17", "/orders/{id}"),
        ("/orders/17/items/3", "/orders/{id}/items/{id}"),
        ("/users/4f1c9d0e-1b2a-4c3d-9e8f-001122334455", "/users/{id}"),
        ("/commit/9fceb02d0ae5", "/commit/{id}"),
        ("/reset/dGhpcy1pcy1hLXRva2VuLTEyMw", "/reset/{id}"),
        ("/users/ann@example.org", "/users/{id}"),
        ("/users/ann%40example.org", "/users/{id}"),
        ("/archive/2026-11-30", "/archive/{id}"),
        ("/static/css/app.9fceb02d.css", "/static/css/{file}.css"),
        ("/api/v1/orders", "/api/v1/orders"),
        ("/health", "/health"),
        ("/a;jsessionid=17", "/a"),
        ("/a/b/c/d/e/f/g/h", "/a/b/c/d/e/f/*"),
        ("/search/red shoes", "/search/{id}"),
    ],
)
def test_paths_become_templates(path, template):
    assert Handlers().find_template(path, "200") == template


def test_the_projects_rules_come_first():
    handlers = Handlers(["/users/{name}", "/files/*", "/users/{name}/orders"])
    assert handlers.find_template("/users/ann", "200") == "/users/{name}"
    assert handlers.find_template("/users/ann/orders", "200") == "/users/{name}/orders"
    assert handlers.find_template("/files/a/b", "200") == "/files/*"
    assert handlers.find_template("/users/nobody", "404") == "/users/{name}"
    assert handlers.find_template("/wp-login.php", "404") == "none"


def test_variants_of_a_place_are_folded_and_survive_a_restart():
    handlers = Handlers()
    names = [f"/shoes/{chr(97 + number // 26)}{chr(97 + number % 26)}x" for number in range(100)]
    templates = [handlers.find_template(name, "200") for name in names]
    assert len(set(templates)) == 31
    assert templates[-1] == "/shoes/{name}"
    again = Handlers()
    again.restore(dict.fromkeys(templates))
    assert [again.find_template(name, "200") for name in names] == templates


def test_there_are_never_more_handlers_than_the_limit():
    handlers = Handlers(most=10)
    templates = {handlers.find_template(f"/a{chr(97 + n)}/b{chr(97 + m)}", "200") for n in range(26) for m in range(26)}
    assert len(templates) == 11
    assert "_OTHER" in templates


@given(st.lists(st.tuples(st.text(max_size=60), st.sampled_from(["200", "302", "404", "500"])), max_size=60))
def test_any_path_has_a_label_and_their_number_is_bounded(requests):
    handlers = Handlers(most=5)
    assert len({handlers.find_template(path, code) for path, code in requests} - {"none", "_OTHER"}) <= 5


@given(
    st.lists(
        st.lists(
            st.sampled_from(["17", "0", "a", "v2", "x.css", "app.17.js", "1.css", "%41.js", "b;c.js", ".js", ""]),
            max_size=5,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_simplified_paths_have_the_same_templates(parts):
    paths = ["/" + "/".join(each) for each in parts]
    for simplified in (
        _simplify_texts(paths),
        [path.decode() for path in _simplify_bytes([p.encode() for p in paths])],
    ):
        assert [Handlers().find_template(path, "200") for path in simplified] == [
            Handlers().find_template(path, "200") for path in paths
        ]


@pytest.mark.parametrize("rule", ["/orders/17/{item}", "/static/app.js"])
def test_rules_with_numbers_or_files_see_the_path_itself(rule):
    path = rule.replace("{item}", "x")
    counts = RequestCounts(Handlers([rule]))
    counts.add_rows(("method", "path", "status"), [("GET", path, "200")])
    assert counts.requests["GET", rule, "200", "_OTHER"] == 1


def test_buckets_are_those_of_the_middleware():
    assert BUCKETS == meters.BUCKETS
    assert FINE_BUCKETS == meters.FINE_BUCKETS


LINES = st.lists(
    st.sampled_from(
        [
            b'1.1.1.1 - - [30/Nov/2026:02:00:00 +0000] "GET /a?x=1 HTTP/1.1" 200 12 "-" "x"\n',
            b'1.1.1.1 - - [30/Nov/2026:02:00:00 +0000] "POST /orders/17 HTTP/2.0" 500 - "-" "x"\n',
            b'1.1.1.1 - - [30/Nov/2026:02:00:00 +0000] "\\x16\\x03\\x01" 400 150 "-" "-"\n',
            b"not a request\n",
            *(b'::1 - - [x] "GET /v%d/%s HTTP/1.1" 200 %d\n' % (n, b"abcdefgh"[n : n + 1], n) for n in range(8)),
        ]
    ),
    max_size=60,
)


@given(lines=LINES, cuts=st.lists(st.integers(0, 60), max_size=5))
def test_counts_do_not_depend_on_how_the_lines_are_divided(lines, cuts):
    def count(parts):
        counts = RequestCounts(Handlers(most=4))
        for part in parts:
            rows, _ = FORMAT.parse(b"".join(part))
            counts.add_rows(FORMAT.fields, rows)
            counts = restored(counts, 4)
        state = counts.to_state()
        return state | {"requests": sorted(state["requests"])}

    edges = [0, *sorted(cuts), len(lines)]
    assert count([lines]) == count([lines[start:end] for start, end in itertools.pairwise(edges)] or [[]])


def restored(counts, most):
    again = RequestCounts(Handlers(most=most))
    again.load_state(json.loads(json.dumps(counts.to_state())))
    return again

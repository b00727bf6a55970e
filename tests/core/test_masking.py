"""Passwords are masked without shifting columns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core.masking import mask_secrets
from deckwatch.core.problems import Place, Problem, caret_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("dsn: postgresql://me:hunter2@db/shop", "dsn: postgresql://me:*******@db/shop"),
        ("http://me:p@ss/w:rd@grafana:3000/x", "http://me:*********@grafana:3000/x"),
        ("no team is called //u:hunter2@host (one of shop)", "no team is called //u:*******@host (one of shop)"),
        ("no team is called //hunter2@host", "no team is called //*******@host"),
        ('{dsn: "postgres://me:my word@db", nmae: x}', '{dsn: "postgres://me:*******@db", nmae: x}'),
        ("dsn: postgres://db/x?user=me&password=hunter2", "dsn: postgres://db/x?user=me&password=*******"),
        (r"dsn: host=db password = hunter\ 2 user=me", r"dsn: host=db password = ********* user=me"),
        ("dsn: \"host=db sslpassword='a b' user=me\"", 'dsn: "host=db sslpassword=**************'),
        ("- {name: db, password: hunter2}", "- {name: db, password: ********"),
        ("'password': hunter2", "'password': *******"),
        ("routing_key: hunter2", "routing_key: *******"),
        ("- {api_url: https://hooks.example/T/B/x}", "- {api_url: " + "*" * 28),
        ("bot_token: hunter2", "bot_token: *******"),
        ("auth_password: hunter2", "auth_password: *******"),
        ("api_key: hunter2", "api_key: *******"),
        ("bearer_token: hunter2", "bearer_token: *******"),
        ("credentials: hunter2", "credentials: *******"),
        ("{Authorization: Bearer hunter2}", "{Authorization: ***************"),
        ("dsn_passwrd: hunter2", "dsn_passwrd: *******"),
        ("address: me:hunter2@db", "address: me:*******@db"),
        ("url: http://loki/x?token=hunter2&a=b", "url: http://loki/x?token=*******&a=b"),
    ],
)
def test_passwords_are_masked(text, shown):
    assert mask_secrets(text) == shown
    assert len(mask_secrets(text)) == len(text)


@pytest.mark.parametrize(
    "text",
    [
        "- {service: shop, url: http://shop.internal:8000/metrics?to=a@b}",
        "- {name: a, dsn: postgresql://db:5432/shop, mail: me@example.com}",
        "dsn: postgresql://me@db:5432/shop",
        "tcp: payments.internal:8443",
        "- {name: db, dsn_file: /run/secrets/password}",
        "password_file: /run/secrets/x",
        "the dsn holds a password: put it into a file",
        "revenue: sum(rate(shop_revenue_total[5m]))",
    ],
)
def test_other_text_is_not_masked(text):
    assert mask_secrets(text) == text


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=4), st.integers(1, 25))
def test_no_password_is_shown_and_the_caret_does_not_move(password, column):
    for line in (f"  dsn: postgresql://me:~{password}@db/shop", f"  dsn: host=db password=~{password}"):
        problem = Problem(Place("x.yaml", 1, column), f"'{line}' is not right")
        shown = caret_line(problem, line)
        first, second = shown.splitlines()
        assert first.startswith("    1 |   dsn: ")
        assert "*" * (len(password) + 1) in first
        assert f"~{password}" not in shown + str(problem)
        assert (len(first), second.index("^")) == (8 + len(line), 8 + column - 1)

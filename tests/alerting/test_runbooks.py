"""Every alert has a page, and every link leads somewhere."""

import re

import yaml


def test_every_alert_has_a_page_that_its_annotation_names(shipped_alerting):
    pages = {page.path for page in shipped_alerting.bundle.runbooks}
    for path, text in shipped_alerting.texts().items():
        if path.startswith("prometheus/rules/") and "/tests/" not in path:
            for rule in yaml.safe_load(text)["groups"][0]["rules"]:
                if "alert" in rule:
                    assert rule["annotations"]["runbook"] == f"runbooks/{rule['alert']}.md"
                    assert f"{rule['alert']}.md" in pages


def test_every_link_leads_to_a_page(shipped_alerting):
    pages = {page.path for page in shipped_alerting.bundle.runbooks}
    for page in shipped_alerting.bundle.runbooks:
        for target in re.findall(r"\]\(([^)]+)\)", page.text):
            assert target in pages, (page.path, target)


def test_tables_are_tables(shipped_alerting):
    for page in shipped_alerting.bundle.runbooks:
        rows = [line for line in page.text.splitlines() if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} <= {3, 4}, page.path


def test_a_page_shows_what_is_asked_through_its_recordings(shipped_alerting):
    (page,) = [one for one in shipped_alerting.bundle.runbooks if one.path == "HostMemoryHigh.md"]
    assert "instance:memory_utilization:ratio > 0.8" in page.text
    assert "node_memory_MemAvailable_bytes" in page.text
    assert 'alertname=HostMemoryHigh instance="…"' in page.text


def test_markup_in_titles_and_texts_is_escaped(alerting_of):
    text = """\
title: "Shop | *live*"
owner: shop
alerts:
  ShopDown:
    expr: up
    is: 0
    for: 1m
    severity: warning
    each: [job, instance]
    summary: "The <b>shop</b> is [down](x) | gone."
    means: "No <script> of `a<b` runs."
    do: ["Look at <it>."]
    proof:
      - {give: [{value: 1, for: 5m}, {value: 0, for: 10m}], fires: 6m}
      - {give: [{value: 1, for: 5m}], silent: true}
"""
    pages = {page.path: page.text for page in alerting_of({"shop.yaml": text}, shipped=True).bundle.runbooks}
    assert "The \\<b>shop\\</b> is \\[down\\](x) \\| gone. |" in pages["README.md"]
    assert "## Shop | \\*live\\*" in pages["README.md"]
    assert "[Shop \\| \\*live\\*](README.md)" in pages["ShopDown.md"]
    assert "No \\<script> of `a<b` runs." in pages["ShopDown.md"]
    assert "1. Look at \\<it>." in pages["ShopDown.md"]

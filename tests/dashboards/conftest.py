from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

import dashboards
from dashboards import panels
from dashboards.build import Settings
from dashboards.sources import Source
from deckwatch.core import signalfile, yamlfile


@pytest.fixture(scope="session")
def child():
    """One renderer for all tests; it keeps nothing between programs."""
    with panels.renderer() as running:
        yield running


@pytest.fixture
def build(catalog, child):
    """Build one dashboard from its YAML and return {bundle, model, panels by title, problems}."""

    def run(text: str, *, uid: str = "shop", subjects: tuple[str, ...] = ("shop",), **settings):
        document = yamlfile.load(text, f"{uid}.yaml")
        signals, problems = signalfile.load([document], catalog)
        bundle = dashboards.bundle([Source(document, uid, subjects)], catalog, signals, Settings(**settings), child)
        model = json.loads(bundle.artifacts[0].text) if bundle.artifacts else {}
        inner = [p for panel in model.get("panels", []) for p in (panel, *panel.get("panels", []))]
        return SimpleNamespace(
            bundle=bundle,
            model=model,
            panels={panel["title"]: panel for panel in inner},
            problems=sorted(set(problems + bundle.problems), key=lambda problem: problem.place),
        )

    return run

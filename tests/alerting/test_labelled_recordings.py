"""An engine may label what it records, as Thanos' ruler does: rules that read recorded series still join them."""

from __future__ import annotations

import subprocess

import pytest
import yaml

from deckwatch.cli import _project
from deckwatch.provisioning import stack

PROJECT = "watch: {probes: [{service: shop, http: 'http://127.0.0.1:1/'}]}\nbuild: {include: [health]}\n"


@pytest.fixture
def bundle(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text(PROJECT)
    return stack.build(_project.load_project(tmp_path, keep_invalid=True)).plan


def test_health_is_the_same_where_recorded_series_have_another_label(bundle, tmp_path, need) -> None:
    promtool = need("promtool", get="apt-get install prometheus")
    rules = yaml.safe_load(bundle.file_text("prometheus/rules/health.yaml"))
    recordings = [rule for group in rules["groups"] for rule in group["rules"] if "record" in rule]
    for rule in recordings:
        rule["labels"] = {**rule.get("labels", {}), "tenant_id": "berlin"}
    (tmp_path / "tests").mkdir()
    (tmp_path / "health.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))
    (tmp_path / "tests" / "health_test.yaml").write_text(bundle.file_text("prometheus/rules/tests/health_test.yaml"))
    argv = [promtool, "test", "rules", tmp_path / "tests" / "health_test.yaml"]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert recordings
    assert ended.returncode == 0, ended.stdout + ended.stderr

"""`generate --watch`: every change is generated and reported, errors do not end it, and the output is ignored."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from deckwatch.provisioning import watch

DECKWATCH = str(Path(sys.executable).with_name("deckwatch"))
SHOP = "dashboard: Shop\nabout: Why?\nrows: [[{stat: up, title: Up, description: Whether.}]]\n"


@pytest.fixture
def project(tmp_path):
    (tmp_path / "deckwatch.yaml").write_text("build: {include: [dashboards/]}\n")
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "shop.yaml").write_text(SHOP)
    return tmp_path


@pytest.fixture
def watching(project):
    """Start it, and return a function that waits until a line of it holds a text."""
    argv = [DECKWATCH, "--project", str(project), "generate", "--watch"]
    child = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(child.stderr.readline, "")), daemon=True)
    reader.start()
    seen = 0

    def until(text):
        nonlocal seen
        deadline = time.monotonic() + 60
        while True:
            for number, line in enumerate(lines[seen:], seen + 1):
                if text in line:
                    seen = number
                    return
            assert time.monotonic() < deadline, "".join(lines)
            assert child.poll() is None, "".join(lines)
            time.sleep(0.02)

    yield until
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=30) == 130
    reader.join()
    child.stderr.close()


def read_output(project):
    return (project / "out" / "grafana" / "dashboards" / "deckwatch" / "shop.json").read_text()


def test_each_change_is_generated_and_an_error_does_not_end_it(project, watching):
    file = project / "dashboards" / "shop.yaml"
    watching("files written")
    file.write_text(SHOP.replace("description: Whether.", "description: Whether it is.", 1))
    watching("dashboards/shop.yaml: 1 file written")
    watching("Shop: panel Up: description Whether. → Whether it is.")
    before = read_output(project)
    file.write_text(SHOP.replace("title: Up", "titel: Up"))
    watching("unknown key titel")
    watching("nothing is written until this is fixed")
    assert read_output(project) == before
    file.write_text(SHOP)
    watching("dashboards/shop.yaml: 1 file written")
    (project / "dashboards" / "more.yaml").write_text(SHOP.replace("Shop", "More"))
    watching("dashboards/more.yaml: 1 file written")
    watching("added grafana/dashboards/deckwatch/more.json")
    (project / "dashboards" / "more.yaml").unlink()
    watching("removed grafana/dashboards/deckwatch/more.json")
    again = subprocess.run(
        [DECKWATCH, "--project", str(project), "generate", "--check"], check=False, capture_output=True, text=True
    )
    assert again.returncode == 0, again.stderr


def test_cached_results_equal_a_fresh_build(project):
    """Dashboards that link to each other and use each other's signals, changed one after another."""
    from deckwatch.cli import _project, _watch
    from deckwatch.core import build_cache
    from deckwatch.core.jsonnet import Renderer
    from deckwatch.provisioning import stack

    signals = "signals:\n  load: {metric: node_load1, title: Load, about: Processes., unit: count}\n"
    linked = SHOP.replace("title: Up", "title: Up, link: shop").replace("Shop", "More")
    drawing = SHOP.replace("stat: up, title: Up,", "stat: shop.load,").replace("Shop", "Third")
    steps = (
        {"shop": signals + SHOP, "more": linked, "third": drawing},
        {"shop": signals + SHOP.replace("dashboard: Shop", "dashboard: Store")},  # More links to it by its title
        {"shop": signals.replace("title: Load", "title: Queue") + SHOP},  # Third draws its signal
        {"more": linked.replace("Whether.", "Whether it is.")},
        {"third": None},
    )
    try:
        Renderer.cache = {}
        build_cache.turn_on()
        words = _watch.shared_text(project)
        for step in steps:
            for name, text in step.items():
                file = project / "dashboards" / f"{name}.yaml"
                file.unlink() if text is None else file.write_text(text)
            before, words = words, _watch.shared_text(project)
            _watch.clear_unless_isolated([f"dashboards/{name}.yaml" for name in step], before, words)
            manifest = stack.build(_project.load_project(project)).plan.build_manifest()
            kept, build_cache._entries = build_cache._entries, None
            remembered, Renderer.cache = Renderer.cache, None
            assert stack.build(_project.load_project(project)).plan.build_manifest() == manifest
            build_cache._entries, Renderer.cache = kept, remembered
    finally:
        build_cache._entries = Renderer.cache = None


def test_which_changes_are_detected(project):
    out = project / "out"
    before = watch.snapshot_files(project, out)
    assert sorted(before) == ["dashboards/shop.yaml", "deckwatch.yaml"]
    for name in (".hidden", "out/x.json", "dashboards/.shop.yaml.swp", "dashboards/__pycache__/x"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x")
    assert watch.snapshot_files(project, out) == before
    (project / "dashboards" / "new.yaml").write_text(SHOP)
    (project / "dashboards" / "shop.yaml").unlink()
    _, paths = watch.wait_for_change(project, out, before)
    assert paths == ["dashboards/new.yaml", "dashboards/shop.yaml"]


def test_a_replaced_file_of_the_same_size_and_time_is_detected(project):
    path = project / "dashboards" / "shop.yaml"
    before = watch.snapshot_files(project, project / "out")
    at = path.stat()
    other = path.with_name("other")
    other.write_text(SHOP.replace("Up", "On"))
    os.utime(other, ns=(at.st_atime_ns, at.st_mtime_ns))
    other.replace(path)
    assert watch.snapshot_files(project, project / "out") != before

"""The fingerprint of a bundle's inputs: no change goes undetected."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deckwatch.provisioning.fingerprint import RECORD

DECKWATCH = str(Path(sys.executable).with_name("deckwatch"))
FILES = {
    "deckwatch.yaml": "build: {include: [dashboards/]}\n",
    "dashboards/shop.yaml": "dashboard: Shop\nabout: Why?\nrows: [[{stat: up, title: Up, description: Whether.}]]\n",
}


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def generate(folder, *words, **variables):
    argv = [sys.executable, "-X", "importtime", DECKWATCH, "--project", str(folder), "generate", *words]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, env=os.environ | variables)
    lines = done.stderr.splitlines()
    generated = any("provisioning.stack" in line for line in lines if line.startswith("import time:"))
    return generated, done.returncode, "\n".join(line for line in lines if not line.startswith("import time:"))


def test_a_second_run_does_not_generate_and_reports_the_same(project):
    assert generate(project)[:2] == (True, 0)
    generated, code, output = generate(project)
    assert (generated, code) == (False, 0)
    assert "is up to date" in output
    assert generate(project, "--check")[:2] == (False, 0)


def changed_file(project):
    (project / "dashboards" / "shop.yaml").write_text(FILES["dashboards/shop.yaml"].replace("Up", "On"))


def new_file(project):
    (project / "dashboards" / "more.yaml").write_text(FILES["dashboards/shop.yaml"].replace("Shop", "More"))


def changed_output(project):
    (project / "out" / "prometheus" / "prometheus.yml").write_text("x")


def no_output_file(project):
    (project / "out" / "prometheus" / "prometheus.yml").unlink()


def broken_record(project):
    (project / RECORD).write_text("{")


def invalid_record(project):
    (project / RECORD).write_text("[1]")


def linked_folder(project):
    (project / "elsewhere").mkdir()
    (project / "dashboards" / "linked").symlink_to(project / "elsewhere")


@pytest.mark.parametrize(
    "change", [changed_file, new_file, changed_output, no_output_file, broken_record, invalid_record, linked_folder]
)
def test_every_change_is_detected(project, change):
    generate(project)
    assert not generate(project)[0]
    change(project)
    assert generate(project)[0]


def test_other_options_and_variables_generate_again(project):
    generate(project)
    assert generate(project, "--engine", "jsonnet")[0]
    assert generate(project, DECKWATCH_SOMETHING="1")[0]


def test_content_decides_and_not_size_or_modification_time(project):
    generate(project)
    path = project / "dashboards" / "shop.yaml"
    before = path.stat()
    os.utime(path)
    assert not generate(project)[0]
    path.write_text(FILES["dashboards/shop.yaml"].replace("Up", "On"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert generate(project)[0]


def test_warnings_are_repeated(project):
    text = FILES["dashboards/shop.yaml"].replace("dashboard: Shop", "dashboard: Host")
    (project / "dashboards" / "overview.yaml").write_text(text)  # replaces the shipped dashboard
    first, second = generate(project), generate(project)
    assert (first[0], second[0]) == (True, False)
    assert "warning" in first[2]
    assert first[2].splitlines()[:3] == second[2].splitlines()[:3]


def test_a_file_outside_the_project_is_compared_by_content(tmp_path, project):
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere.yaml"
    elsewhere.write_text(FILES["dashboards/shop.yaml"].replace("Shop", "More"))
    (project / "dashboards" / "more.yaml").symlink_to(elsewhere)
    generate(project)
    assert not generate(project)[0]
    elsewhere.write_text(FILES["dashboards/shop.yaml"].replace("Shop", "Less"))
    assert generate(project)[0]

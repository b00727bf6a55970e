"""The YAML in the guide is built: each page's files make a project of their own, which has no problems."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deckwatch.core import project
from provisioning import stack

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
FRAGMENTS = [
    Path(__file__).parents[2] / name / "project.schema.yaml" for name in ("exporter", "alerting", "provisioning")
]
FILE = re.compile(r"```yaml\n# (\S+\.yaml)\n(.*?)```", re.DOTALL)


def files_of(page: Path) -> dict[str, str]:
    return dict(FILE.findall(page.read_text(encoding="utf-8")))


@pytest.fixture(params=[path for path in sorted(GUIDE.glob("*.md")) if files_of(path)], ids=lambda path: path.stem)
def written(request, tmp_path):
    for name, text in ({"deckwatch.yaml": ""} | files_of(request.param)).items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return project.load(tmp_path, FRAGMENTS)


def test_what_a_page_shows_is_right(written) -> None:
    built = stack.build(written)
    assert built.warnings == []
    assert len(built.plan.files()) > 50


def test_pages_show_something() -> None:
    assert {"dashboards", "alerts", "databases"} <= {path.stem for path in GUIDE.glob("*.md") if files_of(path)}


def test_links_lead_somewhere() -> None:
    pages = [*GUIDE.glob("*.md"), GUIDE.parents[1] / "README.md"]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]
    assert broken == []

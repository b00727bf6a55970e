"""Man pages: one per command, from its help, without a warning of groff."""

from __future__ import annotations

import subprocess

import click
import pytest

from deckwatch.cli.main import deckwatch
from deckwatch.packaging.man_pages import build_man_pages

HELP = """Do small things. And others.

A path is `C:\\x`; .dots and 'quotes' begin no request.

\b
kept  as
it is
"""


@click.group(help=HELP)
def small() -> None:
    pass


@small.command()
@click.option("--limit", type=int, default=3, show_default=True, help="At most `N` things.")
@click.argument("name")
def run(limit: int, name: str) -> None:
    """Run NAME."""


@small.command(hidden=True)
def secret() -> None:
    """Not shown."""


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return {page.path: page.text for page in build_man_pages(small, "small")}


def render_page(groff: str, text: str) -> str:
    """Return a page as text in 200 columns; groff must not warn."""
    command = [groff, "-K", "utf8", "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=200n"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.replace("−", "-").replace("‐", "-")  # noqa: RUF001 - the minus sign and hyphen of groff


def test_there_is_a_page_for_every_command(pages) -> None:
    assert list(pages) == ["small.1", "small-run.1"]
    ours = {page.path for page in build_man_pages(deckwatch, "deckwatch")}
    assert {"deckwatch.1", "deckwatch-serve.1", "deckwatch-alerts-list.1"} < ours


def test_a_page_shows_the_help_as_it_is(need, pages) -> None:
    groff = need("groff", get="apt-get install groff-base")
    text = render_page(groff, pages["small.1"])
    assert "small - Do small things\n" in text
    assert "A path is C:\\x; .dots and 'quotes' begin no request.\n" in text
    assert "kept  as\n       it is\n" in text
    assert "small-run(1)" in text
    assert "Not shown" not in text
    text = render_page(groff, pages["small-run.1"])
    assert "small run [OPTIONS] NAME\n" in text
    assert "--limit INTEGER\n              At most N things.  [default: 3]\n" in text


def test_groff_warns_about_no_page_of_ours(need) -> None:
    groff = need("groff", get="apt-get install groff-base")
    for page in build_man_pages(deckwatch, "deckwatch"):
        render_page(groff, page.text)


def test_pages_are_the_same_every_time(pages) -> None:
    assert {page.path: page.text for page in build_man_pages(small, "small")} == pages

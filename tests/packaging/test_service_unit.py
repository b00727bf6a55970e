"""The systemd unit: valid, hardened, and with a command that systemd reads as it is."""

from __future__ import annotations

import shlex
import subprocess

import pytest

from deckwatch.packaging.service_unit import quote_word, render_unit

EXPOSURE = 20  # of 100, as systemd-analyze's --threshold counts; it prints tenths


@pytest.mark.parametrize("kind", ["package", "system"])
def test_the_exposure_is_at_most_two(need, tmp_path, kind) -> None:
    analyze = need("systemd-analyze", get="apt-get install systemd")
    (tmp_path / "deckwatch.service").write_text(render_unit(kind, ["/bin/true"], ["adm"] if kind == "system" else []))
    judged = [analyze, "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}"]
    done = subprocess.run([*judged, "./deckwatch.service"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", ["package", "system", "user"])
def test_systemd_knows_every_setting(need, tmp_path, kind) -> None:
    analyze = need("systemd-analyze", get="apt-get install systemd")
    (tmp_path / "deckwatch.service").write_text(render_unit(kind, ["/bin/true", "a b", "50%"]))
    done = subprocess.run(
        [analyze, "verify", "./deckwatch.service"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout + done.stderr == ""


def test_only_the_package_has_a_user_of_its_own() -> None:
    assert "User=deckwatch\n" in render_unit("package", ["/bin/true"])
    system = render_unit("system", ["/bin/true"], ["adm", "docker"])
    assert "DynamicUser=yes\nSupplementaryGroups=adm docker\n" in system
    assert "\nUser=" not in system
    user = render_unit("user", ["/bin/true"])
    assert "User" not in user
    assert "ProtectSystem" not in user
    assert "WantedBy=default.target" in user


@pytest.mark.parametrize("word", ["/usr/bin/deckwatch", "[::1]:9877", "a b", "50%", "$HOME", 'a"b', "a\\b", ""])
def test_a_word_is_quoted_for_systemd(word) -> None:
    quoted = quote_word(word)
    assert shlex.split(quoted.replace("%%", "%").replace("$$", "$")) == [word]  # its quotes are those of a shell

"""The lines of `grafana_versions.yaml` whose source is Grafana's types, looked up in the published types."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deckwatch.core.targets import PROGRAMS
from deckwatch.dashboards import grafana_versions
from deckwatch.dashboards.grafana_versions import load_features

pytestmark = [pytest.mark.live, pytest.mark.slow]

# The first published package of each minor version, in order.
PACKAGES = (
    *("10.4.0", "11.0.0", "11.1.0", "11.2.0", "11.3.0", "11.4.0", "11.5.0", "11.6.0"),
    *("12.0.0", "12.1.0", "12.2.0", "12.3.0", "12.4.0", "13.0.1", "13.1.0", "13.2.0"),
)
FILES = {"dashlist": "dashboardlist", "nodeGraph": "nodegraph"}  # folders of panels in the package


@pytest.fixture(scope="module")
def types(need, tmp_path_factory):
    """The folders of the types, by minor version."""
    npm = need("npm", get="apt-get install npm")
    folder = tmp_path_factory.mktemp("schema")

    def unpack_types(version: str) -> Path:
        home = folder / version
        home.mkdir()
        command = [npm, "pack", "--silent", f"@grafana/schema@{version}"]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=False, timeout=120)
        need.that(done.returncode == 0, f"npm cannot get @grafana/schema: {done.stderr.strip()[-300:]}")
        subprocess.run(["tar", "xzf", next(home.glob("*.tgz")).name], cwd=home, check=True, timeout=60)
        root = home / "package/dist"
        return root / ("types" if (root / "types/raw").is_dir() else "esm")

    with ThreadPoolExecutor(4) as pool:
        minors = (version.rpartition(".")[0] for version in PACKAGES)
        return dict(zip(minors, pool.map(unpack_types, PACKAGES), strict=True))


def list_fields(root: Path, panel: str) -> set[tuple[str, str]]:
    """Return the fields of the interfaces that a panel's options and all panels have, each with its interface."""
    name = FILES.get(panel, panel.replace("-", ""))
    paths = [*root.glob(f"raw/composable/{name}/panelcfg/x/*.d.ts"), *root.glob("common/common.gen.d.ts")]
    assert len(paths) > 1, f"no types of {panel}"
    found = set()
    for path in paths:
        for match in re.finditer(r"export interface (\w+)[^{]*\{(.*?)\n\}", path.read_text(), re.DOTALL):
            found |= {(match[1], field) for field in re.findall(r"^    (\w+)\??:", match[2], re.MULTILINE)}
    return found


def find_minors(since: str) -> tuple[str, str]:
    """Return the minor version before this one, and this one."""
    minors = [version.rpartition(".")[0] for version in PACKAGES]
    index = minors.index(since)
    return minors[index - 1], since


def test_an_option_is_in_the_types_of_its_version_and_not_in_those_before(types):
    wrong = []
    for option in load_features()["options"]:
        if option.source == "types":
            before, since = (list_fields(types[minor], option.panel) for minor in find_minors(option.since))
            last = option.name.rpartition(".")[2]
            if not any(field == last for _, field in since - before):
                wrong.append(f"{option.panel} {option.name} {option.since}")
    assert wrong == []


def test_a_form_and_an_api_are_in_the_types_of_their_version_and_not_in_those_before(types):
    for kind in ("forms", "apis"):
        for feature in load_features()[kind]:
            if feature.source != "types":
                continue
            before, since = (types[minor] for minor in find_minors(feature.since))
            name = {"v1": "v1beta1"}.get(feature.name, feature.name).rpartition("/")[2]
            path = f"schema/dashboard/{name}/types.spec.gen.d.ts"
            assert ((before / path).is_file(), (since / path).is_file()) == (False, True), feature


# What the types of the v2 schema contain for a layout; an earlier version has no such types.
LAYOUTS = {
    "tabs": "export interface TabsLayoutTabSpec ",
    "automatic grid": "export interface AutoGridLayoutSpec ",
    "conditions": "export interface ConditionalRenderingDataSpec ",
    "variables of a section": "variables?: VariableKind[];",
}


def test_a_layout_is_in_the_types_of_its_version_and_not_in_those_before(types):
    assert {feature.name for feature in load_features()["layouts"]} == set(LAYOUTS)
    for feature in load_features()["layouts"]:
        before, since = (types[minor] / "schema/dashboard/v2/types.spec.gen.d.ts" for minor in find_minors("13.0"))
        assert feature.since == "13.0"
        assert not before.is_file()
        assert LAYOUTS[feature.name] in since.read_text()


def test_a_type_of_variable_is_in_the_types_of_its_version_and_not_in_those_before(types):
    for feature in load_features()["variables"]:
        texts = [
            (types[minor] / "raw/dashboard/x/dashboard_types.gen.d.ts").read_text()
            for minor in find_minors(feature.since)
        ]
        assert [f"'{feature.name}'" in text or f'"{feature.name}"' in text for text in texts] == [False, True]


def test_the_newest_package_is_of_the_newest_supported_version(types):
    assert PACKAGES[-1].startswith(PROGRAMS["grafana"].newest)
    assert {feature.source for kind in grafana_versions.KINDS for feature in load_features()[kind]} >= {"types"}

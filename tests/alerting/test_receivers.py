"""Every kind of receiver: amtool accepts its configuration, and no label becomes markup in its messages."""

from __future__ import annotations

import html.parser
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deckwatch.alerting import receivers, render_rules
from deckwatch.core import plugins
from deckwatch.core.problems import DeckwatchError
from deckwatch.core.targets import PROGRAMS, Targets, parse_version
from deckwatch.core.yaml_write import dump_yaml

KINDS = [path.stem for path in plugins.list_files(render_rules.library_folder() / "receivers", ".libsonnet")]
LINKS = {
    "discord": r"\[[A-Z][a-z ]+\]\(https?://[^\s()]+\)",
    "mattermost": r"\[[A-Z][a-z ]+\]\(https?://[^\s()]+\)",
    "teams": r"\[[A-Z][a-z ]+\]\(https?://[^\s()]+\)",
    "slack": r"<https?://[^\s<>|]+\|[A-Z][a-z ]+>",
    "jira": r"\[[A-Z][a-z ]+\|https?://[^\s|\]]+\]",
}
# What may not remain of a value once escaped characters and our own links are removed.
MARKS = {
    "discord": r"[\\*_~`|>#\[\](){}<!]|://|@(?!\u200b)",
    "mattermost": r"[\\*_~`|>#\[\](){}<!]|@(?!\u200b)",
    "teams": r"[*`\[\]<>@&]",
    "slack": r"[<>`]|&(?!amp;|lt;|gt;)",
    "jira": r"[\\*_?^~{}\[\]!|#<>]",
    "opsgenie": r"[<>&\"']",
    "telegram.plain": r"[<>&\"']",
}
ESCAPED = {"discord": r"\\[^A-Za-z0-9\s]", "mattermost": r"\\[^A-Za-z0-9\s]", "jira": r"\\[^A-Za-z0-9\s\\]"}
HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("<!channel>", "[x](https://evil.example)", "](https://evil.example)", "<b>", "</a>", "@everyone"),
                *("```", "*", "_", "\n\nOver: all is well", "\u202e", "&lt;", '"', "'", "\\", "{noformat}", "!x!"),
                *("|", "<https://evil.example|x>", "{{ .ExternalURL }}", "%s", "$1", "\\\\", "javascript:alert(1)"),
            ]
        ),
        st.text(max_size=10),
    ),
    max_size=12,
).map("".join)


@pytest.fixture(scope="module")
def amtool(need):
    return need("amtool", get="apt-get install prometheus-alertmanager")


@pytest.fixture(scope="module")
def kinds(jsonnet_renderer):
    return receivers.ReceiverKinds(jsonnet_renderer).kinds


def amtool_version(program):
    process = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    match = re.search(r"version (\d+\.\d+)", process.stdout + process.stderr)
    return match[1] if match else PROGRAMS["alertmanager"].newest  # a build without a version


def build_project(kinds, target, names=KINDS):
    """Return a project with all examples that a version of Alertmanager supports, one team for each."""
    teams = {}
    for name in names:
        kind = kinds[name]
        for i, example in enumerate(kind.examples):
            versions = [kind.needs, *(since for option, since in kind.since.items() if option in example)]
            if all(parse_version(version) <= parse_version(target) for version in versions):
                teams[f"{name}-{i}"] = {name: example}
    return dump_yaml({"teams": teams})


INCOMPLETE = """
{
  pager: {
    options: { properties: { key_file: {}, routing_key: {}, resolved: {} } },
    examples: [{ key_file: '/k' }],
    needs: '0.25',
  },
  %s
}
"""


def test_one_message_lists_everything_that_a_receiver_file_lacks(jsonnet_renderer):
    with pytest.raises(DeckwatchError) as error:
        receivers.ReceiverKinds(jsonnet_renderer, INCOMPLETE % "chat: {},")
    assert str(error.value).splitlines() == [
        "alerting/library/receivers/chat.libsonnet is incomplete; add:",
        "  options: option.of('A channel in chat.', ['url_file'], { url_file: option.file('the address') }),",
        "  examples: [{ url_file: '/run/secrets/chat' }],",
        "  build(options, target): { chat_configs: [option.notify_flags(options) { url_file: options.url_file }] },",
        "alerting/library/receivers/pager.libsonnet is incomplete; add:",
        "  build(options, target): { pager_configs: [option.notify_flags(options) { url_file: options.url_file }] },",
        "  examples: [..., { routing_key: ... }],  // no example uses routing_key",
        "  routing_key_file: option.file('the routing_key'),  // instead of routing_key, if it is a secret",
        "  plain: ['routing_key'],  // if it is not",
    ]


def test_a_receiver_declares_which_options_are_not_secret(jsonnet_renderer):
    plain = INCOMPLETE.replace("'/k' }", "'/k', routing_key: 'r' }").replace(
        "needs:", "plain: ['routing_key'],\n needs:"
    )
    kinds = receivers.ReceiverKinds(jsonnet_renderer, plain.replace("needs:", "build(o, t): {}, needs:") % "").kinds
    assert kinds["pager"].option_names == ["key_file", "resolved", "routing_key"]
    assert kinds["pager"].needs == "0.25"


def test_amtool_accepts_every_kind_that_its_version_has(amtool, alerting_of, kinds, tmp_path):
    target = amtool_version(amtool)
    built = alerting_of(project=build_project(kinds, target), shipped=True, targets=Targets(alertmanager=target))
    assert built.problem_lines() == []
    path = built.write(tmp_path) / "alertmanager/alertmanager.yml"
    process = subprocess.run([amtool, "check-config", str(path)], capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stdout + process.stderr


def fields(value, path=""):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield f"{path}.{key}"
            yield from fields(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, path)


@pytest.mark.parametrize("target", ["0.25", "0.26", "0.28", "0.30", PROGRAMS["alertmanager"].newest])
def test_no_field_is_newer_than_the_target(alerting_of, kinds, target):
    """Fields that 0.25 lacks, with the version whose configuration takes them, from Alertmanager's config/ by tags."""
    since = yaml.safe_load(Path(__file__).with_name("alertmanager_fields.yaml").read_text())
    built = alerting_of(project=build_project(kinds, target), targets=Targets(alertmanager=target))
    assert built.problem_lines() == []
    found = yaml.safe_load(built.texts()["alertmanager/alertmanager.yml"])["receivers"]
    for field in {name for one in found for name in fields(one)}:
        assert parse_version(since.get(field.removeprefix("."), "0.25")) <= parse_version(target), field


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_that_the_target_lacks_is_reported_at_its_place(alerting_of, kinds, name):
    needs = kinds[name].needs
    newest = PROGRAMS["alertmanager"].newest
    project = build_project(kinds, newest, [name])
    lines = alerting_of(project=project, targets=Targets(alertmanager="0.25")).problem_lines()
    if parse_version(needs) <= (0, 25) and not kinds[name].since:
        assert lines == []
    if parse_version(needs) > (0, 25):
        assert lines[0].startswith(f"deckwatch.yaml:3:5: error: {name} needs Alertmanager {needs}, the target is 0.25")


def test_texts_that_alertmanager_parses_as_yaml_stay_texts(alerting_of, kinds):
    """DeepCopyWithTemplate turns text that looks like a mapping into one, unless it begins with a tab."""
    newest = PROGRAMS["alertmanager"].newest
    built = alerting_of(project=build_project(kinds, newest), targets=Targets(alertmanager=newest))
    for one in yaml.safe_load(built.texts()["alertmanager/alertmanager.yml"])["receivers"]:
        read = [config["details"] for config in one.get("pagerduty_configs", ())]
        read += [config.get("payload", {}) for config in one.get("webhook_configs", ())]
        for text in [text for part in read for text in part.values() if "template" in text]:
            with pytest.raises(yaml.YAMLError):
                yaml.safe_load(text.replace(text.strip(), "web-1 shop: it stopped"))


@pytest.mark.parametrize("name", KINDS)
def test_a_secret_can_only_be_a_file(kinds, name):
    secret = re.compile(r"(key|token|password|secret)$")
    secrets = [option for option in kinds[name].option_names if secret.search(option)]
    assert set(secrets) <= set(kinds[name].plain)


@pytest.fixture(scope="module")
def templates(jsonnet_renderer, tmp_path_factory):
    path = tmp_path_factory.mktemp("templates") / "all.tmpl"
    table = receivers.jsonnet_table()
    texts = jsonnet_renderer.evaluate(
        f"local all = {table}; [std.get(all[k], 'texts', '') for k in std.objectFields(all)]"
    )
    address = '{{ define "deckwatch.alertmanager" }}{{ .ExternalURL }}{{ end }}\n'
    path.write_text(address + "".join(texts))
    return path


def message(hostile, count=1):
    """Return the data that Alertmanager passes to templates, with `hostile` as a container's name."""
    labels = {"alertname": "ContainerNotRunning", "severity": "critical", "instance": "web-1", "name": hostile}
    texts = {
        "description": f"web-1 {hostile}: A container that should run is stopped.",
        "deploy": hostile,
        "dashboard_url": f"https://grafana.example/d/containers?var-name={hostile}",
        "runbook_url": "https://wiki.example/ContainerNotRunning.md",
    }
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": texts,
        "startsAt": "2026-11-21T19:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    }
    return {
        "status": "firing",
        "externalURL": "https://alertmanager.example",
        "commonLabels": labels,
        "commonAnnotations": texts,
        "alerts": [alert] * count,
    }


def rendered(amtool, templates, data, names, kind="text"):
    """Return the message of each format, title and text apart."""
    path = templates.with_name("data.json")
    path.write_text(json.dumps(data))
    parts = [f'{{{{ template "deckwatch.{name}.{part}" . }}}}' for name in names for part in ("title", "text")]
    command = [amtool, "template", "render", f"--template.glob={templates}", f"--template.type={kind}"]
    command += [f"--template.data={path}", "--template.text=" + "\x1f".join(parts)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    texts = process.stdout.removesuffix("\n").split("\x1f")
    return {name: (texts[2 * i], texts[2 * i + 1]) for i, name in enumerate(names)}


def without(pattern, text):
    return re.sub(pattern, "", text) if pattern else text


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile=HOSTILE)
def test_no_name_is_markup_in_a_message(amtool, templates, hostile):
    calm = rendered(amtool, templates, message("shop"), list(MARKS))
    for name, (title, text) in rendered(amtool, templates, message(hostile), list(MARKS)).items():
        assert "\n" not in title
        assert len(text.splitlines()) <= len(calm[name][1].splitlines()), (name, text)
        # In a plain text an address is its own markup; that ours hold `&` is right.
        links = LINKS.get(name, r"(?m)^(Dashboard|What to do|Silence): \S+$")
        left = without(ESCAPED.get(name), without(links, title + "\n" + text))
        assert not re.search(MARKS[name], left), (name, text)
        assert "\u202e" not in text
        for link in re.findall(r"https?://[^\s()<>|\]]+", " ".join(re.findall(LINKS.get(name, "$^"), text))):
            assert link.startswith(("https://grafana.example/", "https://wiki.example/", "https://alertmanager.ex"))


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs).get("href", "")))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hostile=HOSTILE)
def test_no_name_is_a_tag_in_html(amtool, templates, hostile):
    for title, text in rendered(amtool, templates, message(hostile), ["telegram", "email"], "html").values():
        tags = Tags()
        tags.feed(title + text)
        for tag, href in tags.tags:
            assert tag in ("a", "br")
            ours = ("https://grafana.example/", "https://wiki.example/", "https://alertmanager.example/")
            assert tag != "a" or href.startswith(ours), href
    # Telegram supports only these named entities and refuses a message with others.
    texts = rendered(amtool, templates, message(hostile), ["telegram"], "html")["telegram"]
    assert set(re.findall(r"&([a-z]+);", "".join(texts))) <= {"lt", "gt", "amp", "quot"}


@pytest.mark.parametrize("hostile", ['"' * 5000, "&<>" * 2000, "ä" * 5000, "\U0001f600" * 3000, "x" * 30])
def test_a_message_is_never_so_long_that_it_is_cut_within_its_markup(amtool, templates, hostile):
    (title, text) = rendered(amtool, templates, message(hostile, 50), ["telegram"], "html")["telegram"]
    assert len(f"<b>{title}</b>\n{text}") <= 4096
    (title, text) = rendered(amtool, templates, message(hostile, 50), ["sns"])["sns"]
    assert len(f"{title}\n{text}".encode()) <= 1600
    assert "And more: 50 in all." in text


def test_several_alerts_of_a_machine_are_counted_and_not_named(amtool, templates):
    several = message("shop", 7)
    several["commonLabels"] = {"instance": "web-1", "severity": "critical"}
    (title, _) = rendered(amtool, templates, several, ["pagerduty"])["pagerduty"]
    assert title == "CRITICAL: 7 alerts on web-1"


def test_a_person_can_act_on_a_message(amtool, templates):
    """What, how bad, since when, since which deploy, and where to go."""
    title, text = rendered(amtool, templates, message("shop"), ["pagerduty"])["pagerduty"]
    assert title == "CRITICAL: ContainerNotRunning on web-1, shop"
    matchers = "alertname%3D%22ContainerNotRunning%22%2Cinstance%3D%22web-1%22%2Cname%3D%22shop%22"
    assert text.splitlines() == [
        "web-1 shop: A container that should run is stopped.",
        "Since 19:00 UTC on 21 November. Deployed: shop.",
        "Dashboard: https://grafana.example/d/containers?var-name=shop",
        "What to do: https://wiki.example/ContainerNotRunning.md",
        f"Silence: https://alertmanager.example/#/silences/new?filter=%7B{matchers}%7D",
    ]

"""Ansible inventories: addresses, groups, ranges, and the problems of files, with positions."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deckwatch.core import yaml_file
from deckwatch.core.problems import InvalidInput
from deckwatch.core.project import Project
from deckwatch.exporter import host_list, placement
from deckwatch.exporter.inventories import _ansible_ini, _ansible_model, _ansible_yaml

if TYPE_CHECKING:
    from pathlib import Path

EXPORT = "which is not evaluated; `ansible-inventory --list --output inventory.json` writes a file that is"
INI = """\
# hosts of the shop
lonely ansible_host=10.0.0.9

[web]
web[01:03].internal deckwatch_port=9999
web-4:2222 ansible_host="10.0.0.4" ansible_user=deploy  # the old one
[db]
db-[a:c] ansible_host=fe80::1
db-x deckwatch_address=[fe80::2]:9000 ansible_host=10.0.0.1
[db:vars]
deckwatch_port = 9878
[prod:children]
web
db
[prod:vars]
deckwatch_port=1
; [old]
[jump]
jump-1
"""
YAML = """\
all:
  hosts: {lonely: {ansible_host: 10.0.0.9}}
  vars: {deckwatch_port: 1}
  children:
    prod:
      vars: {deckwatch_port: 2}
      children:
        web:
          hosts:
            web[1:2].internal:
            web-4: {ansible_host: 10.0.0.4, ansible_user: deploy}
        db:
          vars: {deckwatch_port: 9878}
          hosts: {db-a: {ansible_host: 10.0.0.5, deckwatch_port: 9000}, web-4: {}}
jump: {hosts: {jump-1: }}
"""
ADDRESSES = {
    "lonely": "10.0.0.9:9877",
    "web01.internal": "web01.internal:9999",
    "web02.internal": "web02.internal:9999",
    "web03.internal": "web03.internal:9999",
    "web-4": "10.0.0.4:1",
    "db-a": "[fe80::1]:9878",
    "db-b": "[fe80::1]:9878",
    "db-c": "[fe80::1]:9878",
    "db-x": "[fe80::2]:9878",
    "jump-1": "jump-1:9877",
}


@pytest.fixture
def read(tmp_path: Path):
    def read(text: str, name: str = "hosts.ini", keys: str = "") -> host_list.HostList:
        (tmp_path / name).write_text(text)
        document = yaml_file.parse_yaml(f"hosts: [{{ansible: {name}{keys}}}]", "deckwatch.yaml")
        return host_list.read_hosts(Project(tmp_path, document))

    return read


def addresses(hosts: host_list.HostList) -> dict[str, str]:
    assert [str(problem) for problem in hosts.problems] == []
    return {host.name: host.address for host in hosts.hosts}


def messages(hosts: host_list.HostList, folder: Path) -> list[str]:
    return [str(problem).replace(f"{folder}/", "") for problem in hosts.problems]


def test_an_ini_inventory(read) -> None:
    found = read(INI)
    assert addresses(found) == ADDRESSES
    assert (found.hosts[0].place.line, found.hosts[0].place.column) == (2, 1)
    assert list(addresses(read(INI, keys=", group: web"))) == [*list(ADDRESSES)[1:5]]
    assert len(addresses(read(INI, keys=", group: [prod, jump], port: 80"))) == 9


def test_a_yaml_inventory(read) -> None:
    assert addresses(read(YAML, "hosts.yml")) == {
        "lonely": "10.0.0.9:1",
        "web1.internal": "web1.internal:2",
        "web2.internal": "web2.internal:2",
        "web-4": "10.0.0.4:2",  # web and db are equally deep, and web is the last by name, without a port of its own
        "db-a": "10.0.0.5:9000",
        "jump-1": "jump-1:1",
    } | {"web-4": "10.0.0.4:9878"}
    assert list(addresses(read(YAML, "hosts.yaml", ", group: jump"))) == ["jump-1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[web]\nweb-1\nweb-1", ["hosts.ini:3:1: error: duplicate host web-1 in [web] (first in line 2) [inventory]"]),
        (
            "[a]\nweb-1 ansible_host=a\n[b]\n  web-1 ansible_host=b",
            ["hosts.ini:4:9: error: web-1 has two values of ansible_host (the other is in line 2) [inventory]"],
        ),
        ("web-1 ansible_host=", ["hosts.ini:1:7: error: web-1 has no address (ansible_host is empty) [inventory]"]),
        (
            "we/b",
            [
                (
                    "hosts.ini:1:1: error: we/b has no address: 'we/b' is not the name of a host "
                    "(set ansible_host, or deckwatch_address) [inventory]"
                )
            ],
        ),
        ("web-1 ansible_host", ["hosts.ini:1:7: error: expected name=value after the host [inventory]"]),
        ("web-1 a='b", ["hosts.ini:1:1: error: not a host: no closing quotation [inventory]"]),
        ("web[3:1]", ["hosts.ini:1:1: error: not a host: [3:1] is an empty range [inventory]"]),
        ("web[1:a]", ["hosts.ini:1:1: error: not a host: [1:a] is a range from a number to a letter [inventory]"]),
        ("a[0:99999]", ["hosts.ini:1:1: error: not a host: more than 20,000 hosts [inventory]"]),
        (
            "[web]\nb\n[all:children]\nwbe",
            ["hosts.ini:4:1: error: no section declares the group wbe (did you mean web?) [inventory]"],
        ),
        (
            "[web:var]\na=b",
            ["hosts.ini:1:1: error: unknown kind of section var (did you mean vars?) [inventory]"],
        ),
        ("[a:children]\nb\n[b:children]\na", ["hosts.ini:4:1: error: the group a contains itself [inventory]"]),
        ("", ["hosts.ini: error: no hosts (expected lines such as `web-1 ansible_host=10.0.0.1`) [input]"]),
        (
            "web-1 deckwatch_port=x",
            ["hosts.ini:1:7: error: the port of web-1 is not a number from 1 to 65535 [inventory]"],
        ),
        (
            "web-1 ansible_host='{{ ip }}'",
            [f"hosts.ini:1:7: error: the address of web-1 is a template ({EXPORT}) [inventory]"],
        ),
    ],
)
def test_problems_of_ini(read, tmp_path: Path, text: str, expected: list[str]) -> None:
    assert messages(read(text), tmp_path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("all: {hosts: {a: }}\nall: {}", "hosts.yml:2:1: error: duplicate key all (first in line 1) [yaml]"),
        ("all:\n  hosts:\n    a:\n    a:", "hosts.yml:4:5: error: duplicate key a (first in line 3) [yaml]"),
        ("all: {host: {a: }}", "hosts.yml:1:7: error: unknown key host (did you mean hosts?) [inventory]"),
        (
            "all: {hosts: {a: {ansible_host: }}}",
            "hosts.yml:1:33: error: a has no address (ansible_host is empty) [inventory]",
        ),
        ("all: [a]", "hosts.yml:1:6: error: expected a mapping with hosts, children, vars [inventory]"),
        ("- a", "hosts.yml:1:1: error: expected groups, such as `all: {hosts: {web-1: }}` [inventory]"),
        ("all: {hosts: a}", "hosts.yml:1:14: error: expected a mapping by names [inventory]"),
    ],
)
def test_problems_of_yaml(read, tmp_path: Path, text: str, expected: str) -> None:
    assert messages(read(text, "hosts.yml"), tmp_path)[0] == expected


def test_an_unknown_group_and_a_missing_file_are_problems_of_the_entry(read, tmp_path: Path) -> None:
    [problem] = read(INI + "[database]\n", keys=", group: [web, datbase]").problems
    assert (
        str(problem)
        == "deckwatch.yaml:1:43: error: the inventory has no group datbase (did you mean database?) [input]"
    )
    document = yaml_file.parse_yaml("hosts: [{ansible: none}, {name: a, address: 'a:1'}]", "deckwatch.yaml")
    found = host_list.read_hosts(Project(tmp_path, document))
    assert messages(found, tmp_path) == ["none: error: cannot be read: No such file or directory [yaml]"]
    assert found.names == ["a"]


def test_programs_folders_and_addresses_in_other_files_are_named(read, tmp_path: Path) -> None:
    (tmp_path / "host_vars").mkdir()
    (tmp_path / "host_vars/web-1.yml").write_text("# own\nansible_host: 10.0.0.1\n")
    [problem] = read("web-1").problems
    assert str(problem).startswith(
        f"{tmp_path}/host_vars/web-1.yml:2:1: error: sets the address of hosts and is not read"
    )
    (tmp_path / "hosts.ini").chmod(0o755)
    assert "is a program" in str(read("#!/bin/sh\n").problems[0])
    (tmp_path / "folder").mkdir()
    document = yaml_file.parse_yaml("hosts: [{ansible: folder}]", "deckwatch.yaml")
    assert "is a folder" in str(host_list.read_hosts(Project(tmp_path, document)).problems[0])


def test_a_line_that_may_contain_a_secret_is_hidden(read) -> None:
    [problem] = read("web-1 ansible_password=hunter2 'x").problems
    assert problem.hidden
    assert "hunter2" not in str(problem)


def test_five_thousand_lines_with_one_mistake(read, tmp_path: Path) -> None:
    lines = [f"web-{number} ansible_host=10.0.{number // 250}.{number % 250}" for number in range(5000)]
    assert len(addresses(read("\n".join(lines)))) == 5000
    lines[4321] += " oops"
    assert messages(read("\n".join(lines)), tmp_path) == [
        "hosts.ini:4322:34: error: expected name=value after the host [inventory]"
    ]


def test_an_exporter_finds_itself_in_an_inventory(read, tmp_path: Path) -> None:
    read(INI)
    document = yaml_file.parse_yaml("hosts: [{ansible: hosts.ini}]", "deckwatch.yaml")
    assert placement.find_own_host(Project(tmp_path, document), "web02.internal") == "web02.internal"


@pytest.mark.live
@pytest.mark.parametrize(("text", "name"), [(INI, "hosts.ini"), (YAML, "hosts.yml")])
def test_ansible_reads_the_same_hosts_groups_and_variables(read, need, tmp_path: Path, text: str, name: str) -> None:
    program = need("ansible-inventory", get="apt-get install ansible-core")
    ours = read(text, name)
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    command = [program, "-i", str(tmp_path / name), "--list"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path, env=environment)
    listed = json.loads(done.stdout)
    parse = _ansible_ini.parse_ini if name.endswith("ini") else _ansible_yaml.parse_yaml
    inventory = parse(text, name)
    inherited = inventory.merge_group_variables()
    for host in inventory.hosts:
        merged = {
            key: str(one.value) for key, one in (inherited.get(host, {}) | inventory.variables.get(host, {})).items()
        }
        theirs = listed["_meta"]["hostvars"].get(host, {})
        keys = _ansible_model.ADDRESS_VARIABLES
        assert {key: value for key, value in merged.items() if key in keys} == {
            key: str(value) for key, value in theirs.items() if key in keys
        }
    members = {group: content["hosts"] for group, content in listed.items() if content.get("hosts") and group != "all"}
    assert {group: sorted(hosts) for group, hosts in members.items() if group != "ungrouped"} == {
        group: sorted(content.hosts)
        for group, content in inventory.groups.items()
        if content.hosts and group not in ("all", "ungrouped")
    }
    assert addresses(read(done.stdout, "inventory.json")) == addresses(ours)


WORDS = st.sampled_from(
    ["[web]", "[a:vars]", "[a:children]", "web-1", "x=1", "a[1:3]", "'", "#", "\n", " ", "{", "all:", "hosts:", "- "]
)


@given(st.lists(WORDS | st.text(max_size=3), max_size=20).map("".join))
def test_any_text_is_an_inventory_or_a_problem(text: str) -> None:
    _ansible_ini.parse_ini(text, "hosts").merge_group_variables()
    try:
        parsed = _ansible_yaml.parse_yaml(text, "hosts.yml")
    except InvalidInput:
        return
    parsed.merge_group_variables() if not parsed.problems else None


GROUPS = st.dictionaries(
    st.sampled_from(["web", "db", "prod"]),
    st.fixed_dictionaries({"hosts": st.dictionaries(st.sampled_from(["a", "b", "c"]), st.none(), max_size=3)}),
    max_size=3,
)


@given(GROUPS)
def test_the_members_of_groups_survive_writing(groups: dict) -> None:
    inventory = _ansible_yaml.parse_yaml(yaml.safe_dump(groups), "hosts.yml")
    for name, content in groups.items():
        assert set(inventory.list_members([name])) == set(content["hosts"])

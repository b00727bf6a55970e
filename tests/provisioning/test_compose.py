"""The guarantees of the Compose file, read from the file itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deckwatch.cli._project import load_project
from deckwatch.core.contract import load_contract
from deckwatch.core.project import Project
from deckwatch.provisioning import stack
from deckwatch.provisioning.servers import HOME

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
COMPOSE = yaml.safe_load(FILE.read_text())
INCLUDED = [entry if isinstance(entry, str) else entry["path"] for entry in COMPOSE["include"]]
EXAMPLES = {path: yaml.safe_load((ROOT / path).read_text())["services"] for path in INCLUDED}
TRACES = EXAMPLES["examples/traces/compose.yaml"]
PROFILES = [Path(path).parent.name for path in EXAMPLES if path != "examples/traces/compose.yaml"]
SERVICES = COMPOSE["services"]
FETCHED = {name: service for name, service in (SERVICES | TRACES).items() if "build" not in service}


def flags(service: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for word in SERVICES[service]["command"]:
        name, _, value = word.partition("=")
        values.setdefault(name, []).append(value)
    return values


def test_it_is_a_compose_file(need) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    need.that(program.exists(), "check-jsonschema is not installed; pip install check-jsonschema")
    ran = subprocess.run(
        [program, "--builtin-schema", "vendor.compose-spec", FILE], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


@pytest.mark.parametrize("name", SERVICES | TRACES)
def test_no_service_can_gain_privileges(name: str) -> None:
    service = (SERVICES | TRACES)[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    forbidden = {"privileged", "cap_add", "pid", "ipc", "devices", "userns_mode"} & set(service)
    assert not forbidden
    assert service.get("network_mode") in (None, "none")


def test_the_exporter_has_its_own_user_and_is_read_only() -> None:
    service = SERVICES["deckwatch"]
    user, _, group = service["user"].partition(":")
    assert int(user) > 999
    assert int(group) > 999
    assert service["read_only"] is True
    assert f"useradd --uid {user} " in (ROOT / "Dockerfile").read_text()
    writable = {volume for volume in service["volumes"] if volume.rsplit(":", 1)[1] not in ("ro", "ro,rslave")}
    assert writable == {"deckwatch:/var/lib/deckwatch"}  # positions in logs and watermarks of queries
    assert "/:/host/root:ro,rslave" in service["volumes"]
    assert "/proc:/host/proc:ro" in service["volumes"]
    assert "/sys:/host/sys:ro" in service["volumes"]


def test_only_the_proxy_holds_the_socket() -> None:
    holders = [
        name for name, service in SERVICES.items() if any("docker.sock" in v for v in service.get("volumes", ()))
    ]
    assert holders == ["docker-proxy"]
    assert SERVICES["docker-proxy"]["networks"] == ["docker-proxy"]
    assert COMPOSE["networks"]["docker-proxy"]["internal"] is True
    members = [name for name, service in SERVICES.items() if "docker-proxy" in service.get("networks", ())]
    assert members == ["deckwatch", "docker-proxy"]
    assert flags("docker-proxy")["-allowfrom"] == ["deckwatch"]
    assert "ports" not in SERVICES["docker-proxy"]
    assert SERVICES["docker-proxy"]["user"].startswith("65534:${DOCKER_GID:?")


def test_ports_are_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert sorted(ports) == [f"127.0.0.1:{port}:{port}" for port in (3000, 9090, 9093, load_contract()["port"])]


@pytest.mark.parametrize("name", FETCHED)
def test_images_are_pinned(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9/-]+:v?\d+\.\d+(\.\d+)?(-alpine)?|deckwatch:\d+\.\d+\.\d+", FETCHED[name]["image"])


def test_long_running_services_have_a_healthcheck_and_restart() -> None:
    for name in ("deckwatch", "docker-proxy", "prometheus", "alertmanager", "grafana"):
        assert SERVICES[name]["restart"] == "unless-stopped"
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_data_is_on_named_volumes() -> None:
    kept = {
        "deckwatch": "/var/lib/deckwatch",
        "prometheus": "/prometheus",
        "alertmanager": "/alertmanager",
        "grafana": "/var/lib/grafana",
    }
    for name, path in kept.items():
        assert f"{name}:{path}" in SERVICES[name]["volumes"]
        assert name in COMPOSE["volumes"]


def test_the_files_named_in_it_are_in_the_bundle(tmp_path: Path) -> None:
    files = {file.path for file in stack.build(Project(tmp_path)).plan.list_files()}
    named = re.findall(r"/project/out/([^\s\"']+)", FILE.read_text())
    assert len(named) == 4
    for path in named:
        assert path in files or any(file.startswith(f"{path}/") for file in files)
    assert HOME in named
    # The parent folder is mounted, because the folder itself is replaced.
    mounts = {
        volume.split(":/project")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", ())
        if ":/project" in volume
    }
    assert mounts == {"${DECKWATCH_PROJECT:-./provisioning}", "${DECKWATCH_PROJECT:-./examples/shop}"}


def test_there_is_no_default_password() -> None:
    text = FILE.read_text()
    assert re.findall(r"PASSWORD: ", text) == []
    assert set(re.findall(r"(\w*PASSWORD\w*)[:=]", text)) == {
        "POSTGRES_PASSWORD_FILE",
        "GF_SECURITY_ADMIN_PASSWORD__FILE",
    }


def test_grafanas_password_is_generated_once(tmp_path: Path) -> None:
    shell = shutil.which("busybox") or "/bin/sh"
    script = SERVICES["grafana"]["command"][0].replace("$$", "$")
    script = script.replace("exec /run.sh", 'cat "$GF_SECURITY_ADMIN_PASSWORD__FILE"')
    argv = [shell, "sh"] if shell.endswith("busybox") else [shell]

    def start() -> str:
        environment = {"GF_PATHS_DATA": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.run(
            [*argv, "-euc", script], env=environment, capture_output=True, text=True, check=True
        ).stdout

    first = start()
    assert len(first) == 32
    assert start() == first
    file = tmp_path / "admin-password"
    assert file.stat().st_mode & 0o777 == 0o600
    file.unlink()
    assert start() != first


@pytest.mark.parametrize("path", EXAMPLES)
def test_the_file_of_an_example_is_a_compose_file(path: str, need) -> None:
    program = Path(sys.executable).with_name("check-jsonschema")
    need.that(program.exists(), "check-jsonschema is not installed; pip install check-jsonschema")
    command = [program, "--builtin-schema", "vendor.compose-spec", ROOT / path]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", PROFILES)
def test_each_example_is_a_profile(name: str) -> None:
    services = EXAMPLES[f"examples/{name}/compose.yaml"]
    for service in services.values():
        assert service["profiles"] == [name]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service.get("network_mode") in (None, "none")
        assert "ports" not in service
    for waiting in ("deckwatch", "prometheus"):
        wanted = {"condition": "service_completed_successfully", "required": False}
        assert SERVICES[waiting]["depends_on"][f"example-{name}"] == wanted
    stages = re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert {service["build"]["target"] for service in services.values() if "build" in service} <= set(stages)


@pytest.mark.parametrize("name", PROFILES)
def test_the_project_of_an_example_has_the_addresses_of_services(name: str, tmp_path: Path) -> None:
    """The script of the service that prepares the project, in a folder instead of the volume."""
    services = EXAMPLES[f"examples/{name}/compose.yaml"]
    (script,) = services[f"example-{name}"]["command"]
    folder = tmp_path / "project"
    folder.mkdir()
    script = script.replace("$$", "$").replace("/var/lib/deckwatch", str(folder))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
    subprocess.run(["/bin/sh", "-euc", script], env=environment, check=True, capture_output=True)
    text = (folder / "deckwatch.yaml").read_text()
    data = yaml.safe_load(text)
    assert "127.0.0.1" not in yaml.safe_dump({key: data.get(key) for key in ("watch", "scrape")})
    hosts = set(re.findall(r"https?://([a-z-]+):", yaml.safe_dump(data)))
    assert hosts <= set(services)
    assert (folder / "out" / "prometheus" / "prometheus.yml").is_file()


def test_traces_and_logs_are_not_in_the_default_stack() -> None:
    assert {name: service["profiles"][0] for name, service in TRACES.items()} == {
        "jaeger": "traces",
        "loki": "logs",
        "alloy": "logs",
        "docker-logs": "logs",
        "traced-shop": "traced-shop",
        "traced-shop-customers": "traced-shop",
    }
    assert all("traced-shop" in service["profiles"] for service in TRACES.values())
    assert not set(TRACES) & set(SERVICES)
    for service in SERVICES.values():
        assert not set(TRACES) & set(service.get("depends_on", ()))


def test_their_ports_are_on_loopback_and_only_a_proxy_holds_the_socket() -> None:
    ports = [port for service in TRACES.values() for port in service.get("ports", ())]
    assert sorted(ports) == ["127.0.0.1:16686:16686", "127.0.0.1:4318:4318"]
    holders = [name for name, service in TRACES.items() if any("docker.sock" in v for v in service.get("volumes", ()))]
    assert holders == ["docker-logs"]
    words = TRACES["docker-logs"]["command"]
    assert "-allowfrom=alloy" in words
    (allowed,) = [word.partition("=")[2] for word in words if word.startswith("-allowGET=")]
    for path in ("/containers/json", "/v1.47/containers/ab12/logs", "/v1.47/containers/ab12/json", "/networks"):
        assert re.fullmatch(allowed, path)
    for path in ("/containers/ab12/archive", "/containers/ab12/export", "/secrets", "/images/json"):
        assert not re.fullmatch(allowed, path)


def test_alloy_and_grafana_reach_what_the_example_names() -> None:
    """The addresses in its project are services, and Alloy's command names the file of the bundle."""
    project = load_project(ROOT / "examples" / "traces")
    plan = stack.build(project).plan
    (config,) = [word for word in TRACES["alloy"]["command"] if word.startswith("/project/out/")]
    text = plan.file_text(config.removeprefix("/project/out/"))
    assert 'host = "tcp://docker-logs:2375"' in text
    hosts = re.findall(r"(?:https?|tcp)://([a-z-]+):[0-9]+", text + yaml.safe_dump(project.data))
    assert set(hosts) == {"jaeger", "loki", "docker-logs", "traced-shop"} <= set(TRACES)
    assert (ROOT / "examples" / "traces" / "loki.yaml").is_file()
    assert "./examples/traces/loki.yaml:/etc/loki/loki.yaml:ro" in TRACES["loki"]["volumes"]

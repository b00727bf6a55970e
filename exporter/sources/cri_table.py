"""The pods and containers of a CRI runtime as containers of a Snapshot, apart from all I/O."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deckwatch.exporter.sources.container import Limits
from deckwatch.exporter.sources.container_table import ContainerTable
from deckwatch.exporter.sources.cri_messages import (
    CONTAINER_EXITED,
    CONTAINER_RUNNING,
    POD_READY,
    Details,
    Listed,
    Pod,
    Runtime,
    Status,
    make_container,
    make_pause_container,
)
from deckwatch.exporter.sources.docker_snapshot import CRI_DRIVER, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_OOM_KILL_SECONDS = 3.0  # within which a runtime knows whether an end was an OOM kill


class CriTable:
    """Containers by id, and the pods that they belong to. Not safe for several threads."""

    def __init__(self, now: float) -> None:
        """Count from `now` on, a Unix time: OOM kills of containers that were created before count if they are new."""
        self._table = ContainerTable()
        self._table.start_watching(now)
        self.pods: dict[str, Pod] = {}
        self._statuses: dict[str, Status] = {}
        self._pod_ids: dict[str, str] = {}  # by container id
        self._now = 0.0  # of the newest list
        self._ended: dict[str, float] = {}  # when a container was first listed as ended, by `now`
        self._last_looks: set[str] = set()  # of those that have ended, and have been inspected late enough

    def find_changed_pods(self, listed: Iterable[Listed]) -> list[str]:
        """Return the ids of the pods to inspect, and forget those that are not listed."""
        states = {pod.id: pod.state for pod in listed}
        self.pods = {id_: pod for id_, pod in self.pods.items() if id_ in states}
        return [id_ for id_, state in states.items() if id_ not in self.pods or self.pods[id_].state != state]

    def find_changed_containers(self, listed: Iterable[Listed], now: float) -> list[str]:
        """Return the ids of the containers to inspect, and forget those that are not listed; `now` is in seconds.

        They are the unknown, the changed, those whose first process was not known yet, and those that ended recently:
        containerd learns of an OOM kill after the end that it caused.
        """
        entries = {each.id: each for each in listed}
        self._statuses = {id_: status for id_, status in self._statuses.items() if id_ in entries}
        ended = [id_ for id_, each in entries.items() if each.state == CONTAINER_EXITED]
        self._ended = {id_: self._ended.get(id_, now) for id_ in ended}
        self._last_looks &= self._ended.keys()
        self._now = now
        self._pod_ids = {id_: each.pod_id for id_, each in entries.items()}
        return [id_ for id_, each in entries.items() if self._is_outdated(each)]

    def _is_outdated(self, listed: Listed) -> bool:
        known = self._statuses.get(listed.id)
        if known is None or known.state != listed.state:
            return True
        if known.state == CONTAINER_EXITED:
            return listed.id not in self._last_looks
        return known.state == CONTAINER_RUNNING and not known.details.pid

    def put_pod(self, pod: Pod) -> None:
        """Take a pod's status."""
        self.pods[pod.id] = pod

    def put_container(self, status: Status) -> None:
        """Take a container's status."""
        self._statuses[status.id] = status
        if self._now - self._ended.get(status.id, self._now) >= _OOM_KILL_SECONDS:
            self._last_looks.add(status.id)

    def make_snapshot(self, runtime: Runtime, now: float) -> Snapshot:
        """Return the current state; `now` is a time of World.age_clock.

        A container whose pod is not known is left out. An unchanged container is the same object as before.
        """
        known = {container.id: container for container in self._table.all_containers()}
        pauses = {id_: pause for id_, pod in self.pods.items() if (pause := make_pause_container(pod, runtime))}
        with_network = self._find_network_owners(pauses)
        shown = list(pauses.values())
        for id_, status in self._statuses.items():
            pod = self.pods.get(self._pod_ids.get(id_, ""))
            if pod is not None:
                shown.append(make_container(status, pod, runtime, has_network=id_ in with_network))
        for container in shown:
            before = known.get(container.id)
            if before is None or not self._table.is_same(before, container):
                self._table.apply_container(container)
        self._table.remove_unlisted({container.id for container in shown}, now)
        return Snapshot(
            reachable=True,
            containers=self._table.all_containers(),
            departed=self._table.removed_containers(now),
            version=runtime.version,
            driver=CRI_DRIVER,
        )

    def _find_network_owners(self, pauses: Mapping[str, object]) -> set[str]:
        """Return the containers that stand for the network of a pod without a pause container: the first that runs."""
        owners: dict[str, str] = {}
        for id_, status in self._statuses.items():
            pod_id = self._pod_ids.get(id_, "")
            if pod_id not in pauses and status.state == CONTAINER_RUNNING:
                first = owners.setdefault(pod_id, id_)
                if (status.created, id_) < (self._statuses[first].created, first):
                    owners[pod_id] = id_
        return set(owners.values())


def load_captured(data: Mapping[str, Any], now: float) -> Snapshot:
    """Return the snapshot of a captured runtime: `runtime`, `pods` and `containers` with the fields of their types.

    Raises KeyError or TypeError.
    """
    table = CriTable(now)
    for pod in data["pods"]:
        table.put_pod(Pod(**{**pod, "details": _to_details(pod["details"])}))
    statuses = [
        (each["pod_id"], Status(**{**each["status"], "details": _to_details(each["status"]["details"])}))
        for each in data["containers"]
    ]
    table.find_changed_containers([Listed(status.id, status.state, pod_id) for pod_id, status in statuses], now)
    for _, status in statuses:
        table.put_container(status)
    return table.make_snapshot(Runtime(**data["runtime"]), now)


def dump_captured(runtime: Runtime, pods: Iterable[Pod], containers: Iterable[tuple[str, Status]]) -> str:
    """Return the JSON of a captured runtime, from pods, and containers with the ids of their pods."""
    data = {
        "runtime": runtime._asdict(),
        "pods": [{**pod._asdict(), "details": _to_json(pod.details)} for pod in pods],
        "containers": [
            {"pod_id": pod_id, "status": {**status._asdict(), "details": _to_json(status.details)}}
            for pod_id, status in containers
        ],
    }
    return json.dumps({"cri": data}, indent=2) + "\n"


def _to_details(data: Mapping[str, Any]) -> Details:
    return Details(**{**data, "limits": Limits(**data["limits"])})


def _to_json(details: Details) -> dict[str, Any]:
    return {**details._asdict(), "limits": details.limits._asdict()}


__all__ = ["POD_READY", "CriTable", "dump_captured", "load_captured"]

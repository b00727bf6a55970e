"""The reason why all or some containers have no values of a topic: their control groups lack the controller."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

from deckwatch.exporter.collector import NoData
from deckwatch.exporter.sources.api_cgroup import ApiCgroup
from deckwatch.exporter.sources.cgroup_files import OPTIONAL_CONTROLLERS
from deckwatch.exporter.world import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deckwatch.exporter.metric import Lines
    from deckwatch.exporter.sources.cgroup_files import Cgroup, Files
    from deckwatch.exporter.sources.container import Container
    from deckwatch.exporter.world import World

_MAX_NAMES = 3

log = logging.getLogger("deckwatch.scrape")


class ControllerOff(NoData):
    """The kernel, or the system around this one, does not give containers' control groups a controller."""


class GroupedContainer(Protocol):
    """A container with its control group."""

    @property
    def container(self) -> Container: ...
    @property
    def cgroup(self) -> Cgroup | ApiCgroup: ...


class _CheckedGroups(Source):
    """What is known of the groups' controllers. Many collectors need the same one."""

    def __init__(self, _world: World) -> None:
        self.reported: set[str] = set()  # controllers that the log names
        self.containers: dict[str, Sequence[GroupedContainer]] = {}  # by controller, those of the last check
        self.paths: dict[str, set[str]] = {}  # by controller, the groups that have been checked


def lines_or_reason(
    world: World, lines: Iterator[Lines], containers: Sequence[GroupedContainer], files: Files
) -> Iterator[Lines]:
    """Yield the lines read from these files of the containers' groups; log if some groups lack the files' controller.

    Raises ControllerOff after them if there are none and all groups lack the same controller.
    """
    count = 0
    for line in lines:
        count += line.series_count
        yield line
    if not containers:
        return
    checked = world.source(_CheckedGroups)
    if count:
        _report_partial_absence(checked, containers, files)
        return
    controller = _missing_controller(containers[0].cgroup, files)
    if not controller or any(_missing_controller(each.cgroup, files) != controller for each in containers):
        return
    reason = f"the containers' control groups lack the {controller} controller: {_suggest_remedy(controller)}"
    if controller not in checked.reported:
        checked.reported.add(controller)
        log.warning("%s", reason)
    raise ControllerOff(reason)


def _report_partial_absence(checked: _CheckedGroups, containers: Sequence[GroupedContainer], files: Files) -> None:
    """Log once if some containers lack a controller that others have; each group is looked at once."""
    controller = files[2][0][1].partition(".")[0]
    if controller not in OPTIONAL_CONTROLLERS or checked.containers.get(controller) is containers:
        return
    before = checked.paths.get(controller, set())
    checked.containers[controller] = containers
    checked.paths[controller] = {each.cgroup.path for each in containers}
    lacking = [
        each.container.name
        for each in containers
        if each.cgroup.path not in before and _missing_controller(each.cgroup, files)
    ]
    if lacking and controller not in checked.reported:
        checked.reported.add(controller)
        names = ", ".join(sorted(lacking)[:_MAX_NAMES]) + (", …" if len(lacking) > _MAX_NAMES else "")
        log.warning(
            "the control groups of %d of %d containers lack the %s controller (%s): "
            "enable it in cgroup.subtree_control of the groups above them",
            len(lacking),
            len(containers),
            controller,
            names,
        )


def _missing_controller(group: Cgroup | ApiCgroup, files: Files) -> str:
    return "" if isinstance(group, ApiCgroup) else group.missing_controller(files)


def _suggest_remedy(controller: str) -> str:
    if controller == "memory":  # off by default on a Raspberry Pi
        return "start the kernel with cgroup_enable=memory, or delegate it to the LXC container"
    return "enable it in the kernel, or delegate it to the LXC container"

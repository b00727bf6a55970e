"""The identifiers in the labels of machine_cpu_cores, as cAdvisor sets them."""

from __future__ import annotations

import pytest

from deckwatch.exporter.collectors import container_machine

UUID = "class/dmi/id/product_uuid"


@pytest.mark.parametrize(("product", "shown"), [("", "m-1"), ("u-1\n", "u-1")])
def test_the_machine_id_stands_for_a_missing_uuid(machine, tmp_path, found, product: str, shown: str) -> None:
    (tmp_path / "root/etc").mkdir(parents=True, exist_ok=True)
    (tmp_path / "root/etc/machine-id").write_text("m-1\n")
    if product:
        (tmp_path / "sys" / UUID).parent.mkdir(parents=True)
        (tmp_path / "sys" / UUID).write_text(product)
    (labels,) = [key[1:] for key in found(machine(), "container_machine") if key[0] == container_machine.CPUS.name]
    assert labels[1:] == ("m-1", shown)


def test_a_uuid_that_may_not_be_read_is_empty(machine, tmp_path, found, monkeypatch) -> None:
    usual = container_machine.procfs.read_sys

    def read_sys(world, name, **options):
        if name == UUID:
            raise PermissionError
        return usual(world, name, **options)

    (tmp_path / "root/etc").mkdir(parents=True, exist_ok=True)
    (tmp_path / "root/etc/machine-id").write_text("m-1\n")
    monkeypatch.setattr(container_machine.procfs, "read_sys", read_sys)
    (labels,) = [key[1:] for key in found(machine(), "container_machine") if key[0] == container_machine.CPUS.name]
    assert labels[1:] == ("m-1", "")

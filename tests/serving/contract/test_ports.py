"""Ports have names that probes, Services and Envoy use."""

from perennial_serving.contract import ports


def test_names_fit_kubernetes_and_numbers_need_no_root() -> None:
    """At most 15 characters; above 1023; no two alike."""
    names = {ports.DATA_PORT_NAME, ports.ADMIN_PORT_NAME}
    numbers = {ports.DATA_PORT, ports.ADMIN_PORT}
    assert all(name.islower() and len(name) <= 15 for name in names)
    assert all(number > 1023 for number in numbers)
    assert len(names) == len(numbers) == 2

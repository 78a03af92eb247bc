"""Tests of the files beside Envoy, and of an Envoy that is not there."""

from pathlib import Path

from perennial_operator.router.envoy import EnvoyAdmin, write


def test_a_file_is_replaced_only_by_other_text(tmp_path: Path) -> None:
    """Equal text is no move, so Envoy reads nothing again; nothing is left beside."""
    path = tmp_path / "rds.json"

    assert write(path, "one")
    assert not write(path, "one")
    assert write(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


async def test_an_absent_envoy_answers_nothing(tmp_path: Path) -> None:
    """Before Envoy starts, every question has an empty answer."""
    admin = EnvoyAdmin(str(tmp_path / "none.sock"))
    assert await admin.statistics() is None
    assert not await admin.post("/healthcheck/fail")

    async with admin:
        assert await admin.statistics() is None
        assert await admin.uptime_seconds() is None
        assert not await admin.is_live()
        assert not await admin.post("/healthcheck/fail")

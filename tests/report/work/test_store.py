"""The store: nothing finished is lost, nothing torn is believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tccodec.errors import BadFolder
from tccodec.report.work.store import Store, key_of, write_in_report

FULL = Path("/dev/full")


def test_keys_follow_everything() -> None:
    base = {"picture": "a", "codec": "jpeg", "settings": {"x": 1, "y": 2}, "quality": 50.0}
    assert key_of(**base) == key_of(**(base | {"settings": {"y": 2, "x": 1}}))
    for change in ({"picture": "b"}, {"quality": 51.0}, {"settings": {"x": 1, "y": 3}}):
        assert key_of(**(base | change)) != key_of(**base)


def test_points_come_back_and_grow(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        store.add("k", {"bytes": 10, "metrics": {"psnr@1": 30.0}})
        store.add("k", {"bytes": 10, "metrics": {"lpips@1": 0.1}})
    with Store(tmp_path / "s") as store:
        point = store.get("k")
        assert point == {"bytes": 10, "metrics": {"psnr@1": 30.0, "lpips@1": 0.1}}
        assert store.get("other") is None


def test_one_process_writes(tmp_path: Path) -> None:
    with Store(tmp_path / "r" / "store") as store:
        store.add("k", {"bytes": 10})
        with pytest.raises(BadFolder, match=r"^another report is being made in .*r; start again"):
            Store(tmp_path / "r" / "store")
    with Store(tmp_path / "r" / "store") as store:
        assert store.get("k")


@given(cut=st.integers(1, 60))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_torn_line_costs_one_point(tmp_path: Path, cut: int) -> None:
    folder = tmp_path / f"s{cut}"
    path = folder / "points.jsonl"
    path.unlink(missing_ok=True)
    with Store(folder) as store:
        store.add("one", {"bytes": 1, "metrics": {}})
        store.add("two", {"bytes": 2, "metrics": {}})
    data = path.read_bytes()
    last = len(data.splitlines(keepends=True)[-1])
    path.write_bytes(data[: -min(cut, last)])
    with Store(folder) as store:
        assert store.get("one")
        store.add("three", {"bytes": 3, "metrics": {}})
    with Store(folder) as store:
        assert store.get("one")
        assert store.get("three"), "a line after a torn one is whole"


def test_rubbish_is_ignored(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    (folder / "points.jsonl").write_bytes(b'[1, 2]\nnull\n\xff\xfe\n{"key": "k"}\n')
    with (folder / "points.jsonl").open("ab") as file:
        file.write(b'{"key": "k", "point": []}\n' + b"[" * 100_000 + b"\n")
    with Store(folder) as store:
        assert store.get("k") is None


def test_writes_are_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b.txt"
    write_in_report(target, b"first")
    write_in_report(target, b"second")
    assert target.read_bytes() == b"second"
    assert [p.name for p in target.parent.iterdir()] == ["b.txt"]
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFolder, match="cannot write"):
        write_in_report(tmp_path / "file" / "x", b"")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_names_the_folder(tmp_path: Path) -> None:
    def work() -> None:
        with Store(tmp_path) as store:
            store.close()
            store._file = FULL.open("ab")
            store.add("one", {"bytes": 1, "metrics": {}})

    with pytest.raises(BadFolder, match=f"^cannot write in {tmp_path}: No space"):
        work()

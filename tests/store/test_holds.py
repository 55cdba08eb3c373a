from pathlib import Path

from tampu.store.holds import Holds
from tampu.store.locks import remove_unpinned
from tests.store.stored import Clock


def blob(folder: Path, text: str) -> Path:
    path = folder / text
    path.write_text(text)
    return path


def test_a_held_blob_is_pinned_until_it_is_released(tmp_path: Path) -> None:
    holds, path = Holds(Clock()), blob(tmp_path, "a")
    holds.add("a", path)
    holds.add("a", path)
    assert "a" in holds
    assert not remove_unpinned(path)
    holds.release(["a", "never held"])
    assert "a" not in holds
    assert remove_unpinned(path)


def test_what_is_gone_cannot_be_held(tmp_path: Path) -> None:
    holds = Holds(Clock())
    assert not holds.add("a", tmp_path / "a")
    assert "a" not in holds


def test_what_was_held_long_enough_is_let_go(tmp_path: Path) -> None:
    clock = Clock()
    holds, path = Holds(clock), blob(tmp_path, "a")
    holds.add("a", path)
    clock.now += 599
    holds.release(())
    assert not remove_unpinned(path)
    clock.now += 2
    holds.release(())
    assert remove_unpinned(path)


def test_only_so_many_are_held(tmp_path: Path) -> None:
    holds = Holds(Clock())
    paths = [blob(tmp_path, str(number)) for number in range(70)]
    for path in paths:
        holds.add(path.name, path)
    assert [remove_unpinned(path) for path in paths] == [True] * 6 + [False] * 64

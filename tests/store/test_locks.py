import errno
import threading
from pathlib import Path

import pytest

from tampu.errors import StoreError
from tampu.store import locks
from tampu.store.locks import FolderLock, Pins, remove_unpinned


@pytest.fixture(params=["with flock", "flock is not supported", "no fcntl at all"])
def _platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    if request.param == "flock is not supported":
        monkeypatch.setattr(locks.fcntl, "flock", unsupported)
    elif request.param == "no fcntl at all":
        monkeypatch.setattr(locks, "fcntl", None)


@pytest.mark.usefixtures("_platform")
def test_threads_exclude_each_other(tmp_path: Path) -> None:
    lock, inside, seen = FolderLock(tmp_path / "folder"), [0], []

    def work() -> None:
        for _ in range(50):
            with lock.held():
                inside[0] += 1
                seen.append(inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {1}
    assert len(seen) == 200


@pytest.mark.usefixtures("_platform")
def test_files_can_be_pinned_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    with Pins() as pins:
        assert pins.add(path)
    assert remove_unpinned(path)


def test_two_locks_on_one_folder_exclude_each_other(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with FolderLock(tmp_path).held():
            order.append("second")

    with FolderLock(tmp_path).held():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(RuntimeError), lock.held():
        raise RuntimeError
    with lock.held():
        pass


def test_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="locking the models folder"), FolderLock(tmp_path / "file").held():
        pass


def test_only_so_many_files_stay_open(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(200)]
    with Pins() as pins:
        for path in paths:
            path.write_bytes(b"x")
            assert pins.add(path)
        assert sum(not remove_unpinned(path) for path in paths) == 128

"""The files that engines open in the place of stored ones: what is in them, where they are, what is left of them."""

import errno
import mmap
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine import view as views
from tampu.engine import view_folder, view_writer
from tampu.engine.view import OpenView, Places, opened
from tampu.engine.view_folder import has_paths_of_descriptors, kept_views, remove_view
from tampu.engine.view_memory import gaps, has_memory_files, mapped_ranges, release_unmapped
from tampu.errors import EngineStartFailed, InvalidModelFile
from tampu.gguf.translate.plan import Computed, Copied, Given, View

BLOCK = 4096
LARGE = 3 << 20
ROOM = 8 << 30
SHARE = view_writer.clone_range

needs_memory_files = pytest.mark.skipif(not has_memory_files(), reason="only Linux has files in memory")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "stored"
    path.write_bytes(os.urandom(LARGE + 500))
    return path


def view_of(source: Path) -> View:
    """A head, nearly all of the file at the same place of a block, something computed, and a piece from elsewhere."""
    pieces = (
        Given(b"h" * (BLOCK + 100)),
        Copied(100, LARGE),
        Computed((Copied(7, 20), Copied(50, 3)), joined, 23),
        Copied(3, 1000),
    )
    return View((source,), pieces, LARGE)


def joined(parts: Sequence[bytes]) -> bytes:
    return b"".join(parts)[::-1]


def content_of(view: View) -> bytes:
    stored = view.sources[0].read_bytes()
    made = (stored[7:27] + stored[50:53])[::-1]
    return b"h" * (BLOCK + 100) + stored[100 : 100 + LARGE] + made + stored[3:1003]


def places(tmp_path: Path, **fields: Any) -> Places:
    return Places(**{"folder": tmp_path / "views", "memory_bytes": 0, **fields})


class _Cancelled(BaseException):
    """As it comes from a request that is given up."""


def open_files() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def left_in(tmp_path: Path) -> list[str]:
    folder = tmp_path / "views"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture
def cannot_share(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "no")

    monkeypatch.setattr(view_writer, "clone_range", refuse)


@needs_memory_files
@pytest.mark.usefixtures("cannot_share")
def test_a_file_in_memory_is_read_by_another_process_and_gone_afterwards(tmp_path: Path, source: Path) -> None:
    view = view_of(source)
    with opened(view, places(tmp_path, memory_bytes=ROOM)) as made:
        program = "import sys; sys.stdout.buffer.write(open(sys.argv[1], 'rb').read())"
        read = subprocess.run([sys.executable, "-c", program, made.path], capture_output=True, check=True)
        assert read.stdout == content_of(view)
        kept = made.path.open("rb")
    assert not made.path.exists()
    with kept:
        assert kept.read() == content_of(view)  # who has opened it keeps it
    assert left_in(tmp_path) == []


def test_blocks_are_shared_where_the_file_system_can(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = []

    def share(target: int, origin: int, start: int, nbytes: int, at: int) -> None:
        assert [start % BLOCK, nbytes % BLOCK, at % BLOCK] == [0, 0, 0]
        shared.append(nbytes)
        os.pwrite(target, os.pread(origin, nbytes, start), at)

    monkeypatch.setattr(view_writer, "clone_range", share)
    view = view_of(source)
    with opened(view, places(tmp_path)) as made:
        assert made.path.read_bytes() == content_of(view)
        assert made.descriptor is None
    assert sum(shared) > LARGE - 2 * BLOCK
    assert left_in(tmp_path) == []


def test_blocks_are_shared_where_this_file_system_can(tmp_path: Path, source: Path) -> None:
    shared = SHARE is not None and can_share(tmp_path)
    if not shared:
        pytest.skip("the file system of temporary files shares no blocks (XFS and Btrfs do)")
    view = view_of(source)
    with opened(view, places(tmp_path, memory_bytes=ROOM)) as made:
        assert made.descriptor is None  # in spite of room in memory
        assert made.path.read_bytes() == content_of(view)
    assert left_in(tmp_path) == []


def can_share(folder: Path) -> bool:
    assert SHARE is not None
    (folder / "one").write_bytes(bytes(BLOCK))
    with (folder / "one").open("rb") as one, (folder / "two").open("wb") as two:
        try:
            SHARE(two.fileno(), one.fileno(), 0, BLOCK, 0)
        except OSError:
            return False
    return True


@pytest.mark.usefixtures("cannot_share")
def test_a_file_on_disk_is_kept_for_the_next_time(tmp_path: Path, source: Path) -> None:
    view = view_of(source)
    with opened(view, places(tmp_path)) as made:
        assert made.path.read_bytes() == content_of(view)
        first = made.path.stat()
    with opened(view, places(tmp_path)) as again:
        assert again.path.stat().st_ino == first.st_ino
    assert len(left_in(tmp_path)) == 1
    source.write_bytes(source.read_bytes()[::-1])
    with opened(view, places(tmp_path)) as other:
        assert other.path.read_bytes() == content_of(view)


@pytest.mark.usefixtures("cannot_share")
def test_the_least_recently_used_files_make_room(tmp_path: Path, source: Path) -> None:
    size = 16 * BLOCK
    some = [View((source,), (Given(bytes([number]) * size),), size) for number in range(4)]
    limited = places(tmp_path, most_kept_bytes=5 * size // 2)

    def kept(view: View) -> str:
        before = left_in(tmp_path)
        with opened(view, limited):
            pass
        return next((name for name in left_in(tmp_path) if name not in before), "")

    first, second = kept(some[0]), kept(some[1])
    for number, name in enumerate((first, second)):
        os.utime(tmp_path / "views" / name, (number, number))
    assert kept(some[0]) == ""  # now the younger one
    third = kept(some[2])
    assert left_in(tmp_path) == sorted([first, third])
    assert [view.bytes for view in kept_views(tmp_path / "views")] == [size, size]
    assert remove_view(tmp_path / "views", first)
    assert not remove_view(tmp_path / "views", first)


@pytest.mark.usefixtures("cannot_share")
def test_a_kept_file_that_was_cut_is_made_anew(tmp_path: Path, source: Path) -> None:
    view = view_of(source)
    with opened(view, places(tmp_path)):
        (name,) = left_in(tmp_path)
    os.truncate(tmp_path / "views" / name, 5)
    with opened(view, places(tmp_path)) as made:
        assert made.path.read_bytes() == content_of(view)


@pytest.mark.usefixtures("cannot_share")
@pytest.mark.skipif(not has_paths_of_descriptors(), reason="only Linux opens a file by a descriptor of another process")
@pytest.mark.parametrize("is_kept_already", [False, True])
def test_a_purge_takes_nothing_from_a_load(tmp_path: Path, source: Path, is_kept_already: bool) -> None:
    view = view_of(source)
    if is_kept_already:
        with opened(view, places(tmp_path)):
            pass
    with opened(view, places(tmp_path)) as made:
        assert [remove_view(tmp_path / "views", name) for name in left_in(tmp_path)] == [True]
        assert made.path.read_bytes() == content_of(view)


@pytest.mark.usefixtures("cannot_share")
def test_two_loads_at_once_share_what_is_kept(tmp_path: Path, source: Path) -> None:
    view, meeting, made = view_of(source), threading.Barrier(2), list[bytes]()

    def load() -> None:
        met = False

        def meet() -> None:
            nonlocal met
            if not met:
                met = True
                meeting.wait(10)

        with opened(view, places(tmp_path), meet) as file:
            made.append(file.path.read_bytes())

    loads = [threading.Thread(target=load) for _ in range(2)]
    for each in loads:
        each.start()
    for each in loads:
        each.join()
    assert made == [content_of(view)] * 2
    assert len(left_in(tmp_path)) == 1


@pytest.mark.skipif(not has_paths_of_descriptors(), reason="elsewhere a file has a name while it is written")
@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("memory_bytes", [0, ROOM])
def test_a_kill_leaves_nothing(tmp_path: Path, source: Path, memory_bytes: int, shares: bool) -> None:
    program = f"""
import os, signal
from pathlib import Path
from tampu.engine import view_writer
from tampu.engine.view import Places, opened
from tampu.gguf.translate.plan import Copied, Given, View

def share(target, origin, start, nbytes, at):
    os.pwrite(target, os.pread(origin, nbytes, start), at)

def refuse(*_):
    raise OSError({errno.EOPNOTSUPP}, "no")

view_writer.clone_range = share if {shares} else refuse
source = Path({str(source)!r})
view = View((source,), (Given(b"h" * {BLOCK + 100}), Copied(100, {LARGE}), Copied(0, 500)), {LARGE})
looks = iter(range(9))

def still_wanted():
    if next(looks) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

with opened(view, Places(folder=Path({str(tmp_path)!r}) / "views", memory_bytes={memory_bytes}), still_wanted):
    print("not killed")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b""), ended.stderr
    assert left_in(tmp_path) == []


@pytest.mark.usefixtures("cannot_share")
def test_what_a_kill_leaves_where_files_have_names_goes_later(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_folder, "has_paths_of_descriptors", lambda: False)
    folder = tmp_path / "views"
    folder.mkdir()
    for name, age in (("making-old", 7200), ("making-new", 60)):
        (folder / name).touch()
        os.utime(folder / name, (folder.stat().st_mtime - age,) * 2)
    with opened(view_of(source), places(tmp_path)) as made:
        assert made.path.parent == folder
        assert made.path.read_bytes() == content_of(view_of(source))
    assert left_in(tmp_path) == sorted([made.path.name, "making-new"])


@needs_memory_files
@pytest.mark.usefixtures("cannot_share")
def test_memory_that_is_refused_though_it_is_free_is_no_hindrance_where_the_disk_does(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOMEM, "no")

    monkeypatch.setattr(os, "memfd_create", refuse)
    view = view_of(source)
    before = open_files()
    with opened(view, places(tmp_path, memory_bytes=ROOM)) as made:
        assert made.path.read_bytes() == content_of(view)
    assert open_files() == before
    assert len(left_in(tmp_path)) == 1


@pytest.mark.usefixtures("cannot_share")
def test_no_room_is_told_with_both_numbers(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "disk_usage", lambda _: SimpleNamespace(free=2_000_000))
    with pytest.raises(EngineStartFailed) as refused, opened(view_of(source), places(tmp_path, memory_bytes=1_000_000)):
        pass
    assert "takes 3.2 MB, but only 1 MB of memory and 2 MB of disk are free" in refused.value.message
    assert left_in(tmp_path) == []


@pytest.mark.usefixtures("cannot_share")
@pytest.mark.parametrize("memory_bytes", [0, ROOM])
def test_a_stored_file_that_was_cut_is_told(tmp_path: Path, source: Path, memory_bytes: int) -> None:
    os.truncate(source, 1 << 20)
    with pytest.raises(InvalidModelFile), opened(view_of(source), places(tmp_path, memory_bytes=memory_bytes)):
        pass
    assert left_in(tmp_path) == []


@pytest.mark.usefixtures("cannot_share")
@pytest.mark.parametrize("memory_bytes", [0, ROOM])
def test_nothing_is_left_of_what_nobody_wants_any_more(tmp_path: Path, source: Path, memory_bytes: int) -> None:
    looks = 0

    def still_wanted() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise _Cancelled

    before = open_files()
    with (
        pytest.raises(_Cancelled),
        opened(view_of(source), places(tmp_path, memory_bytes=memory_bytes), still_wanted),
    ):
        pass
    assert left_in(tmp_path) == []
    assert open_files() == before


@needs_memory_files
@pytest.mark.usefixtures("cannot_share")
def test_memory_that_an_engine_does_not_map_is_given_back(tmp_path: Path, source: Path) -> None:
    view = view_of(source)
    with opened(view, places(tmp_path, memory_bytes=ROOM)) as made:
        file = os.open(made.path, os.O_RDONLY)
        with mmap.mmap(file, 1 << 20, mmap.MAP_SHARED, mmap.PROT_READ, offset=1 << 20) as mapped:
            freed = made.release_unmapped(os.getpid())
            assert freed >= view.nbytes - (1 << 20) - 2 * BLOCK
            assert mapped[:] == content_of(view)[1 << 20 : 2 << 20]
            assert os.fstat(file).st_blocks * 512 <= (1 << 20) + 2 * BLOCK
        os.close(file)


@needs_memory_files
@pytest.mark.usefixtures("cannot_share")
def test_nothing_is_taken_from_an_engine_that_is_another_process(tmp_path: Path, source: Path) -> None:
    with opened(view_of(source), places(tmp_path, memory_bytes=ROOM)) as made:
        assert made.release_unmapped(os.getpid()) == 0
        assert made.path.read_bytes() == content_of(view_of(source))


@needs_memory_files
def test_a_folder_that_cannot_be_written_is_no_hindrance_where_memory_does(tmp_path: Path, source: Path) -> None:
    (tmp_path / "views").write_text("no folder")
    with opened(view_of(source), places(tmp_path, memory_bytes=ROOM)) as made:
        assert made.path.read_bytes() == content_of(view_of(source))
    with pytest.raises(EngineStartFailed, match="cannot be written"), opened(view_of(source), places(tmp_path)):
        pass


def test_a_file_on_disk_gives_nothing_back() -> None:
    assert OpenView(Path("/nowhere")).release_unmapped(os.getpid()) == 0


@needs_memory_files
@pytest.mark.usefixtures("cannot_share")
def test_a_process_that_is_gone_gives_nothing_back(tmp_path: Path, source: Path) -> None:
    with opened(view_of(source), places(tmp_path, memory_bytes=ROOM)) as made:
        assert made.descriptor is not None
        assert release_unmapped(made.descriptor, 2**22 + 1) == 0


def test_ranges_are_read_from_what_the_system_tells() -> None:
    maps = (
        "7f00-9f00 r--s 00001000 00:01 77    /memfd:tampu-model (deleted)\n"
        "1000-2000 r--s 00000000 00:01 78    /memfd:other (deleted)\n"
        "3000-4000 rw-p 00000000 00:00 0\n"
    )
    assert mapped_ranges(maps, 77) == [(0x1000, 0x3000)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10))), st.integers(0, 50 * BLOCK))
def test_gaps_and_ranges_never_meet(blocks: list[tuple[int, int]], length: int) -> None:
    ranges = sorted((start * BLOCK, min(length, (start + count) * BLOCK)) for start, count in blocks)
    ranges = [(start, end) for start, end in ranges if start < end]
    for low, high in gaps(ranges, length):
        assert low % BLOCK == high % BLOCK == 0
        assert all(high <= start or end <= low for start, end in ranges)
        assert high <= length

"""Thread counts read from trees of files."""

from pathlib import Path

import pytest

from tampu.hardware.devices import allowed_processors, compute_threads


def tree(root: Path, *, cores: list[int], files: dict[str, str]) -> Path:
    topology = {}
    for number, core in enumerate(cores):
        folder = f"sys/devices/system/cpu/cpu{number}/topology"
        topology |= {f"{folder}/core_id": f"{core}\n", f"{folder}/physical_package_id": "0\n"}
    for name, text in (topology | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


V2 = {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/x": ""}

HYBRID = {"sys/devices/cpu_core/cpus": "0-3\n", "sys/devices/cpu_atom/cpus": "4-7\n"}
BIG_AND_LITTLE = {
    f"sys/devices/system/cpu/cpu{number}/cpu_capacity": f"{capacity}\n"
    for number, capacity in enumerate([250, 250, 250, 250, 870, 870, 870, 1024])
}


@pytest.mark.parametrize(
    ("cores", "allowed", "files", "threads"),
    [
        ([0, 1, 2, 3], {0, 1, 2, 3}, {}, 4),
        ([0, 0, 1, 1], {0, 1, 2, 3}, {}, 2),
        ([0, 0, 1, 1], {0, 1}, {}, 1),
        ([0, 1, 2, 3], {0, 1, 2, 3}, V2 | {"sys/fs/cgroup/a/b/cpu.max": "200000 100000\n"}, 2),
        ([0, 1, 2, 3], {0, 1, 2, 3}, V2 | {"sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, 1),
        ([0, 1, 2, 3], {0, 1, 2, 3}, V2 | {"sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 1),
        ([0, 1, 2, 3], {0}, V2 | {"sys/fs/cgroup/a/cpu.max": "300000 100000\n"}, 1),
        ([0, 1, 2, 3], {0, 1, 2, 3}, V2 | {"sys/fs/cgroup/a/cpu.max": "max 100000\n"}, 4),
        (
            [0, 1, 2, 3],
            {0, 1, 2, 3},
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/box\n",
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        (
            [0, 1],
            {0, 1},
            {
                "proc/self/cgroup": "3:cpu:/box\n",
                "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
            },
            2,
        ),
        # Of control groups of both versions that hold, the narrower counts; a quota below a core leaves one thread.
        (
            [0, 1, 2, 3],
            {0, 1, 2, 3},
            V2 | {"sys/fs/cgroup/a/b/cpu.max": "max 100000\n", "sys/fs/cgroup/a/cpu.max": "250000 100000\n"},
            2,
        ),
        (
            [0, 1, 2, 3],
            {0, 1, 2, 3},
            {"proc/self/cgroup": "0::/somewhere/of/the/host\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"},
            1,
        ),
        ([0, 1, 2, 3], {0, 1, 2, 3}, V2 | {"sys/fs/cgroup/a/b/cpu.max": "nonsense\n"}, 4),
        ([0, 1, 2, 3], {0, 1, 2, 3}, V2 | {"sys/fs/cgroup/a/b/cpu.max": "100000 0\n"}, 4),
        # Two fast cores of two threads each, and four slow ones.
        ([0, 0, 1, 1, 2, 3, 4, 5], set(range(8)), HYBRID, 2),
        ([0, 0, 1, 1, 2, 3, 4, 5], {0, 4, 5}, HYBRID, 1),
        ([0, 0, 1, 1, 2, 3, 4, 5], {4, 5, 6}, HYBRID, 3),
        # One core of the fastest kind, three that are nearly as fast, four small ones; these come first.
        (list(range(8)), set(range(8)), BIG_AND_LITTLE, 4),
        (list(range(8)), {0, 1, 2, 3}, BIG_AND_LITTLE, 4),
    ],
)
def test_compute_threads(tmp_path: Path, cores: list[int], allowed: set[int], files: dict, threads: int) -> None:
    assert compute_threads(tree(tmp_path, cores=cores, files=files), allowed=frozenset(allowed)) == threads


def test_cores_are_told_apart_by_their_threads_where_numbers_begin_anew(tmp_path: Path) -> None:
    lists = {0: "0,4", 1: "1,5", 2: "2,6", 3: "3,7", 4: "0,4", 5: "1,5", 6: "2,6", 7: "3,7"}
    files = {
        f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list": f"{text}\n"
        for number, text in lists.items()
    }
    root = tree(tmp_path, cores=[0, 1, 0, 1, 0, 1, 0, 1], files=files)
    assert compute_threads(root, allowed=frozenset(range(8))) == 4
    assert compute_threads(root, allowed=frozenset({0, 4, 5})) == 2


def test_here_there_is_at_least_one() -> None:
    assert 1 <= compute_threads() <= len(allowed_processors())

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
    ],
)
def test_compute_threads(tmp_path: Path, cores: list[int], allowed: set[int], files: dict, threads: int) -> None:
    assert compute_threads(tree(tmp_path, cores=cores, files=files), allowed=frozenset(allowed)) == threads


def test_here_there_is_at_least_one() -> None:
    assert 1 <= compute_threads() <= len(allowed_processors())

"""Memory limits read from trees of files, as hosts and containers show them."""

from pathlib import Path

import pytest

from tampu.hardware.memory import Memory, available_memory, out_of_memory_kills

GIB = 1 << 30
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1048576 kB\nMemAvailable:    8388608 kB\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"proc/meminfo": MEMINFO, **files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


CASES = {
    "no control groups": ({}, Memory(16 * GIB, 8 * GIB)),
    "version 2, limit with much idle cache": (
        {
            "proc/self/cgroup": "0::/app\n",
            "sys/fs/cgroup/app/memory.max": f"{4 * GIB}\n",
            "sys/fs/cgroup/app/memory.current": f"{3 * GIB}\n",
            "sys/fs/cgroup/app/memory.stat": f"anon 5\ninactive_file {2 * GIB}\n",
        },
        Memory(4 * GIB, 3 * GIB),
    ),
    "version 2, max": (
        {
            "proc/self/cgroup": "0::/app\n",
            "sys/fs/cgroup/app/memory.max": "max\n",
            "sys/fs/cgroup/app/memory.current": f"{15 * GIB}\n",
        },
        Memory(16 * GIB, 8 * GIB),
    ),
    "version 2, the group above is tighter": (
        {
            "proc/self/cgroup": "0::/slice/app\n",
            "sys/fs/cgroup/slice/app/memory.max": f"{8 * GIB}\n",
            "sys/fs/cgroup/slice/app/memory.current": "0\n",
            "sys/fs/cgroup/slice/memory.max": f"{2 * GIB}\n",
            "sys/fs/cgroup/slice/memory.current": f"{1 * GIB}\n",
        },
        Memory(2 * GIB, 1 * GIB),
    ),
    "version 2, memory.high is tighter than memory.max": (
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{4 * GIB}\n",
            "sys/fs/cgroup/memory.high": f"{1 * GIB}\n",
            "sys/fs/cgroup/memory.current": "0\n",
        },
        Memory(1 * GIB, 1 * GIB),
    ),
    "version 2, a host path inside a container": (
        {
            "proc/self/cgroup": "0::/docker/abc/../def\n",
            "sys/fs/cgroup/memory.max": f"{1 * GIB}\n",
            "sys/fs/cgroup/memory.current": f"{GIB // 4}\n",
        },
        Memory(GIB, GIB - GIB // 4),
    ),
    "over the limit": (
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/memory.max": f"{GIB}\n",
            "sys/fs/cgroup/memory.current": f"{2 * GIB}\n",
        },
        Memory(GIB, 0),
    ),
    "version 1, unlimited": (
        {
            "proc/self/cgroup": "12:pids:/x\n4:memory:/box\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": f"{15 * GIB}\n",
        },
        Memory(16 * GIB, 8 * GIB),
    ),
    "version 1, limited": (
        {
            "proc/self/cgroup": "4:memory:/box\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": f"{2 * GIB}\n",
            "sys/fs/cgroup/memory/box/memory.usage_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/box/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB // 2}\n",
        },
        Memory(2 * GIB, 2 * GIB - GIB // 2),
    ),
    "no /sys/fs/cgroup at all": ({"proc/self/cgroup": "0::/lxc/x\n"}, Memory(16 * GIB, 8 * GIB)),
    "an old kernel without MemAvailable": (
        {"proc/meminfo": "MemTotal: 2097152 kB\nMemFree: 1048576 kB\n"},
        Memory(2 * GIB, GIB),
    ),
    "nonsense in the files": (
        {
            "proc/self/cgroup": "nonsense\n\n::\n0::/\n",
            "sys/fs/cgroup/memory.max": "many\n",
            "sys/fs/cgroup/memory.current": "",
        },
        Memory(16 * GIB, 8 * GIB),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_available_memory(tmp_path: Path, case: str) -> None:
    files, expected = CASES[case]
    assert available_memory(tree(tmp_path, files)) == expected


def test_without_proc_the_system_is_asked(tmp_path: Path) -> None:
    memory = available_memory(tmp_path)
    assert 0 < memory.available_bytes <= memory.total_bytes


def test_kills_are_counted_in_the_own_group(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/memory.events": "low 0\noom 3\noom_kill 2\n"}
    assert out_of_memory_kills(tree(tmp_path, files)) == 2


def test_kills_are_counted_on_the_host_without_groups(tmp_path: Path) -> None:
    assert out_of_memory_kills(tree(tmp_path, {"proc/vmstat": "nr_free_pages 1\noom_kill 7\n"})) == 7

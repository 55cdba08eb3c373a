"""Readers of untrusted bytes: every crash that was ever found, played again, and a short search for new ones."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

HERE = Path(__file__).parent
CASES = sorted(path for path in (HERE / "cases").glob("*/*") if not path.name.startswith("."))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_once_is_mended(path: Path) -> None:
    TARGETS[path.parent.name].run(path.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_where_the_search_begins(name: str) -> None:
    seeds = TARGETS[name].seeds()
    assert len(seeds) > 3
    for seed in seeds:
        TARGETS[name].run(seed)


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="needs atheris, which is made for Linux on x86-64 only"
)
@pytest.mark.parametrize("name", TARGETS)
def test_a_short_search_finds_nothing(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", name, "--runs", "4000", "--seed", "1", "--keep", str(tmp_path)]
    searched = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=120)
    assert searched.returncode == 0, searched.stderr[-3000:]
    assert "Done 4000 runs" in searched.stderr
    assert list(tmp_path.iterdir()) == []

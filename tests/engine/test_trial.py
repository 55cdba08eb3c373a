"""Engines tried in a throw-away child."""

import signal
import sys
from pathlib import Path

import pytest

from tampu.engine.trial import try_engine

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def program(folder: Path, text: str) -> Path:
    path = folder / "llama-server"
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return path


async def test_the_bundled_engine_runs_here() -> None:
    trial = await try_engine(None, {})
    assert trial.problem == ""
    assert trial.version.startswith("xllamacpp ")


async def test_a_binary_tells_its_version(tmp_path: Path) -> None:
    text = "import sys; print('warming up'); print('version: 77 (abc)', file=sys.stderr)"
    assert (await try_engine(program(tmp_path, text), {})).version == "version: 77 (abc)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"import os; os.kill(os.getpid(), {int(signal.SIGILL)})", "it was built for another processor (SIGILL)"),
        ("raise SystemExit('no such library')", "no such library"),
        ("raise SystemExit(3)", "it ends with status 3"),
    ],
)
async def test_one_that_does_not_run_says_why(tmp_path: Path, text: str, problem: str) -> None:
    assert (await try_engine(program(tmp_path, text), {})).problem == problem


async def test_what_is_no_program_and_what_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").write_text("")
    assert (await try_engine(tmp_path / "empty", {})).problem == "Permission denied"
    monkeypatch.setattr("tampu.engine.trial.TRIAL_S", 0.2)
    silent = program(tmp_path, "import time; time.sleep(600)")
    assert (await try_engine(silent, {})).problem == "it says nothing for 0 s"

"""Engines tried in a throw-away child."""

import signal
import sys
from pathlib import Path

import anyio
import psutil
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
        (f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})", "it dies of SIGSEGV"),
    ],
)
async def test_one_that_does_not_run_says_why(tmp_path: Path, text: str, problem: str) -> None:
    assert (await try_engine(program(tmp_path, text), {})).problem == problem


async def test_what_is_no_program_and_what_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").write_text("#!/bin/sh\n")
    assert (await try_engine(tmp_path / "closed", {})).problem == "Permission denied"
    monkeypatch.setattr("tampu.engine.trial.TRIAL_S", 0.2)
    silent = program(tmp_path, "import time; time.sleep(600)")
    assert (await try_engine(silent, {})).problem == "it says nothing for 0 s"


@pytest.mark.skipif(
    sys.platform != "linux", reason="only there does the head of a file tell for which processors it is"
)
@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"words of a README", "it is no program"),
        (b"", "it is no program"),
        (b"\x7fELF\x02\x01\x01" + bytes(11) + b"\xff\x7f", "it was built for another kind of processor"),
        (b"\x7fELF\x02", "it was built for another kind of processor"),
        (b"#!/no/such/interpreter\n", "it cannot be started: it is gone, or what it takes to run it is missing"),
    ],
)
async def test_a_file_for_another_machine_is_not_handed_to_a_shell(tmp_path: Path, head: bytes, problem: str) -> None:
    binary = tmp_path / "llama-server"
    binary.write_bytes(head + (b"" if head.startswith(b"#!") else b"\necho version 1\n" * (len(head) > 8)))
    binary.chmod(0o755)
    assert (await try_engine(binary, {})).problem == problem


async def test_nothing_that_a_hanging_program_started_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tampu.engine.trial.TRIAL_S", 2.0)
    noted = tmp_path / "pid"
    text = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(noted)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)"
    )
    assert "says nothing" in (await try_engine(program(tmp_path, text), {})).problem
    child = int(noted.read_text())
    with anyio.fail_after(10):
        while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
            await anyio.sleep(0.01)


async def test_one_that_writes_without_end_fills_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tampu.engine.trial.TRIAL_S", 2.0)
    before = psutil.Process().memory_info().rss
    endless = program(tmp_path, "import os\nwhile True: os.write(1, b'x' * 65536)")
    assert "says nothing" in (await try_engine(endless, {})).problem
    assert psutil.Process().memory_info().rss - before < 64 << 20

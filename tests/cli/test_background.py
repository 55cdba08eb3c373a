"""Servers that commands start in the background: the real ones."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tampu.client.client import Client
from tampu.config import Address
from tests.cli.program import run_program
from tests.fakes.terminal import environment

DEADLINE_S = 60.0


@pytest.fixture
def address() -> Address:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return Address("http", "127.0.0.1", free.getsockname()[1])


def test_two_commands_at_once_start_one_server_that_ends_when_idle(tmp_path: Path, address: Address) -> None:
    allowed = environment(tmp_path, address, TAMPU_AUTOSTART="1", TAMPU_IDLE_EXIT="1")
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "tampu", "list"], env=allowed, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    results = [command.communicate(timeout=DEADLINE_S) for command in commands]
    assert [command.returncode for command in commands] == [0, 0]
    assert [out for out, _ in results] == [b"NAME    ID    SIZE    MODIFIED \n"] * 2
    log = tmp_path / ".ollama" / "logs" / "server.log"
    notice = f"started a server in the background on {address.authority} (log: {log})\n".encode()
    told = b"".join(err for _, err in results)
    assert notice in told
    assert told.replace(notice, b"") == b""
    assert [path.name for path in log.parent.glob("*.log")] == ["server.log"], "a second start would rotate the log"
    until = time.monotonic() + DEADLINE_S
    while Client(address).is_answering():
        assert time.monotonic() < until, log.read_text()
        # Asking is a request: the server must be left alone for longer than its second.
        time.sleep(1.5)


def test_a_server_that_cannot_start_says_why(tmp_path: Path, address: Address) -> None:
    done = run_program("ps", home=tmp_path, address=address, TAMPU_AUTOSTART="1", OLLAMA_MODELS="/proc/nope")
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: the server ended at once; the end of its log (")
    assert b"ensure path elements are traversable" in done.stderr


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path, address: Address) -> None:
    (tmp_path / ".ollama").write_text("a file where the folder should be")
    done = run_program("ps", home=tmp_path, address=address, TAMPU_AUTOSTART="1")
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: cannot start a server in the background: ")


def test_no_server_is_started_for_another_machine(tmp_path: Path) -> None:
    done = run_program("ps", home=tmp_path, address=Address("https", "127.0.0.1", 1), TAMPU_AUTOSTART="1")
    assert done.stderr == b"Error: could not connect to tampu server, run 'tampu serve' to start it\n"
    assert not (tmp_path / ".ollama").exists()


def test_the_version_starts_nothing(tmp_path: Path, address: Address) -> None:
    assert run_program("--version", home=tmp_path, address=address, TAMPU_AUTOSTART="1").returncode == 0
    assert not (tmp_path / ".ollama").exists()

"""The whole server as a process: it starts, says where it listens, serves, and leaves tidily."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tampu.config import Settings
from tampu.server.listen import listen
from tampu.server.startup_log import described_settings
from tests.server.live import free_port

START_S = 30
PROGRAM = """
import sys
from tampu.config import Settings
from tampu.errors import TampuError
from tampu.server.run import serve
try:
    serve(Settings.read(), exits_when_idle="--exits-when-idle" in sys.argv)
except TampuError as error:
    sys.exit(f"Error: {error.message}")
"""


@contextmanager
def _server(
    home: Path, port: int, *words: str, stdin: int | None = None, stdout: int | None = None, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    variables = {**os.environ, "HOME": str(home), "OLLAMA_HOST": f"127.0.0.1:{port}", **environment}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        env=variables,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _answers(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/")
            return connection.getresponse().read() == b"Ollama is running"
        except OSError:
            return False


def _wait_until_answering(process: subprocess.Popen[str], port: int) -> None:
    deadline = time.monotonic() + START_S
    while not _answers(port):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    with _server(tmp_path, port) as process:
        _wait_until_answering(process, port)
        process.send_signal(number)
        _, log = process.communicate(timeout=START_S)
    assert process.returncode == 0, log
    assert 'msg="server config" env="map[' in log
    assert 'msg="total blobs: 0"' in log
    assert f"Listening on 127.0.0.1:{port} " in log
    assert "Traceback" not in log


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system knows no hangups")
def test_a_hangup_ends_a_server_whose_terminal_is_gone_and_no_other(tmp_path: Path) -> None:
    port = free_port()
    with _server(tmp_path, port, stdin=subprocess.DEVNULL) as process:
        _wait_until_answering(process, port)
        process.send_signal(signal.SIGHUP)
        _wait_until_answering(process, port)
        process.terminate()
        _, log = process.communicate(timeout=START_S)
    assert process.returncode == 0
    assert "reading the settings anew" in log
    controller, terminal = os.openpty()
    with _server(tmp_path, port, stdin=terminal) as process:
        os.close(terminal)
        _wait_until_answering(process, port)
        process.send_signal(signal.SIGHUP)
        os.close(controller)
        _, log = process.communicate(timeout=START_S)
    assert process.returncode == 0
    assert "stopping: SIGHUP" in log


def test_the_first_start_makes_an_identity_and_says_so(tmp_path: Path) -> None:
    key = tmp_path / ".ollama" / "id_ed25519"
    for said in (f"Couldn't find '{key}'. Generating new private key.\nYour new public key is: \n\n{{}}\n\n", ""):
        port = free_port()
        with _server(tmp_path, port, stdout=subprocess.PIPE) as process:
            _wait_until_answering(process, port)
            process.terminate()
            told, _ = process.communicate(timeout=START_S)
        assert told == said.format(key.with_suffix(".pub").read_text().strip())


def test_a_home_without_room_for_an_identity_is_no_reason_not_to_serve(tmp_path: Path) -> None:
    (tmp_path / ".ollama").write_bytes(b"")
    port = free_port()
    with _server(tmp_path, port, OLLAMA_MODELS=str(tmp_path / "models")) as process:
        _wait_until_answering(process, port)
        process.terminate()
        _, log = process.communicate(timeout=START_S)
    assert process.returncode == 0
    assert "no identity" in log


@pytest.mark.parametrize("host", ["0.0.0.0", ""])
def test_all_addresses_are_those_of_both_families(host: str) -> None:
    address = Settings.read({"OLLAMA_HOST": f"{host}:{free_port()}", "HOME": "/"}).address
    with listen(address) as listener:
        families = (socket.AF_INET, socket.AF_INET6) if listener.family == socket.AF_INET6 else (socket.AF_INET,)
        for family in families:
            with socket.socket(family) as client:
                client.connect(("127.0.0.1" if family == socket.AF_INET else "::1", address.port))


def test_it_leaves_by_itself_when_nobody_asks(tmp_path: Path) -> None:
    with _server(tmp_path, free_port(), "--exits-when-idle", TAMPU_IDLE_EXIT="300ms") as process:
        _, log = process.communicate(timeout=START_S)
    assert process.returncode == 0
    assert "no request for" in log


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with _server(tmp_path, port) as process:
            _, log = process.communicate(timeout=START_S)
    assert process.returncode == 1
    assert log == f"Error: listen tcp 127.0.0.1:{port}: bind: address already in use\n"


def test_small_pieces_are_sent_at_once() -> None:
    # asyncio switches Nagle's delay off only where the protocol is named.
    with listen(Settings.read({"OLLAMA_HOST": f"127.0.0.1:{free_port()}", "HOME": "/"}).address) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_settings_are_told_in_ollamas_form() -> None:
    told = described_settings(Settings.read({"HOME": "/h", "OLLAMA_DEBUG": "1", "OLLAMA_KEEP_ALIVE": "-1"}))
    assert told == sorted(told)
    assert {
        "OLLAMA_DEBUG:DEBUG",
        "OLLAMA_KEEP_ALIVE:2562047h47m16.854775807s",
        "OLLAMA_HOST:http://127.0.0.1:11434",
    } <= set(told)
    assert {"OLLAMA_LOAD_TIMEOUT:5m0s", "OLLAMA_NOPRUNE:false", "OLLAMA_MODELS:/h/.ollama/models"} <= set(told)
    assert any(line.startswith("OLLAMA_ORIGINS:[http://localhost https://localhost ") for line in told)

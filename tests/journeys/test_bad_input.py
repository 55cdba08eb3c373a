"""Hostile files, names, digests and Modelfiles through the real routes and commands: refused in words, nothing hurt."""

import hashlib
import json
import os
import random
import struct
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes.gguf_files import GgufFile, Tensor, Typed, small_model
from tests.journeys.conftest import Served
from tests.recordings import recorded_bytes, recording

MOST_GROWTH = 256 << 20
"""Bytes that the server may take more, whatever the files say."""


def raw(kind: int, data: bytes) -> Typed:
    return Typed("raw", (kind, data))


def with_metadata(key: str, value: object) -> bytes:
    return small_model({key: value}).build()


def with_tensors(*tensors: Tensor) -> bytes:
    return GgufFile(metadata=small_model().metadata, tensors=tensors).build()


KINDS = {
    "four bytes": b"GGUF",
    "version 0": GgufFile(version=0, metadata=small_model().metadata).build(),
    "version of the future": GgufFile(version=99, metadata=small_model().metadata).build(),
    "tensors without number": GgufFile(metadata=small_model().metadata, tensor_count=2**64 - 1).build(),
    "keys without number": GgufFile(metadata=small_model().metadata, metadata_count=2**64 - 1).build(),
    "key that is too long": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**63),
    "string that is too long": with_metadata("a.b", raw(8, struct.pack("<Q", 2**40))),
    "template of a gigabyte": with_metadata("tokenizer.chat_template", raw(8, struct.pack("<Q", 1 << 30))),
    "unknown type of a value": with_metadata("a.b", raw(99, b"")),
    "array that is too long": with_metadata("a.b", raw(9, struct.pack("<IQ", 0, 2**62))),
    "array of arrays": with_metadata("a.b", raw(9, struct.pack("<IQ", 9, 2))),
    "alignment of 3": with_metadata("general.alignment", 3),
    "alignment of a wrong type": with_metadata("general.alignment", "32"),
    "tensor name that is too long": GgufFile(tensor_count=1, tail=struct.pack("<Q", 2**62)).build(),
    "dimensions without number": with_tensors(Tensor("t", (1,) * 200, nbytes=4)),
    "dimension of 0": with_tensors(Tensor("t", (0, 4), nbytes=0)),
    "negative dimension": with_tensors(Tensor("t", (2**64 - 1,), nbytes=0)),
    "too many elements": with_tensors(Tensor("t", (2**33, 2**33), nbytes=0)),
    "bytes that wrap around": with_tensors(Tensor("t", (2**62,), nbytes=0)),
    "padding that wraps around": with_tensors(Tensor("t", (2**62 - 1,), offset=2**64 - 32, nbytes=0)),
    "unknown type of a tensor": with_tensors(Tensor("t", (32,), type=1000)),
    "offset that is no multiple": with_tensors(Tensor("t", (32,)), Tensor("u", (32,), offset=129)),
    "offset behind the end": with_tensors(Tensor("t", (32,), offset=2**40)),
    "same name twice": with_tensors(Tensor("t", (32,)), Tensor("t", (32,))),
    "one byte missing": small_model().build()[:-1],
    "no blocks": with_metadata("llama.block_count", 0),
    "context without end": with_metadata("llama.context_length", Typed("uint32", 2**32 - 1)),
    "no architecture": GgufFile(metadata=[("general.name", "x")], tensors=[Tensor("t", (32,))]).build(),
    "architecture of a wrong type": GgufFile(
        metadata=[("general.architecture", 7)], tensors=[Tensor("t", (32,))]
    ).build(),
}
TOLERATED = {
    "blocks that are text": with_metadata("llama.block_count", "many"),
    "empty key": with_metadata("", 1),
    "odd words": with_metadata("tokenizer.ggml.tokens", ["<0x-1>", "", "\u0000"]),
    "heads of a wrong type": with_metadata("llama.attention.head_count", [1, 2, 3]),
    "alignment of 64": GgufFile(metadata=[*small_model().metadata, ("general.alignment", 64)], alignment=64).build(),
}


@pytest.fixture
def server(served: Served) -> Iterator[Served]:
    """The server of all stories. It must not take much memory, log a traceback or leave anything behind."""
    process = psutil.Process(served.process.pid)
    before, models = process.memory_info().rss, served.ask("/api/tags", method="GET")["models"]
    yield served
    assert served.request("GET", "/")[0] == 200
    assert process.memory_info().rss - before < MOST_GROWTH
    assert "Traceback" not in served.log
    assert {each["name"] for each in served.ask("/api/tags", method="GET")["models"]} == {m["name"] for m in models}


def create_from(server: Served, data: bytes, *, run: bool = False) -> tuple[int, dict[str, Any]]:
    """The answer to a create from these bytes; whatever came of it is removed."""
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert server.request("POST", f"/api/blobs/{digest}", data)[0] in {200, 201}
    status, body = server.request("POST", "/api/create", {"model": "bad", "files": {"m.gguf": digest}, "stream": False})
    if status == 200:
        assert server.request("POST", "/api/show", {"model": "bad", "verbose": True})[0] in {200, 404}
        if run:
            answer = server.request("POST", "/api/generate", {"model": "bad", "prompt": "x", "stream": False})
            assert answer[0] in {400, 500}
        assert server.request("DELETE", "/api/delete", {"model": "bad"})[0] == 200
    return status, json.loads(body)


@pytest.mark.parametrize("kind", KINDS)
def test_malformed_weights_are_refused_in_words(server: Served, kind: str) -> None:
    status, body = create_from(server, KINDS[kind])
    assert status in {400, 500}
    assert body["error"]
    assert str(server.home) not in body["error"]


@pytest.mark.parametrize("kind", TOLERATED)
def test_odd_weights_hurt_nobody(server: Served, kind: str) -> None:
    assert create_from(server, TOLERATED[kind], run=True)[0] == 200


def test_flipped_bytes(server: Served) -> None:
    original, chance = small_model().build(), random.Random(10)  # noqa: S311  # any bytes will do
    for _ in range(60):
        flipped = bytearray(original)
        for _ in range(chance.randint(1, 3)):
            flipped[chance.randrange(len(flipped) // 2)] ^= 1 << chance.randrange(8)
        assert create_from(server, bytes(flipped))[0] in {200, 400, 500}


def test_a_projector_is_no_model_and_no_adapter(server: Served) -> None:
    data = recorded_bytes("store/models/a-mmproj.gguf")
    assert create_from(server, data)[0] == 200  # as recorded: it is kept, and generates nothing


# --- names -----------------------------------------------------------------------------------------------------------

NAMES = {
    "up": "../../../../etc/passwd",
    "up inside": "library/../../x",
    "up as a part": "a/..",
    "up as a tag": "m:..",
    "absolute": "/etc/passwd",
    "of Windows": "C:\\models\\x",
    "NUL": "m\0x",
    "line": "m\nx",
    "escaped": "%2e%2e/x",
    "look-alike slash": "a\u2215b",
    "look-alike letters": "lla\u043ca",
    "wide": "\uff4d\uff4f",
    "invisible": "m\u200bx",
    "right to left": "m\u202ex",
    "lone surrogate": "m\ud800",
    "ten kilobytes": "m" * 10_000,
    "ten kilobytes of parts": "a/" * 5_000,
    "ten kilobytes of tag": "m:" + "t" * 10_000,
    "hidden": ".hidden",
    "blank": " ",
    "only a tag": ":t",
    "two schemes": "http://https://x/y",
}


@pytest.mark.parametrize("kind", NAMES)
def test_hostile_names(server: Served, kind: str) -> None:
    name, before = NAMES[kind], files_below(server.home)
    bodies = {
        "/api/create": {"model": name, "from": "fine", "stream": False},
        "/api/copy": {"source": "fine", "destination": name},
        "/api/show": {"model": name},
        "/api/generate": {"model": name, "prompt": "x", "stream": False},
        "/api/pull": {"model": name, "stream": False},
    }
    for path, body in bodies.items():
        status, answer = server.request("POST", path, body)
        assert 400 <= status < 500, (path, status, answer)
        assert json.loads(answer)["error"]
    assert 400 <= server.request("DELETE", "/api/delete", {"model": name})[0] < 500
    assert server.request("POST", "/api/create", {"model": "x", "from": name, "stream": False})[0] in {400, 404, 500}
    assert files_below(server.home) == before


def files_below(home: Path) -> set[str]:
    return {str(path) for path in home.parent.rglob("*") if path.is_file() and "server.log" not in path.name}


# --- digests ---------------------------------------------------------------------------------------------------------

HEX = "a" * 64
DIGESTS = {
    "empty": "",
    "bare": HEX,
    "short": f"sha256:{HEX[1:]}",
    "long": f"sha256:{HEX}a",
    "other hash": f"sha512:{HEX}",
    "in capitals": f"SHA256:{HEX}",
    "no digits": f"sha256:{'g' * 64}",
    "path behind": f"sha256:{HEX}/../../x",
    "path": "../../../../etc/passwd",
    "path in front": f"../sha256:{HEX}",
    "NUL": f"sha256:{HEX[1:]}\0",
    "line behind": f"sha256:{HEX}\n",
    "wide digits": "sha256:" + "\uff11" * 64,
    "ten kilobytes": f"sha256:{'a' * 10_000}",
    "two separators": f"sha256:-{HEX}",
}


@pytest.mark.parametrize("kind", DIGESTS)
def test_digests_in_wrong_forms(server: Served, kind: str) -> None:
    digest, before = DIGESTS[kind], files_below(server.home)
    for method in ("HEAD", "POST"):
        status, _ = server.request(
            method, f"/api/blobs/{urllib.parse.quote(digest, safe='')}", b"x" if method == "POST" else None
        )
        assert 300 <= status < 500, method
    body = {"model": "bad", "files": {"m.gguf": digest}, "stream": False}
    status, answer = server.request("POST", "/api/create", body)
    assert status in {400, 500}
    assert "etc/passwd" not in answer.decode() or "root:" not in answer.decode()
    assert files_below(server.home) == before


# --- Modelfiles ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (os.urandom(1 << 16), "Error"),
        (bytes(1 << 16), "Error"),
        (b"\xff\xfe" + bytes(range(256)) * 64, "Error"),
        (b"FROM itself\n", "Error"),
        (b"SYSTEM only\n", "Error: no FROM line"),
        (b"FROM ./Modelfile\n", "Error"),
        (b"FROM .\n", "Error"),
        (b"FROM /dev/zero\n", "Error: /dev/zero is no regular file"),
        (b"FROM fine\nPARAMETER num_ctx many\n", "Error"),
    ],
    ids=[
        "random",
        "zeros",
        "half UTF-16",
        "itself",
        "no FROM",
        "its own file",
        "its own folder",
        "device",
        "no number",
    ],
)
def test_hostile_modelfiles(server: Served, tmp_path: Path, content: bytes, wanted: str) -> None:
    path = tmp_path / "Modelfile"
    path.write_bytes(content)
    check_refused(server, path, wanted)


def check_refused(server: Served, modelfile: Path, wanted: str) -> None:
    made = server.command("create", "itself", "-f", str(modelfile))
    assert made.returncode == 1
    assert wanted in made.stderr
    assert "Traceback" not in made.stderr


def test_modelfiles_without_end(server: Served, tmp_path: Path) -> None:
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(20 << 30)
    for path in (Path("/dev/zero"), huge):
        check_refused(server, path, "is no Modelfile: it has more than 32 MB")


def test_a_long_modelfile(server: Served, tmp_path: Path) -> None:
    path = tmp_path / "Modelfile"
    path.write_bytes(b"FROM fine\n" + b"PARAMETER stop x\n" * 20_000 + b'SYSTEM """' + b"long \n" * 200_000 + b'"""\n')
    assert server.command("create", "long", "-f", str(path)).returncode == 0
    assert len(server.ask("/api/show", {"model": "long"})["system"]) == 1_200_000
    assert server.request("DELETE", "/api/delete", {"model": "long"})[0] == 200


def test_a_model_may_be_made_of_itself(server: Served, tmp_path: Path) -> None:
    path = tmp_path / "Modelfile"
    path.write_text("FROM again\nSYSTEM anew\n")
    server.ask("/api/copy", {"source": "fine", "destination": "again"})
    for _ in range(3):
        assert server.command("create", "again", "-f", str(path)).returncode == 0
    assert server.ask("/api/show", {"model": "again"})["system"] == "anew"
    assert server.request("DELETE", "/api/delete", {"model": "again"})[0] == 200


def test_recorded_malformed_files_stay_out(server: Served) -> None:
    for case in recording("gguf/malformed.json"):
        create_from(server, recorded_bytes(f"gguf/{case['file']}"))

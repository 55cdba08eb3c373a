"""Bodies packed with zstd: unpacked for the dialects, refused in words where they are not sound, bounded."""

import json
import sys

import pytest

from tampu.errors import BadRequest
from tampu.generation import Finished, FinishReason, TextDelta
from tampu.server.packed import unpacked
from tests.fakes.operations import FakeOperations
from tests.server.live import live_server

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST = 1 << 20


def test_what_is_packed_comes_out() -> None:
    for text in (b"", b"{}", bytes(range(256)) * (MOST // 256)):
        assert unpacked(zstd.compress(text), MOST) == text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "unexpected EOF"),
        (b'{"model": "m"}', "invalid input: magic number mismatch"),
        (zstd.compress(b"x" * 1000)[:-5], "unexpected EOF"),
        (zstd.compress(b"{}") + b"more", "something stands behind"),
        (zstd.compress(b"{}") * 100_000, "something stands behind"),
        (zstd.compress(b" " * (1 << 30)), "longer than 1 MiB"),
        (zstd.compress(b" " * (MOST + 1)), "longer than 1 MiB"),
        (zstd.compress(b"a" * 100, options={zstd.CompressionParameter.checksum_flag: 1})[:-1] + b"\0", "cannot be"),
    ],
)
def test_what_is_not_sound_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        unpacked(body, MOST)


def test_a_window_that_takes_more_memory_than_all_decoders_grant_is_refused() -> None:
    wide = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 27})
    body = wide.compress(b"x" * 100) + wide.flush()
    with pytest.raises(BadRequest, match="cannot be unpacked"):
        unpacked(body, MOST)


@pytest.mark.parametrize(
    ("path", "most"), [("/v1/chat/completions", {}), ("/v1/messages", {"max_tokens": 5}), ("/api/chat", {})]
)
def test_the_dialects_take_them_and_the_native_routes_do_not(path: str, most: dict[str, int]) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **most}
    packed = {"Content-Encoding": "ZSTD", "Content-Type": "application/json"}
    with live_server(FakeOperations(models=["m"])) as live:
        live.operations.script = [TextDelta("a"), Finished(reason=FinishReason.STOP)]
        response, body = live.ask("POST", path, zstd.compress(json.dumps(asked).encode()), packed)
        assert response.status == (200 if path.startswith("/v1") else 400)
        assert "error" in json.loads(body) or '"a"' in body.decode()
        response, body = live.ask("POST", path, json.dumps(asked), packed)
        assert response.status == (400 if path.startswith("/v1") else 200)

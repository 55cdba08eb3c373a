"""How events are cut."""

from tampu.api.framing import ndjson, sse


def test_frames() -> None:
    assert ndjson(b"{}") == b"{}\n"
    assert sse(b"{}") == b"data: {}\n\n"
    assert sse(b"[DONE]", event="end") == b"event: end\ndata: [DONE]\n\n"

"""How events are cut on the wire: one JSON value a line (NDJSON), or server-sent events (SSE)."""

NDJSON = "application/x-ndjson"
SSE = "text/event-stream"


def ndjson(value: bytes) -> bytes:
    """One JSON value as one line."""
    return value + b"\n"


def sse(data: bytes, *, event: str | None = None) -> bytes:
    """One server-sent event. `data` is compact JSON or a word: it holds no line break."""
    if event is None:
        return b"data: %b\n\n" % data
    return b"event: %b\ndata: %b\n\n" % (event.encode(), data)

"""One request from outside, watched to its end or left in the middle."""

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any

PATIENCE_S = 120.0
"""An answer that takes longer is taken for lost."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a client asks for, and after how many seconds it walks away; None: never.

    `leaves_in_answer`: the seconds run from when the answer begins, and until then it has patience.
    """

    method: str
    path: str
    body: Any = None
    leaves_after_s: float | None = None
    leaves_in_answer: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended. `status` 0: it was left before there was one. `last`: the last line of a whole answer in JSON."""

    status: int
    last: Any = None
    is_whole: bool = False

    @property
    def error(self) -> str:
        """What the server said was wrong."""
        return str(self.last.get("error", "")) if self.last else ""

    @property
    def was_left(self) -> bool:
        return not self.is_whole


async def visit(port: int, errand: Errand, chance: random.Random) -> Outcome:
    """Do the errand on a connection of its own. Raises what an answer that is no HTTP raises, and TimeoutError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    received = bytearray()
    try:
        writer.write(_request(errand))
        if errand.leaves_in_answer:
            async with asyncio.timeout(PATIENCE_S):
                received += await reader.read(1 << 16)
        patience_s = PATIENCE_S if errand.leaves_after_s is None else errand.leaves_after_s
        async with asyncio.timeout(patience_s):
            while piece := await reader.read(1 << 16):
                received += piece
    except TimeoutError:
        if errand.leaves_after_s is None or (errand.leaves_in_answer and not received):
            raise
        if chance.random() < 0.5:
            writer.transport.abort()  # a reset, where the other half says goodbye
        return Outcome(_status(bytes(received)))
    finally:
        writer.close()
    return _outcome(bytes(received))


def _request(errand: Errand) -> bytes:
    body = b"" if errand.body is None else json.dumps(errand.body).encode()
    head = f"{errand.method} {errand.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _status(received: bytes) -> int:
    words = received[:64].split(b" ", 2)
    return int(words[1]) if len(words) > 1 else 0


def _outcome(received: bytes) -> Outcome:
    head, _, body = received.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = _unchunked(body)
    lines = body.splitlines()
    is_json = b"text/event-stream" not in head.lower()
    return Outcome(_status(head), json.loads(lines[-1]) if lines and is_json else None, is_whole=True)


def _unchunked(body: bytes) -> bytes:
    """The body behind the chunks; raises ValueError where the last one is missing, for then it was cut."""
    whole = bytearray()
    while True:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return bytes(whole)
        whole += body[:length]
        body = body[length + 2 :]

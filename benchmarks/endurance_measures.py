"""What many requests leave behind: the memory of the server itself, after a hundred of them and after ten thousand."""

import asyncio
import json
from collections.abc import Iterator

from benchmarks.measures import Row
from benchmarks.programs import MODEL, Running, tampu_server, weights

FEW, MANY, CLIENTS = 100, 10_000, 8


def endurance_rows() -> Iterator[Row]:
    """All rows of this file, on a server of its own."""
    with tampu_server(OLLAMA_CONTEXT_LENGTH="512") as ours:
        weights(ours.port)
        asyncio.run(_requests(ours, FEW))
        few = _resident_mb(ours)
        asyncio.run(_requests(ours, MANY - FEW))
        many = _resident_mb(ours)
    yield Row(
        f"memory of the server, {MANY:,} requests against {FEW}",
        f"{few:.1f} MB",
        f"{many:.1f} MB",
        f"{many / few:.2f}x",
        "at most 1.1x",
        many <= 1.1 * few,
    )


def _resident_mb(server: Running) -> float:
    return float(server.process.memory_info().rss) / 1e6


async def _requests(server: Running, count: int) -> None:
    """So many requests by some clients, each on a connection that stays open; streamed and whole ones in turn."""
    numbers = iter(range(count))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for number in numbers:
            body = _body(number)
            head = f"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
            await _read_answer(reader)
        writer.close()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


def _body(number: int) -> bytes:
    options = {"num_predict": 1, "temperature": 0}
    asked = {"model": MODEL, "prompt": f"{number % 7}", "raw": True, "stream": number % 2 == 0, "options": options}
    return json.dumps(asked).encode()


async def _read_answer(reader: asyncio.StreamReader) -> None:
    """One answer to its end, whichever way its length is told; raises RuntimeError for one that is no success."""
    status = await reader.readline()
    if b" 200 " not in status:
        raise RuntimeError(status.decode())
    headers = {}
    while line := (await reader.readline()).strip():
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip()
    if b"content-length" in headers:
        await reader.readexactly(int(headers[b"content-length"]))
        return
    while size := int(await reader.readline(), 16):
        await reader.readexactly(size + 2)
    await reader.readline()

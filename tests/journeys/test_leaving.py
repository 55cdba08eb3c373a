"""A client that leaves frees its slot, in every dialect, streaming or not: the engine itself says that it stops.

How long that takes is logged, not held to a limit: machines differ. The net is far from what an answer would take.
"""

import json
import logging
import re
import socket
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.journeys.conftest import Served, serving, wait_until
from tests.journeys.dialects import make_models

_log = logging.getLogger(__name__)
SLOTS = 3
_HI: Any = [{"role": "user", "content": "hi"}]
_OPTIONS: Any = {"options": {"num_ctx": 4096, "num_predict": 1_000_000}}
ASKED: dict[str, dict[str, Any]] = {
    "/api/generate": {"prompt": "hi", **_OPTIONS},
    "/api/chat": {"messages": _HI, **_OPTIONS},
    "/v1/chat/completions": {"messages": _HI, "n": SLOTS, **_OPTIONS},
    "/v1/completions": {"prompt": ["a", "b"], **_OPTIONS},
    "/v1/responses": {"input": "hi", **_OPTIONS},
    "/v1/messages": {"messages": _HI, "max_tokens": 1_000_000, "options": {"num_ctx": 4096}},
}
_BEGUN = re.compile(r"time=(\S+) .*slot launch_slot_: .*processing task")
_ENDED = re.compile(r"time=(\S+) .*slot +release: .*stop processing")


@pytest.fixture(scope="module")
def talkative(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose log has what its engine says of its slots."""
    with serving(tmp_path_factory.mktemp("home"), OLLAMA_NUM_PARALLEL=str(SLOTS), OLLAMA_DEBUG="1") as served:
        make_models(served, "v-loop")
        yield served
        assert "Traceback" not in served.log


@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("path", ASKED)
def test_the_engine_stops_when_the_client_leaves(talkative: Served, path: str, *, streams: bool) -> None:
    begun_before, ended_before = _times(talkative)
    body = json.dumps({"model": "v-loop", "stream": streams, **ASKED[path]}).encode()
    with socket.create_connection(("127.0.0.1", talkative.port), timeout=60) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        wait_until(lambda: len(_times(talkative)[0]) > len(begun_before))
        if streams:
            assert connection.recv(1)
        assert _times(talkative)[1] == ended_before, "nothing ends by itself"
        left = datetime.now().astimezone()
    wait_until(lambda: len(set(map(len, _times(talkative)))) == 1)
    _log.info("freed after %.3f s", (_times(talkative)[1][-1] - left).total_seconds())


_LOOP = json.dumps({"model": "v-loop", "stream": False, "prompt": "hi", **_OPTIONS})


def _written(body: str) -> bytes:
    """A request as it goes over the wire."""
    return f"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


_LONG = _LOOP.replace('"hi"', f'"{"hi " * 50_000}"')
_AHEAD = {
    "another": _written(_LOOP),
    "three": _written(_LOOP) * 3,
    "a part": _written(_LOOP)[:-5],
    "a long one": _written(_LONG),
}


@pytest.mark.parametrize("ahead", _AHEAD.values(), ids=_AHEAD)
@pytest.mark.parametrize("at_once", [True, False])
def test_who_asks_ahead_is_seen_to_leave(talkative: Served, ahead: bytes, *, at_once: bool) -> None:
    """Requests that wait on the same connection for the first answer, and come with it or behind it."""
    with socket.create_connection(("127.0.0.1", talkative.port), timeout=60) as connection:
        connection.sendall(_written(_LOOP) + ahead if at_once else _written(_LOOP))
        wait_until(lambda: [request["state"] for request in _queue(talkative)] == ["running"])
        if not at_once:
            connection.sendall(ahead)
    wait_until(lambda: _queue(talkative) == [], limit_s=20)
    assert "Traceback" not in talkative.log
    assert "without starting response" not in talkative.log


def _queue(served: Served) -> list[Any]:
    requests: list[Any] = served.ask("/api/queue", method="GET")["requests"]
    return requests


def _times(served: Served) -> tuple[list[datetime], list[datetime]]:
    """When the engine began to work on something, and when it stopped."""
    begun, ended = (
        [datetime.fromisoformat(found[1]) for found in map(pattern.match, served.log.splitlines()) if found]
        for pattern in (_BEGUN, _ENDED)
    )
    return begun, ended

"""Every recorded refusal that needs no engine: bodies and fields of a wrong kind, names, durations, unknown models."""

from collections.abc import Iterator
from typing import Any

import pytest

from tampu.generation import Finished, FinishReason
from tests.fakes.operations import FakeOperations
from tests.recordings import recording
from tests.server.live import Live, live_server
from tests.wire.test_transport import REPLAY

_MODELS = ("fine", "talk", "vectors", "s-hello", "jinja")
# These are refused by what runs behind the wire: the library, a template, the engine.
_BEHIND_THE_WIRE = (
    "does not support",
    "raw mode",
    "invalid format",
    "option ",
    "exceeds",
    "multimodal",
    "image input",
    "template:",
    "schema",
    "logprobs is not",
    "This server does",
    "detokenize",
    "context",
)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with live_server(FakeOperations([Finished(reason=FinishReason.STOP)], models=_MODELS)) as live:
        yield live


def _refusals(name: str) -> list[dict[str, Any]]:
    steps = recording(f"http/{name}.json")["steps"]
    return [step for step in steps if 400 <= step["response"]["status"] < 500 and not _is_behind(step)]


def _is_behind(step: dict[str, Any]) -> bool:
    text = str(step["response"].get("body"))
    # Names that differ in case are matched by the library.
    return any(word in text for word in _BEHIND_THE_WIRE) or "blobs" in step["path"]


@pytest.mark.parametrize(
    "name", "decode names generate chat options format thinking tools logprobs images keep_alive embed".split()
)
def test_refusals_are_as_recorded(live: Live, name: str) -> None:
    found = {}
    for step in _refusals(name):
        differences = REPLAY.compare(step, REPLAY.send(live.url, step, ""))
        if differences:
            found[step["name"]] = differences
    assert found == {}


def test_what_ollama_accepts_is_accepted(live: Live) -> None:
    steps = [step for step in recording("http/decode.json")["steps"] if step["response"]["status"] == 200]
    refused = [step["name"] for step in steps if REPLAY.send(live.url, step, "")["status"] != 200]
    assert steps
    assert refused == []

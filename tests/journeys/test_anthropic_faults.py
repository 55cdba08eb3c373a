"""Anthropic's dialect when things go wrong in mid-stream: an engine dies, a client leaves."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import psutil
import pytest

from tests.journeys.conftest import Served, serving, wait_until
from tests.journeys.dialects import make_models

ENDLESS: Any = {
    "model": "v-loop",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 30_000,
    "extra_body": {"options": {"num_ctx": 4096}},
}


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Served]:
    """A server with one slot: the next request waits for ever if an answer that nobody reads still runs."""
    with serving(tmp_path, OLLAMA_NUM_PARALLEL="1") as served:
        make_models(served, "v-loop")
        yield served
        assert "Traceback" not in served.log


def _client(served: Served) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=served.url, api_key="unused", max_retries=0)


def _kill_engines(served: Served) -> None:
    for engine in psutil.Process(served.process.pid).children(recursive=True):
        engine.send_signal(signal.SIGKILL)


def test_a_killed_engine_raises_in_the_sdk(alone: Served) -> None:
    with _client(alone) as client:
        stream = client.messages.create(**ENDLESS, stream=True)
        _read_to_the_first_word(stream)
        _kill_engines(alone)
        with pytest.raises(
            anthropic.APIStatusError, match="an error was encountered while running the model"
        ) as caught:
            list(stream)
        assert caught.value.type == "api_error"
        with client.messages.stream(**ENDLESS) as helper:
            next(helper.text_stream)
            _kill_engines(alone)
            with pytest.raises(anthropic.APIError, match="an error was encountered while running the model"):
                helper.until_done()
        again = client.messages.create(**{**ENDLESS, "max_tokens": 2})
        assert again.stop_reason == "max_tokens"


def test_a_client_that_leaves_frees_its_slot(alone: Served) -> None:
    with _client(alone) as client:
        stream = client.messages.create(**ENDLESS, stream=True)
        _read_to_the_first_word(stream)
        assert _running(alone)
        stream.close()
        wait_until(lambda: not _running(alone))
        assert client.messages.create(**{**ENDLESS, "max_tokens": 2}, timeout=30).stop_reason == "max_tokens"


def test_a_request_that_is_ended_by_its_id_gets_an_error_event(alone: Served) -> None:
    with _client(alone) as client:
        stream = client.messages.create(**ENDLESS, stream=True)
        _read_to_the_first_word(stream)
        (request,) = _running(alone)
        assert stream.response.headers["request-id"] == f"req_{request['id']}"
        assert alone.request("DELETE", f"/api/queue/{request['id']}")[0] == 200
        with pytest.raises(anthropic.APIStatusError, match="request canceled"):
            list(stream)


def _read_to_the_first_word(stream: Any) -> None:
    assert next(event for event in stream if event.type == "content_block_delta")


def _running(served: Served) -> list[Any]:
    requests: list[Any] = served.ask("/api/queue", method="GET")["requests"]
    return requests

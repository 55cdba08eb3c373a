"""Surprises of Ollama's API that no recording shows."""

import json

from tampu.errors import QueueFull
from tests.journeys.conftest import Served


def test_an_unload_of_a_remote_model_is_refused_like_any_use(served: Served) -> None:
    """Ollama checks it before it forwards one kind of request, and after it the other; here nothing is forwarded."""
    remote = {"model": "far", "from": "fine", "remote_host": "http://far.example", "stream": False}
    served.ask("/api/create", remote)
    for path, empty in (("/api/generate", {"prompt": ""}), ("/api/chat", {"messages": []})):
        status, raw = served.request("POST", path, {"model": "far", "keep_alive": 0, **empty})
        assert (status, "remote models are not supported" in json.loads(raw)["error"]) == (403, True)


def test_the_text_of_a_full_queue_has_two_blanks() -> None:
    assert QueueFull().message == "server busy, please try again.  maximum pending requests exceeded"
    assert QueueFull().status == 503

"""Requests under way can be seen and ended, over HTTP and on the command line."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.conftest import Served, serving, wait_until


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One slot, one model at a time; `loop` goes on for as long as it may, `other` is another file."""
    with serving(
        tmp_path_factory.mktemp("home"), OLLAMA_NUM_PARALLEL="1", OLLAMA_MAX_LOADED_MODELS="1", OLLAMA_MAX_QUEUE="1"
    ) as server:
        server.upload("scripted.gguf", "loop", template="{{ .Prompt }}<|s3|>", parameters={"num_ctx": 512})
        server.upload("second.gguf", "other", template="{{ .Prompt }}<|s0|>")
        yield server


class Client(threading.Thread):
    """One request in a thread: its status and its lines, once it is over."""

    def __init__(self, served: Served, model: str, **fields: Any) -> None:
        super().__init__(daemon=True)
        self.served, self.status, self.lines = served, 0, list[Any]()
        self.body = {"model": model, "prompt": "x", "options": {"num_predict": -1}, **fields}
        self.start()

    def run(self) -> None:
        self.status, raw = self.served.request("POST", "/api/generate", self.body)
        self.lines = [json.loads(line) for line in raw.splitlines()]


def queue(served: Served) -> list[dict[str, Any]]:
    found = served.ask("/api/queue", method="GET")["requests"]
    assert isinstance(found, list)
    return found


def states(served: Served) -> list[tuple[str, str, int]]:
    return [(each["model"], each["state"], each.get("position", 0)) for each in queue(served)]


def test_the_whole_queue_is_seen_and_each_request_can_be_ended(small: Served) -> None:
    assert queue(small) == []
    first = Client(small, "loop")
    wait_until(lambda: states(small) == [("loop:latest", "running", 0)])
    second = Client(small, "loop", stream=False)
    wait_until(lambda: len(queue(small)) == 2)
    third = Client(small, "other")
    wait_until(lambda: len(queue(small)) == 3)
    assert states(small) == [
        ("loop:latest", "running", 0), ("loop:latest", "waiting", 1), ("other:latest", "waiting", 1),
    ]  # fmt: skip
    running, waiting, other = queue(small)
    assert running["client"].startswith("127.0.0.1 ")
    assert running["since"] <= waiting["since"] <= other["since"]

    small.request("DELETE", f"/api/queue/{waiting['id']}")
    second.join(60)
    assert (second.status, second.lines) == (499, [{"error": "request canceled: it was taken out of the queue"}])
    ended = small.command("ps", "--cancel", running["id"])
    assert (ended.returncode, ended.stdout) == (0, "")
    first.join(60)
    assert first.status == 200, "its answer had begun"
    assert first.lines[-1] == {"error": "request canceled: it was taken out of the queue"}
    third.join(60)
    assert third.lines[-1]["done_reason"] == "stop"
    wait_until(lambda: queue(small) == [])


def test_what_is_over_or_never_was_cannot_be_ended(small: Served) -> None:
    status, raw = small.request("DELETE", "/api/queue/nobody")
    assert (status, json.loads(raw)) == (404, {"error": "there is no request nobody; it may be over"})
    assert small.request("DELETE", "/api/queue/")[0] == 404


def test_the_queue_on_the_command_line(small: Served) -> None:
    client = Client(small, "loop")
    wait_until(lambda: states(small) == [("loop:latest", "running", 0)])
    table = small.command("ps", "--queue").stdout.splitlines()
    assert table[0].split() == ["ID", "MODEL", "STATE", "SINCE", "CLIENT"]
    assert table[1].split()[1:3] == ["loop:latest", "running"]
    shown = json.loads(small.command("ps", "--queue", "--json").stdout)
    assert [each["id"] for each in shown] == [table[1].split()[0]]
    assert json.loads(small.command("ps", "other", "--queue", "--json").stdout) == []
    small.command("ps", "--cancel", shown[0]["id"])
    client.join(60)
    missing = small.command("ps", "--cancel", shown[0]["id"])
    assert missing.returncode == 1
    assert "there is no request" in missing.stderr


def test_a_full_queue_says_when_to_come_again(small: Served) -> None:
    clients = [Client(small, "loop")]
    wait_until(lambda: states(small) == [("loop:latest", "running", 0)])
    # One is being placed, one waits: so many a queue of one takes.
    for count in (2, 3):
        clients.append(Client(small, "other"))
        wait_until(lambda count=count: len(queue(small)) == count)

    bodies: dict[str, dict[str, Any]] = {
        "/api/generate": {"prompt": "x"},
        "/api/chat": {"messages": [{"role": "user", "content": "x"}]},
        "/api/embed": {"input": "x"},
    }
    for path, body in bodies.items():
        connection = http.client.HTTPConnection("127.0.0.1", small.port, timeout=60)
        connection.request("POST", path, json.dumps({"model": "other", **body}))
        refused = connection.getresponse()
        assert refused.status == 503
        assert int(refused.headers["retry-after"]) > 0
        expected = "server busy, please try again.  maximum pending requests exceeded"
        assert json.loads(refused.read()) == {"error": expected}
        connection.close()
    loaded = Client(small, "loop")
    wait_until(lambda: len(queue(small)) == 4)
    for request in queue(small):
        small.request("DELETE", f"/api/queue/{request['id']}")
    for client in [*clients, loaded]:
        client.join(60)
        assert client.status in {200, 499}

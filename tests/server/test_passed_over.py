"""Fields that nothing here knows: accepted, and counted by dialect and name."""

import re
from concurrent.futures import ThreadPoolExecutor

from tampu.generation import Finished, FinishReason, TextDelta
from tampu.server.passed_over import MOST_NAMES, OTHERS, PassedOver
from tests.fakes.operations import FakeOperations
from tests.server.live import live_server

ASKED = {"model": "m", "stream": False, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}


def counted(written: bytes) -> dict[tuple[str, str], int]:
    line = r'^tampu_unknown_fields_total\{dialect="(.+?)",field="(.+?)"\} (\d+)$'
    lines = re.findall(line, written.decode(), re.MULTILINE)
    return {(dialect, name): int(count) for dialect, name, count in lines}


def test_each_dialect_counts_its_own() -> None:
    with live_server(FakeOperations(models=["m"])) as live:
        live.operations.script = [TextDelta("a"), Finished(reason=FinishReason.STOP)]
        for path in ("/api/chat", "/v1/chat/completions", "/v1/chat/completions", "/v1/messages"):
            asked = {**ASKED, "keep_tidy": True} | ({"max_tokens": 5} if path != "/api/chat" else {})
            assert live.ask("POST", path, asked)[0].status == 200
        assert (
            live.ask("POST", "/v1/responses", {"model": "m", "input": "hi", "Input_": 1, "MODEL": "m"})[0].status == 200
        )
        head, body = live.ask("GET", "/metrics")
    assert head.getheader("content-type", "").startswith("text/plain; version=0.0.4")
    assert counted(body) == {
        ("anthropic", "keep_tidy"): 1,
        ("native", "keep_tidy"): 1,
        ("native", "max_tokens"): 1,
        ("openai", "keep_tidy"): 2,
        ("responses", "Input_"): 1,
    }


def test_names_that_clients_make_up_do_no_harm() -> None:
    counts = PassedOver()
    for number in range(MOST_NAMES * 3):
        counts.on("/api/chat")([f"name_{number}", 'a"}\n', "x" * 1000])
    found = counted(counts.written())
    assert len(found) <= MOST_NAMES + 1
    assert sum(found.values()) == MOST_NAMES * 9
    assert found[("native", OTHERS)] > MOST_NAMES * 6
    assert len(counts.written()) < 200 * MOST_NAMES


def test_nothing_is_lost_between_threads() -> None:
    counts = PassedOver()
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2000):
            pool.submit(counts.on("/v1/x"), ["a"])
    assert counted(counts.written()) == {("openai", "a"): 2000}

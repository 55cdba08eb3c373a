"""The recorded answers of Ollama about routes, methods, redirects, origins and hosts, replayed over a socket."""

import importlib.util
from types import ModuleType

import pytest

from tampu.config import Settings
from tests.recordings import GOLDEN, recording
from tests.server.live import Live, live_server

_OTHERWISE = {"GET /v1/chat/completions", "GET /metrics"}
"""What tests/journeys play on a whole server: the other dialects, and a route that Ollama lacks."""


def _replay_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("golden_replay", GOLDEN / "replay.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REPLAY = _replay_tool()


def _differences(live: Live, steps: list[dict]) -> dict[str, list[str]]:
    found = {}
    for step in steps:
        if step["name"] in _OTHERWISE:
            continue
        loose = {**step, "loose": [*step.get("loose", []), "version"]}
        differences = REPLAY.compare(loose, REPLAY.send(live.url, loose, "")) if "response" in loose else []
        if differences:
            found[step["name"]] = differences
    return found


@pytest.mark.parametrize("name", ["transport", "transport-origins", "transport-public", "transport-star"])
def test_transport_is_as_recorded(name: str) -> None:
    scenario = recording(f"http/{name}.json")
    settings = Settings.read({"HOME": "/nowhere", **scenario.get("environment", {})})
    with live_server(address=settings.address, origins=settings.origins) as live:
        assert _differences(live, scenario["steps"]) == {}

"""What was seen of Ollama's scheduler from outside, case by case."""

import pytest

from tampu.config import Settings
from tampu.engine.spec import EngineSpec
from tampu.scheduler.records import Limits
from tampu.units import KeepAlive
from tests.recordings import recording
from tests.scheduler.world import World, settled

pytestmark = pytest.mark.anyio

CASES = {case["name"]: case for case in recording("store/scheduler.json")["cases"]}
RELOADS = {name: case for name, case in CASES.items() if name.startswith("reload: ")}
SERVER_KEEP_ALIVES = {name: case for name, case in CASES.items() if name.startswith("OLLAMA_KEEP_ALIVE=")}
KEEP_ALIVES = {
    "keep_alive None": None,
    "keep_alive '10s'": KeepAlive.of_text("10s"),
    "keep_alive '1h30m'": KeepAlive.of_text("1h30m"),
    "keep_alive -1": KeepAlive.of_seconds(-1),
    "keep_alive '-1m'": KeepAlive.of_text("-1m"),
    "keep_alive '0'": KeepAlive.of_text("0"),
    "keep_alive '0s'": KeepAlive.of_text("0s"),
}
LOAD_OPTIONS = frozenset(EngineSpec.__dataclass_fields__)


def wish(body):
    options = {key: value for key, value in body.get("options", {}).items() if key in LOAD_OPTIONS}
    return {**options, "context_shift": body.get("shift", True)}


def recorded_expiry(entry):
    seconds = entry[1] if isinstance(entry, list) else entry["expires_in"]
    return None if seconds > 10**9 else seconds


@pytest.mark.recorded("store/scheduler")
@pytest.mark.parametrize("case", RELOADS.values(), ids=RELOADS)
async def test_reloads(case):
    async with World().open() as world:
        await world.use("m", **wish(case["before"]))
        await world.use("m", **wish(case["options"]))
        assert (len(world.engines.starts) == 2) is case["reloaded"]
        assert len(world.engines.running) == 1
        shown = [view.placement.num_ctx for view in world.scheduler.residents()]
        assert shown == [row["context_length"] for row in case["ps"]]


@pytest.mark.recorded("store/scheduler")
@pytest.mark.parametrize(("name", "keep_alive"), KEEP_ALIVES.items(), ids=KEEP_ALIVES)
async def test_keep_alives(name, keep_alive):
    async with World().open() as world:
        await world.use("short", keep_alive=keep_alive)
        await settled()
        expiries = [world.expires_in(shown) for shown in world.names()]
    recorded = [recorded_expiry(entry) for entry in CASES[name]["ps"]]
    assert expiries == pytest.approx(recorded, abs=1.5)


@pytest.mark.recorded("store/scheduler")
@pytest.mark.parametrize("case", SERVER_KEEP_ALIVES.values(), ids=SERVER_KEEP_ALIVES)
async def test_keep_alives_of_the_server(case):
    limits = Limits.of_settings(Settings.read(case["env"]))
    async with World(keep_alive=limits.keep_alive).open() as world:
        await world.use("short")
        await settled()
        expiries = [world.expires_in(name) for name in world.names()]
    assert expiries == pytest.approx([recorded_expiry(entry) for entry in case["ps"]], abs=1.5)


@pytest.mark.recorded("store/scheduler")
async def test_two_names_of_one_weights_file():
    async with World().open() as world:
        await world.use("scripted", name="short", keep_alive=600)
        await world.use("second", name="other")
        await world.use("scripted", name="copy")
        assert len(world.engines.starts) == CASES["two names of one weights file"]["children"]
        seen = {view.name: world.expires_in(view.name) for view in world.scheduler.residents()}
    assert seen == pytest.approx(
        {entry["name"].split(":")[0]: entry["expires_in"] for entry in CASES["two names of one weights file"]["ps"]},
        abs=1.5,
    )


async def test_loading_and_unloading_as_ps_shows_it():
    """The story of store/ps.json, step by step."""
    contexts = [
        step["response"]["body"]["models"]
        for step in recording("store/ps.json")["steps"]
        if step["path"] == "/api/ps" and step["response"]["status"] == 200
    ]
    shown = []
    async with World().open() as world:

        def look():
            shown.append([(view.name, view.placement.num_ctx) for view in world.scheduler.residents()])

        look()
        await world.use("m", name="say", keep_alive=600, num_ctx=512)
        look()
        await world.use("m", name="say", num_ctx=512)
        await world.use("m", name="say-two", num_ctx=512)
        look()
        await world.use("m", name="say-two", num_ctx=768)
        look()
        await world.use("m", name="say", num_ctx=100_000)
        look()
        await world.scheduler.unload("/models/m.gguf")
        await world.scheduler.unload("/models/m.gguf")
        look()
    assert shown == [[(row["name"].split(":")[0], row["context_length"]) for row in rows] for rows in contexts]

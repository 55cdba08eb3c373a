"""The recorded pushes of Ollama: the same requests in the same order, the same reports, the same end."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tampu.errors import TampuError
from tampu.progress import Progress
from tampu.registry.identity import Identity
from tampu.registry.patience import Patience
from tests.fakes.pushing import BRISK, PushServices, open_services
from tests.fakes.recorded_pushes import RecordedPush
from tests.recordings import recording

pytestmark = pytest.mark.anyio

ELSEWHERE = {
    # Said before anything is streamed: tests/api and tests/journeys ask for it by HTTP.
    "no name",
    # Names a resolver of the machine that it was recorded on, and needs a network that refuses.
    "library name",
}
UNKNOWN = "An unknown model to push is a 404 that names the model"
OWN_WORDS = {
    "unknown model": ("model '{REGISTRY}/me/none:v1' not found", UNKNOWN),
    "unknown model, no stream": ("model '{REGISTRY}/me/none:v1' not found", UNKNOWN),
    "POST without Location": ("the registry gave no address to upload to", "A refusal ends a push at once"),
}
"""What we say otherwise, with the line of docs/differences.md."""
ALL = recording("registry/wire-push.json")["cases"]
CASES: list[dict[str, Any]] = [case for case in ALL if case["name"] not in ELSEWHERE]


LARGE: list[dict[str, Any]] = [
    case for case in recording("registry/wire-large.json")["cases"] if case["name"].startswith("push of ")
]


assert LARGE


@pytest.mark.recorded("registry/wire-large")
@pytest.mark.slow
@pytest.mark.parametrize("case", LARGE, ids=lambda case: case["name"])
async def test_the_recorded_push_of_much(case: dict[str, Any], tmp_path: Path) -> None:
    """Parts of a hundred million bytes, one after the other, each to the address that the one before was told."""
    await _assert_pushed_as_recorded(case, tmp_path, replace(Patience(), first_pause_s=BRISK.first_pause_s))


@pytest.mark.recorded("registry/wire-push")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_the_recorded_push(
    case: dict[str, Any], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if case["name"] in OWN_WORDS:
        record_property("explained", [OWN_WORDS[case["name"]][1]])
    await _assert_pushed_as_recorded(case, tmp_path, BRISK)


async def _assert_pushed_as_recorded(case: dict[str, Any], folder: Path, patience: Patience) -> None:
    Identity.load_or_create(folder)
    async with RecordedPush(case, [*ALL, *LARGE]) as registry, open_services(folder, patience=patience) as services:
        if "unknown" not in case["name"] and case["name"] != "bad name":
            registry.fill(services.library)
        request = registry.case["request"]
        events, failure = await _push(services, request["model"], insecure=request.get("insecure", False))
        wanted = registry.case["events"]
        error = OWN_WORDS[case["name"]][0] if case["name"] in OWN_WORDS else wanted[-1].get("error")
        assert failure == (error and error.replace("{REGISTRY}", registry.hosts["{REGISTRY}"]))
        if request.get("stream", True) and case["name"] not in OWN_WORDS:
            assert _ends(events) == _ends(_progress(wanted))
        assert registry.requests == registry.recorded_requests


async def _push(services: PushServices, model: str, *, insecure: bool) -> tuple[list[Progress], str | None]:
    try:
        return await services.push(model, insecure=insecure), None
    except TampuError as error:
        return services.seen, error.message


def _progress(events: Sequence[dict[str, Any]]) -> list[Progress]:
    return [
        Progress(each["status"], each.get("digest"), each.get("total"), each.get("completed"))
        for each in events
        if "status" in each
    ]


def _ends(events: Sequence[Progress]) -> list[Progress]:
    """The last report of each run of the same status: how many there are is a matter of time."""
    following = [*events[1:], None]
    return [each for each, after in zip(events, following, strict=True) if after is None or after.status != each.status]

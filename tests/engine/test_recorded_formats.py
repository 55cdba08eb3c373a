"""Constrained answers as Ollama's engine gave them: same text, same number of tokens."""

from typing import Any

import pytest

from tampu.engine.protocol import EngineChat, EngineEnd
from tampu.generation import AnyJson, JsonSchema, OutputFormat
from tampu.messages import Message
from tests.engine.running import GREEDY, asking, events_of, running, text_of
from tests.models import recorded_model
from tests.recordings import recording

pytestmark = pytest.mark.anyio
# What the templates of the recorded models put at the end of their prompts.
TRIGGERS = {"sure": "<|s2|>", "pick": "<|s4|>", "ponder-json": "<|s6|>"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def recorded() -> list[Any]:
    """Recorded requests with a format that were answered whole, and not in a stream."""
    steps = recording("http/format.json")["steps"]
    return [
        pytest.param(step, id=step["name"])
        for step in steps
        if isinstance(step.get("json", {}).get("format"), dict | str)
        and step["json"]["format"] not in ("", "xml")
        and step["response"]["status"] == 200
        and isinstance(step["response"]["body"], dict)
        and step["response"]["body"].get("eval_count")
    ]


def wanted(step: Any) -> OutputFormat:
    schema = step["json"]["format"]
    return AnyJson() if schema == "json" else JsonSchema(schema)


@pytest.mark.parametrize("step", [case for case in recorded() if case.values[0]["json"]["model"] in TRIGGERS])
async def test_completions(step: Any) -> None:
    body = step["response"]["body"]
    options = {key: value for key, value in step["json"].get("options", {}).items() if key == "num_predict"}
    async with running(recorded_model("http")) as child:
        prompt = TRIGGERS[step["json"]["model"]]
        events = await events_of(child.engine.complete(asking(prompt, format=wanted(step), **options)))
    end = events[-1]
    assert isinstance(end, EngineEnd)
    assert text_of(events) == body.get("response", body.get("message", {}).get("content"))
    assert end.completion_tokens == body["eval_count"]


@pytest.mark.parametrize(
    "step",
    [
        case
        for case in recorded()
        # Ollama does not constrain a native chat by "json"; we do.
        if case.values[0]["json"]["model"] == "jinja" and isinstance(case.values[0]["json"]["format"], dict)
    ],
)
async def test_chats(step: Any) -> None:
    body = step["response"]["body"]
    messages = [Message(message["role"], message["content"]) for message in step["json"]["messages"]]
    async with running(recorded_model("http-jinja"), num_ctx=1024) as child:
        request = EngineChat(messages=messages, sampling=GREEDY, format=wanted(step), think=True)
        events = await events_of(child.engine.chat(request))
    assert text_of(events) == body["message"]["content"]
    assert events[-1].completion_tokens == body["eval_count"]

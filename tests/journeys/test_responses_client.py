"""OpenAI's own Python package and its Responses, sync and async, against the real engine with scripted models."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel

from tests.journeys.conftest import Served
from tests.journeys.dialects import make_models

HELLO = "Hello from the script. 你好，世界! Done…"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather of a city",
    "strict": False,
    "parameters": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
}
CHAT = (
    '{{- $done := false }}{{- range .Messages }}{{ if eq .Role "tool" }}{{ $done = true }}{{ end }}'
    '{{ if eq .Role "user" }}{{ $done = false }}{{ end }}{{ end }}'
    "{{- range .Tools }}{{ . }}\n{{ end }}{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}"
    "{{- if .ToolCalls }}{{ range .ToolCalls }}\n<tool_call>\n"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}\n'
    "</tool_call>{{- end }}{{ end }}<|im_end|>\n{{ end }}{{ if $done }}<|s0|>{{ else }}<|s2|>{{ end }}"
)
"""Calls the tool for every question, and says hello once it has the answer."""


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture(scope="module")
def speaking(served: Served) -> Served:
    make_models(served, "v-hello", "v-count", "v-think", "v-tool", "v-tools", "v-json", "v-native", "v-loop")
    return served


@pytest.fixture
def client(speaking: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{speaking.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(speaking: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{speaking.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


def test_create(client: openai.OpenAI) -> None:
    whole = client.responses.create(model="v-hello", input="hi", instructions="Be brief", metadata={"k": "v"})
    assert (whole.output_text, whole.status, whole.metadata) == (HELLO, "completed", {"k": "v"})
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.input_tokens + whole.usage.output_tokens
    cut = client.responses.create(model="v-count", input="hi", max_output_tokens=3)
    assert (cut.output_text, cut.status) == ("123", "incomplete")
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"


def test_a_stream(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model="v-think", input="hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (
        "".join(event.delta for event in events if event.type == "response.output_text.delta") == "Hi there, friend!!"
    )
    last = events[-1]
    assert last.type == "response.completed"
    assert [item.type for item in last.response.output] == ["reasoning", "message"]


def test_the_streaming_helper(client: openai.OpenAI) -> None:
    for model in ("v-hello", "v-think", "v-tool"):
        with client.responses.stream(model=model, input="hi", tools=[WEATHER] if model == "v-tool" else []) as stream:
            kinds = [event.type for event in stream]
            final = stream.get_final_response()
        assert kinds[0] == "response.created"
        assert kinds[-1] == "response.completed"
        assert final.status == "completed"
        if model == "v-tool":
            assert [item.type for item in final.output] == ["function_call"]


def test_parsed_output(client: openai.OpenAI) -> None:
    parsed = client.responses.parse(model="v-json", input="hi", text_format=Person)
    assert parsed.output_parsed == Person(name="Ann", age=7)
    with client.responses.stream(model="v-json", input="hi", text_format=Person) as stream:
        stream.until_done()
        assert stream.get_final_response().output_parsed == Person(name="Ann", age=7)


def _outputs(response: Response) -> Any:
    calls = [item for item in response.output if item.type == "function_call"]
    assert [json.loads(call.arguments) for call in calls] == [{"city": "Paris"}]
    return [{"type": "function_call_output", "call_id": call.call_id, "output": "21 C"} for call in calls]


@pytest.fixture(scope="module")
def calling(speaking: Served) -> str:
    speaking.upload("scripted.gguf", "calling", template=CHAT)
    return "calling"


def test_tools_in_a_loop_of_three_turns_by_id(client: openai.OpenAI, calling: str) -> None:
    previous, counts = None, []
    for question in ("Paris?", "And now?", "Once more?"):
        asked = client.responses.create(
            model=calling, input=question, tools=[WEATHER], previous_response_id=previous, instructions="Be brief"
        )
        answer = client.responses.create(
            model=calling, input=_outputs(asked), tools=[WEATHER], previous_response_id=asked.id
        )
        assert (answer.output_text, answer.previous_response_id) == (HELLO, asked.id)
        assert answer.usage is not None
        previous = answer.id
        counts.append(answer.usage.input_tokens)
    assert counts == sorted(set(counts)), "each turn has all that was said before"
    items = client.responses.input_items.list(previous or "")
    assert [item.type for item in items] == ["function_call_output"]


def test_tools_in_a_loop_of_three_turns_by_items(client: openai.OpenAI, calling: str) -> None:
    """Without anything kept: the items themselves go back, as they came."""
    items: list[Any] = []
    for question in ("Paris?", "And now?", "Once more?"):
        items.append({"role": "user", "content": question})
        asked = client.responses.create(model=calling, input=items, tools=[WEATHER], store=False)
        items += [item.model_dump(exclude_none=True) for item in asked.output] + _outputs(asked)
        answer = client.responses.create(model=calling, input=items, tools=[WEATHER], store=False)
        assert answer.output_text == HELLO
        items += [item.model_dump(exclude_none=True) for item in answer.output]


def test_both_ways_to_go_on_make_the_same_prompt(client: openai.OpenAI) -> None:
    first = client.responses.create(model="v-think", input="hi")
    by_id = client.responses.create(model="v-think", input="more", previous_response_id=first.id)
    said: Any = [{"role": "user", "content": "hi"}, *(item.model_dump(exclude_none=True) for item in first.output)]
    by_items = client.responses.create(model="v-think", input=[*said, {"role": "user", "content": "more"}])
    references: Any = [{"type": "item_reference", "id": item.id} for item in first.output]
    by_reference = client.responses.create(
        model="v-think", input=[{"role": "user", "content": "hi"}, *references, {"role": "user", "content": "more"}]
    )
    counts = {each.usage.input_tokens for each in (by_id, by_items, by_reference) if each.usage}
    assert len(counts) == 1
    assert (
        client.responses.input_tokens.count(model="v-think", input="more", previous_response_id=first.id).input_tokens
        in counts
    )


def test_kept_responses_are_read_listed_and_deleted(client: openai.OpenAI) -> None:
    parts: Any = [{"role": "user", "content": str(number)} for number in range(5)]
    made = client.responses.create(model="v-hello", input=parts, store=True)
    assert client.responses.retrieve(made.id).model_dump() == made.model_dump()
    page = client.responses.input_items.list(made.id, limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    assert [item.content[0].text for item in page] == list("43210")  # type: ignore[union-attr]
    client.responses.delete(made.id)
    for gone in (client.responses.retrieve, client.responses.delete, client.responses.input_items.list):
        with pytest.raises(openai.NotFoundError, match=f"Response with id '{made.id}' not found"):
            gone(made.id)  # type: ignore[operator]
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="v-hello", input="x", previous_response_id=made.id)
    assert (refused.value.code, refused.value.param) == ("previous_response_not_found", "previous_response_id")


def test_a_streamed_response_is_kept_as_its_end_told(client: openai.OpenAI) -> None:
    last = list(client.responses.create(model="v-think", input="hi", stream=True))[-1]
    assert last.type == "response.completed"
    assert client.responses.retrieve(last.response.id).model_dump() == last.response.model_dump()


def test_what_must_not_be_stored_is_not(client: openai.OpenAI) -> None:
    made = client.responses.create(model="v-hello", input="hi", store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_a_response_is_cancelled(client: openai.OpenAI) -> None:
    stream = client.responses.create(model="v-loop", input="hi", stream=True)
    first = next(stream)
    assert first.type == "response.created"
    cancelled = client.responses.cancel(first.response.id)
    assert (cancelled.id, cancelled.status) == (first.response.id, "cancelled")
    with pytest.raises(openai.APIError, match="request canceled"):
        list(stream)
    assert client.responses.retrieve(first.response.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="is over and cannot be cancelled"):
        client.responses.cancel(first.response.id)


def test_a_conversation_that_does_not_fit(client: openai.OpenAI) -> None:
    words: Any = [{"role": "user", "content": "sun moon " * 200}, {"role": "user", "content": "hi"}]
    small: Any = {"num_ctx": 256}
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="v-hello", input=words, extra_body=small)
    assert refused.value.code == "context_length_exceeded"
    raw = client.responses.with_raw_response.create(model="v-hello", input=words, truncation="auto", extra_body=small)
    assert raw.headers["x-tampu-dropped-messages"] == "1"
    assert raw.parse().output_text == HELLO


def test_errors_are_the_sdk_s(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="model 'v-nothing' not found"):
        client.responses.create(model="v-nothing", input="hi")
    with pytest.raises(openai.BadRequestError, match="conversation is not supported"):
        client.responses.create(model="v-hello", input="hi", conversation="conv_1")


@pytest.mark.anyio
async def test_async(async_client: openai.AsyncOpenAI, calling: str) -> None:
    whole = await async_client.responses.create(model="v-hello", input="hi")
    assert whole.output_text == HELLO
    stream = await async_client.responses.create(model="v-hello", input="hi", stream=True)
    texts = [event.delta async for event in stream if event.type == "response.output_text.delta"]
    assert "".join(texts) == HELLO
    async with async_client.responses.stream(model="v-json", input="hi", text_format=Person) as helper:
        await helper.until_done()
        assert (await helper.get_final_response()).output_parsed == Person(name="Ann", age=7)
    asked = await async_client.responses.create(model=calling, input="Paris?", tools=[WEATHER])
    then = await async_client.responses.create(
        model=calling, input=_outputs(asked), tools=[WEATHER], previous_response_id=asked.id
    )
    assert then.output_text == HELLO
    assert (await async_client.responses.retrieve(then.id)).id == then.id
    await async_client.responses.delete(then.id)
    with pytest.raises(openai.NotFoundError):
        await async_client.responses.retrieve(then.id)

"""OpenAI's own Python package, unmodified, sync and async, against the real engine with scripted models."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel

from tests.journeys.conftest import Served
from tests.journeys.dialects import make_models

HELLO = "Hello from the script. 你好，世界! Done…"
HI: Any = [{"role": "user", "content": "hi"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
    },
}
TIME: Any = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "Time in a zone",
        "parameters": {
            "type": "object",
            "required": ["zone"],
            "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
        },
    },
}


class Person(BaseModel):
    name: str
    age: int


class Pet(BaseModel):
    kind: Literal["cat", "dog"]


@pytest.fixture(scope="module")
def speaking(served: Served) -> Served:
    make_models(served, "v-hello", "v-count", "v-think", "v-tool", "v-tools", "v-json", "v-native", "v-embed", "v-fim")
    return served


@pytest.fixture
def client(speaking: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{speaking.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.fixture
async def async_client(speaking: Served) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=f"{speaking.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


def test_chat(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="v-hello", messages=HI)
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == (HELLO, "stop")
    assert whole.usage is not None
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
    chunks = list(
        client.chat.completions.create(
            model="v-hello", messages=HI, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == HELLO
    assert [bool(chunk.usage) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_the_streaming_helper(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="v-hello", messages=HI) as stream:
        texts = [event.delta for event in stream if event.type == "content.delta"]
        final = stream.get_final_completion()
    assert "".join(texts) == final.choices[0].message.content == HELLO


def test_parsed_structured_output(client: openai.OpenAI) -> None:
    said = client.chat.completions.parse(model="v-json", messages=HI, response_format=Person)
    assert said.choices[0].message.parsed == Person(name="Ann", age=7)
    # What this one would say is no JSON, so that the schema alone decides: it must bound what may be drawn.
    drawn = client.chat.completions.parse(model="v-native", messages=HI, response_format=Pet)
    assert isinstance(drawn.choices[0].message.parsed, Pet)
    with client.chat.completions.stream(model="v-json", messages=HI, response_format=Person) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == Person(name="Ann", age=7)


def test_tools_in_a_loop_of_three_turns(client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "weather?"}]
    for turn in ("call", "answer", "more"):
        message = client.chat.completions.create(model="v-tool", messages=messages, tools=[WEATHER]).choices[0].message
        messages.append(message)
        if turn == "call":
            assert message.tool_calls is not None
            (call,) = message.tool_calls
            assert call.type == "function"
            assert json.loads(call.function.arguments) == {"city": "Paris"}
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "21 C"})
        else:
            assert (message.content, message.tool_calls) == (HELLO, None)
            messages.append({"role": "user", "content": "and tomorrow?"})


def test_calls_in_a_stream(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(model="v-tools", messages=HI, tools=[WEATHER, TIME]) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [call.function.name for call in message.tool_calls or ()] == ["get_weather", "get_time"]
    assert message.content == "Let me look. "


def test_at_most_one_call_where_they_may_not_be_parallel(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="v-tools", messages=HI, tools=[WEATHER, TIME], parallel_tool_calls=False
    )
    calls = answer.choices[0].message.tool_calls or []
    assert [call.function.name for call in calls if call.type == "function"] == ["get_weather"]


def test_a_demanded_call_keeps_to_its_tool(client: openai.OpenAI) -> None:
    for choice in ({"type": "function", "function": {"name": "get_time"}}, _ONE_ALLOWED):
        answer = client.chat.completions.create(
            model="v-hello", messages=HI, tools=[WEATHER, TIME], tool_choice=choice, temperature=1,
            max_tokens=200, parallel_tool_calls=False, extra_body={"describe_tools": True},
        )  # fmt: skip
        (call,) = answer.choices[0].message.tool_calls or ()
        assert call.type == "function"
        assert call.function.name == "get_time"
        assert json.loads(call.function.arguments)["zone"] in {"UTC", "CET"}


@pytest.mark.parametrize("streams", [False, True])
def test_strict_tools_are_kept_to_where_the_model_chooses(client: openai.OpenAI, streams: bool) -> None:
    """The script asks for the weather of Paris, which is none of the cities."""
    schema = {
        "type": "object",
        "properties": {"city": {"enum": ["Lima", "Cusco"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
    tool: Any = {"type": "function", "function": {"name": "get_weather", "strict": True, "parameters": schema}}
    asked: Any = {"model": "v-tool", "messages": HI, "tools": [tool], "max_tokens": 200, "parallel_tool_calls": False}
    if streams:
        with client.chat.completions.stream(**asked) as stream:
            message: Any = stream.get_final_completion().choices[0].message
    else:
        message = client.chat.completions.create(**asked).choices[0].message
    (call,) = message.tool_calls
    assert json.loads(call.function.arguments)["city"] in {"Lima", "Cusco"}


_ONE_ALLOWED: Any = {
    "type": "allowed_tools",
    "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "get_time"}}]},
}


def test_thinking_and_its_count(client: openai.OpenAI) -> None:
    # One answer thinks for 16 tokens; from 64 on they are counted.
    answer = client.chat.completions.create(model="v-think", messages=HI, reasoning_effort="low", n=4)
    assert answer.choices[0].message.model_extra == {"reasoning": "I should greet them;\n\n"}
    assert answer.usage is not None
    assert answer.usage.completion_tokens_details is not None
    assert 64 <= (answer.usage.completion_tokens_details.reasoning_tokens or 0) <= answer.usage.completion_tokens


def test_what_is_reused_of_a_long_prompt_is_told(client: openai.OpenAI) -> None:
    said: Any = {"model": "v-hello", "messages": [{"role": "user", "content": "word " * 1500}], "max_tokens": 2}
    client.chat.completions.create(**said, extra_body={"num_ctx": 4096})
    again = client.chat.completions.create(**said, extra_body={"num_ctx": 4096}).usage
    assert again is not None
    assert again.prompt_tokens_details is not None
    assert 1024 <= (again.prompt_tokens_details.cached_tokens or 0) <= again.prompt_tokens


def test_several_answers(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="v-hello", messages=HI, n=3)
    assert [(choice.index, choice.message.content) for choice in whole.choices] == [(i, HELLO) for i in range(3)]
    texts = ["", "", ""]
    for chunk in client.chat.completions.create(model="v-hello", messages=HI, n=3, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == [HELLO] * 3


def test_a_banned_token_never_comes_and_an_unknown_one_is_refused(client: openai.OpenAI, speaking: Served) -> None:
    tokens = speaking.ask("/api/tokenize", {"model": "v-count", "text": "3", "add_special": False})["tokens"]
    free = client.chat.completions.create(model="v-count", messages=HI, max_tokens=3)
    bound = client.chat.completions.create(
        model="v-count", messages=HI, max_tokens=3, logit_bias={str(token): -100 for token in tokens}
    )
    assert "3" in (free.choices[0].message.content or "")
    assert "3" not in (bound.choices[0].message.content or "")
    with pytest.raises(openai.BadRequestError, match="99999999"):
        client.chat.completions.create(model="v-count", messages=HI, logit_bias={"99999999": 1})


def test_local_settings_in_the_extra_body(client: openai.OpenAI, speaking: Served) -> None:
    client.chat.completions.create(
        model="v-hello", messages=HI, max_tokens=1, extra_body={"num_ctx": 777, "keep_alive": "1h", "min_p": 0.1}
    )
    loaded = {model["name"]: model["context_length"] for model in speaking.ask("/api/ps", method="GET")["models"]}
    assert loaded["v-hello:latest"] == 777


def test_completions(client: openai.OpenAI, speaking: Served) -> None:
    several = client.completions.create(model="v-hello", prompt=["a", "b"], n=2, echo=True)
    assert [choice.text for choice in several.choices] == [f"{p}{HELLO}" for p in "aabb"]
    parts = client.completions.create(model="v-count", prompt="hi", max_tokens=5, stream=True)
    assert "".join(part.choices[0].text for part in parts) == "12345"
    told = client.completions.create(model="v-count", prompt="hi", max_tokens=2, logprobs=1).choices[0].logprobs
    assert told is not None
    assert (told.tokens, told.text_offset) == (["1", "2"], [0, 1])
    # The number of a script, as it stands in the vocabulary, is what such a model goes on from.
    tokens = speaking.ask("/api/tokenize", {"model": "v-count", "text": "<|s0|>", "add_special": False})["tokens"]
    by_tokens = client.completions.create(model="v-count", prompt=[tokens, [*tokens, *tokens]])
    assert [choice.text for choice in by_tokens.choices] == [HELLO, HELLO]
    assert by_tokens.usage is not None
    assert by_tokens.usage.prompt_tokens == 3 * len(tokens)
    with pytest.raises(openai.BadRequestError, match="no token of this model"):
        client.completions.create(model="v-count", prompt=[99999999])
    assert client.completions.create(model="v-fim", prompt="a", suffix="b").choices[0].text


def test_embeddings(client: openai.OpenAI, speaking: Served) -> None:
    packed = client.embeddings.create(model="v-embed", input=["hello world", "sun"])
    plain = client.embeddings.create(model="v-embed", input=["hello world", "sun"], encoding_format="float")
    for one, other in zip(packed.data, plain.data, strict=True):
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    tokens = speaking.ask("/api/tokenize", {"model": "v-embed", "text": "sun"})["tokens"]
    by_tokens = client.embeddings.create(model="v-embed", input=[tokens], dimensions=4)
    assert by_tokens.data[0].embedding == pytest.approx(
        client.embeddings.create(model="v-embed", input="sun", dimensions=4).data[0].embedding, abs=1e-5
    )
    with pytest.raises(openai.BadRequestError, match="no token of this model"):
        client.embeddings.create(model="v-embed", input=[[99999999]])


def test_models(client: openai.OpenAI) -> None:
    assert "v-hello:latest" in {model.id for model in client.models.list()}
    assert client.models.retrieve("v-hello").owned_by == "library"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing/there:1b")


def test_tokens_and_ranks(speaking: Served) -> None:
    told = speaking.ask("/v1/tokenize", {"model": "v-embed", "prompt": "the sky"})
    assert told["count"] == len(told["tokens"]) > 0
    bare = speaking.ask("/v1/tokenize", {"model": "v-embed", "content": "the sky"})["tokens"]
    assert "sky" in speaking.ask("/v1/detokenize", {"model": "v-embed", "tokens": bare})["content"]
    status, raw = speaking.request("POST", "/v1/rerank", {"model": "v-embed", "query": "q", "documents": ["d"]})
    assert (status, json.loads(raw)["error"]["type"]) == (400, "invalid_request_error")


def test_errors_are_the_sdks_own(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="'v-nothing' not found"):
        client.chat.completions.create(model="v-nothing", messages=HI, stream=True)
    with pytest.raises(openai.BadRequestError, match="too short"):
        client.chat.completions.create(model="v-hello", messages=[])
    long: Any = [{"role": "user", "content": "word " * 500}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="v-hello", messages=long, extra_body={"num_ctx": 64, "truncate": False})
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.anyio
async def test_async(async_client: openai.AsyncOpenAI) -> None:
    whole = await async_client.chat.completions.create(model="v-hello", messages=HI)
    assert whole.choices[0].message.content == HELLO
    stream = await async_client.chat.completions.create(model="v-hello", messages=HI, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == HELLO
    parsed = await async_client.chat.completions.parse(model="v-json", messages=HI, response_format=Person)
    assert parsed.choices[0].message.parsed == Person(name="Ann", age=7)
    async with async_client.chat.completions.stream(model="v-json", messages=HI, response_format=Person) as helped:
        assert (await helped.get_final_completion()).choices[0].message.parsed == Person(name="Ann", age=7)
    messages: Any = [{"role": "user", "content": "weather?"}]
    for turn in range(3):
        answer = await async_client.chat.completions.create(model="v-tool", messages=messages, tools=[WEATHER])
        message = answer.choices[0].message
        messages.append(message)
        if turn == 0:
            (call,) = message.tool_calls or ()
            messages.append({"role": "tool", "tool_call_id": call.id, "content": "21 C"})
        else:
            assert message.content == HELLO
            messages.append({"role": "user", "content": "and tomorrow?"})
    assert len((await async_client.embeddings.create(model="v-embed", input="sun")).data[0].embedding) == 32
    with pytest.raises(openai.NotFoundError):
        await async_client.chat.completions.create(model="v-nothing", messages=HI)

"""The examples that the official clients document: a loop of tools, structured output, thinking, log-probabilities."""

from collections.abc import Iterator
from typing import Any

import ollama
import pytest
from pydantic import BaseModel

from tests.journeys.conftest import Served


class Numbers(BaseModel):
    a: list[int]


def get_weather(city: str) -> str:
    """
    The weather of a city.

    Args:
      city (str): its name

    Returns:
      str: the weather in words
    """
    return f"sunny in {city}"


@pytest.fixture
def client(served: Served) -> Iterator[ollama.Client]:
    with ollama.Client(served.url) as client:
        yield client


@pytest.mark.parametrize("stream", [False, True])
def test_a_loop_of_tools(client: ollama.Client, stream: bool) -> None:
    messages: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    calls = asked(client, messages, stream=stream)[1]
    assert [(call.function.name, call.function.arguments) for call in calls] == [("get_weather", {"city": "Paris"})]
    messages.append({"role": "assistant", "tool_calls": calls})
    for call in calls:
        result = get_weather(**call.function.arguments)
        messages.append({"role": "tool", "content": result, "tool_name": call.function.name})
    text, calls, thinking = asked(client, messages, stream=stream)
    assert (text, calls, thinking.strip()) == ("Hello from Jinja", [], "who is there")


def asked(client: ollama.Client, messages: list[Any], *, stream: bool) -> tuple[str, list[Any], str]:
    """Text, calls and thinking of the next message."""
    if not stream:
        message = client.chat("jinja", messages, tools=[get_weather]).message
        return message.content or "", list(message.tool_calls or ()), message.thinking or ""
    parts = [part.message for part in client.chat("jinja", messages, tools=[get_weather], stream=True)]
    return (
        "".join(part.content or "" for part in parts),
        [call for part in parts for call in part.tool_calls or ()],
        "".join(part.thinking or "" for part in parts),
    )


def test_structured_output_with_pydantic(client: ollama.Client) -> None:
    messages = [{"role": "user", "content": "@5"}]
    whole = client.chat("jinja", messages, format=Numbers.model_json_schema(), options={"temperature": 0})
    assert Numbers.model_validate_json(whole.message.content or "") == Numbers(a=[1, 2])
    parts = client.chat("jinja", messages, format=Numbers.model_json_schema(), stream=True)
    assert Numbers.model_validate_json("".join(part.message.content or "" for part in parts)) == Numbers(a=[1, 2])
    answer = client.generate("jinja", "@5", format=Numbers.model_json_schema()).response
    assert Numbers.model_validate_json(answer) == Numbers(a=[1, 2])


def test_thinking_streams_before_the_answer(client: ollama.Client) -> None:
    parts = list(client.chat("jinja", [{"role": "user", "content": "hi"}], think=True, stream=True))
    kinds = [
        "thinking" if part.message.thinking else "text"
        for part in parts
        if part.message.thinking or part.message.content
    ]
    assert kinds == sorted(kinds, reverse=True)
    off = client.chat("jinja", [{"role": "user", "content": "hi"}], think=False).message
    assert (off.content, off.thinking) == ("Quick answer", None)
    with pytest.raises(ollama.ResponseError, match="does not support thinking"):
        client.chat("fine", [{"role": "user", "content": "hi"}], think=True)


def test_log_probabilities(client: ollama.Client) -> None:
    whole = client.chat("fine", [{"role": "user", "content": "hi"}], logprobs=True, top_logprobs=2)
    assert "".join(entry.token for entry in whole.logprobs or ()) == "Fine, thank you."
    assert all(len(entry.top_logprobs or ()) == 2 for entry in whole.logprobs or ())


def test_options_are_followed_and_wrong_ones_named(client: ollama.Client) -> None:
    cut = client.generate("greek", "hi", options={"num_predict": 2, "stop": ["delta"], "seed": 1})
    assert (cut.response, cut.done_reason) == ("alpha be", "length")
    assert client.generate("greek", "hi", options={"stop": ["gamma"]}).response == "alpha beta "
    with pytest.raises(ollama.ResponseError, match='option "top_k" must be of type integer'):
        client.generate("greek", "hi", options={"top_k": "many"})


def test_a_conversation_goes_on_with_context(client: ollama.Client) -> None:
    first = client.generate("fine", "hi")
    second = client.generate("fine", "and now?", context=first.context)
    assert (second.prompt_eval_count or 0) > (first.prompt_eval_count or 0)

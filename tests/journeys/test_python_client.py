"""The official Python client, unmodified, sync and async, streaming and not."""

from collections.abc import AsyncIterator, Iterator

import ollama
import pytest

from tests.journeys.conftest import Served

ANSWER = "Fine, thank you."
HELLO = [{"role": "user", "content": "Hi there"}]


@pytest.fixture
def client(served: Served) -> Iterator[ollama.Client]:
    with ollama.Client(served.url) as client:
        yield client


@pytest.fixture
async def async_client(served: Served) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(served.url) as client:
        yield client


def test_chat(client: ollama.Client) -> None:
    whole = client.chat("fine", HELLO)
    assert (whole.message.content, whole.done, whole.done_reason) == (ANSWER, True, "stop")
    assert whole.prompt_eval_count
    assert whole.eval_count
    assert whole.total_duration
    parts = list(client.chat("fine", HELLO, stream=True))
    assert "".join(part.message.content or "" for part in parts) == ANSWER
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]


def test_generate(client: ollama.Client) -> None:
    whole = client.generate("fine", "Hi there")
    assert whole.response == ANSWER
    assert whole.context
    assert "".join(part.response for part in client.generate("fine", "Hi there", stream=True)) == ANSWER


def test_thinking(client: ollama.Client) -> None:
    answer = client.chat("jinja", HELLO)
    assert answer.message.thinking
    assert "<think>" not in (answer.message.content or "")


def test_embed(client: ollama.Client) -> None:
    vectors = client.embed("vectors", ["hello world", "the sky is blue"]).embeddings
    assert [len(vector) for vector in vectors] == [32, 32]
    assert all(abs(sum(x * x for x in vector) - 1) < 1e-3 for vector in vectors)
    assert len(client.embeddings("vectors", "hello world").embedding) == 32


def test_list_show_and_ps(client: ollama.Client) -> None:
    assert {"fine:latest", "greek:latest"} <= {model.model for model in client.list().models}
    shown = client.show("fine")
    assert shown.details
    assert shown.details.format == "gguf"
    assert shown.modelinfo
    assert shown.capabilities == ["completion"]
    client.generate("fine", "Hi there")
    # Both have the same weights, so one engine serves them under the name that loaded it.
    assert {"fine:latest", "greek:latest"} & {model.model for model in client.ps().models}


def test_create_copy_and_delete(client: ollama.Client) -> None:
    assert client.create("mine", from_="fine", system="Be kind.").status == "success"
    statuses = [part.status for part in client.create("mine2", from_="mine", parameters={"seed": 1}, stream=True)]
    assert statuses[-2:] == ["writing manifest", "success"]
    client.copy("mine", "copied")
    assert (client.show("copied").modelfile or "").replace("copied", "mine") == client.show("mine").modelfile
    for name in ("mine", "mine2", "copied"):
        assert client.delete(name).status == "success"
    with pytest.raises(ollama.ResponseError) as caught:
        client.delete("mine")
    assert (caught.value.status_code, caught.value.error) == (404, "model 'mine' not found")


def test_an_unknown_model_raises(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("absent", HELLO)
    assert (caught.value.status_code, caught.value.error) == (404, "model 'absent' not found")


@pytest.mark.anyio
async def test_async(async_client: ollama.AsyncClient) -> None:
    assert (await async_client.chat("fine", HELLO)).message.content == ANSWER
    text = ""
    async for part in await async_client.generate("fine", "Hi there", stream=True):
        text += part.response
    assert text == ANSWER
    assert len((await async_client.embed("vectors", "hello")).embeddings) == 1
    assert (await async_client.list()).models
    assert (await async_client.show("fine")).modelinfo
    assert (await async_client.ps()).models is not None
    await async_client.create("mine-async", from_="fine")
    await async_client.copy("mine-async", "copied-async")
    for name in ("mine-async", "copied-async"):
        await async_client.delete(name)
    chunks = [part async for part in await async_client.chat("greek", HELLO, stream=True)]
    assert "".join(part.message.content or "" for part in chunks) == "alpha beta gamma delta epsilon"

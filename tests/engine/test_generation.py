"""What real engines say with scripted models: text, stops, limits, constraints, chats."""

import asyncio
from contextlib import aclosing

import anyio
import pytest

from tampu.engine.protocol import EngineChat, EngineEnd, EngineText, EngineVectors, StopKind
from tampu.errors import EngineRefused, PromptTooLong
from tampu.generation import AnyJson, JsonSchema
from tampu.messages import Message
from tests.engine.running import GREEDY, answer, asking, events_of, running, text_of
from tests.models import recorded_model

pytestmark = pytest.mark.anyio
WHOLE = "Hello from the script. 你好，世界! Done…"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_text_in_pieces_with_counts() -> None:
    async with running(recorded_model("scripted")) as child:
        events = await events_of(child.engine.complete(asking("<|s0|>")))
        end = events[-1]
        assert text_of(events) == WHOLE
        assert len(events) > 10
        # A character spread over three tokens is one piece.
        assert EngineText("好") in events
        assert isinstance(end, EngineEnd)
        assert (end.stop, end.prompt_tokens, end.completion_tokens) == (StopKind.END, 1, 17)
        assert end.completion_ms > 0
        assert child.engine.properties.num_ctx == 256
        assert child.engine.properties.bos_text == "<s>"
        assert not child.engine.properties.adds_bos
        assert child.engine.properties.memory_bytes > 0


@pytest.mark.parametrize(
    ("prompt", "fields", "text", "stop", "tokens"),
    [
        ("<|s4|>", {"stop": ("STOP",)}, "before the ", StopKind.WORD, 5),
        ("<|s4|>", {"stop": ("nowhere", "the")}, "before ", StopKind.WORD, 3),
        ("<|s4|>", {"stop": ("",)}, "", StopKind.WORD, 1),
        ("<|s3|>", {"num_predict": 3}, "la di da", StopKind.LIMIT, 3),
        ("<|s3|>", {"num_predict": 0}, "", StopKind.LIMIT, 0),
        ("<|s0|>", {"num_predict": 9}, "Hello from the script. 你", StopKind.LIMIT, 9),
        ("<|s1|>", {}, "<think>\nI should greet them;\n\n</think>\n\n\nHi there, friend!!", StopKind.END, None),
        ("", {}, "", StopKind.END, 0),
    ],
)
async def test_ends(prompt: str, fields: dict, text: str, stop: StopKind, tokens: int | None) -> None:
    async with running(recorded_model("scripted")) as child:
        said, end = await answer(child, prompt, **fields)
        assert (said, end.stop) == (text, stop)
        assert tokens in (None, end.completion_tokens)


async def test_bytes_of_an_unfinished_character_are_left_out() -> None:
    async with running(recorded_model("http")) as child:
        assert (await answer(child, "<|s8|>"))[0] == "Caf"
        assert (await answer(child, "<|s9|>"))[0] == "Go \U0001f680 up"


@pytest.mark.parametrize("slots", [1, 4])
@pytest.mark.parametrize("num_ctx", [100, 256])
async def test_each_request_may_use_the_whole_context_and_no_more(slots: int, num_ctx: int) -> None:
    async with running(recorded_model("scripted"), slots=slots, num_ctx=num_ctx, context_shift=False) as child:
        assert (child.engine.properties.num_ctx, child.engine.properties.slots) == (num_ctx, slots)
        ends = await asyncio.gather(*(answer(child, "<|s3|>") for _ in range(slots)))
        assert [end.prompt_tokens + end.completion_tokens for _, end in ends] == [num_ctx] * slots
        assert {end.stop for _, end in ends} == {StopKind.LIMIT}
        _, end = await answer(child, "x" * (num_ctx - 1), num_predict=5)
        assert (end.prompt_tokens, end.completion_tokens) == (num_ctx - 1, 1)
        with pytest.raises(PromptTooLong) as refused:
            await answer(child, "x" * num_ctx)
        assert (refused.value.tokens, refused.value.limit) == (num_ctx, num_ctx)
        assert refused.value.message == (
            f'{{"error":{{"code":400,"message":"request ({num_ctx} tokens) exceeds the available context size '
            f'({num_ctx} tokens), try increasing it","type":"exceed_context_size_error",'
            f'"n_prompt_tokens":{num_ctx},"n_ctx":{num_ctx}}}}}'
        )


@pytest.mark.parametrize("slots", [1, 4])
async def test_a_shifting_context_goes_on_up_to_ten_times_its_size(slots: int) -> None:
    async with running(recorded_model("scripted"), slots=slots, num_ctx=100) as child:
        ends = await asyncio.gather(*(answer(child, "<|s3|>") for _ in range(slots)))
        assert [end.completion_tokens for _, end in ends] == [1000] * slots
        _, bounded = await answer(child, "<|s3|>", num_predict=1001)
        assert bounded.completion_tokens == 1000
        with pytest.raises(PromptTooLong):
            await answer(child, "x" * 100)


async def test_a_repeated_prompt_is_not_evaluated_again() -> None:
    async with running(recorded_model("scripted"), num_ctx=512) as child:
        prompt = "x" * 300
        _, first = await answer(child, prompt, num_predict=2)
        _, second = await answer(child, prompt, num_predict=2)
        assert (first.prompt_tokens, first.cached_tokens) == (300, 0)
        assert second.prompt_tokens == 300
        assert second.cached_tokens > 200


async def test_closing_the_stream_frees_the_slot() -> None:
    async with running(recorded_model("scripted"), num_ctx=2048) as child:
        async with aclosing(child.engine.complete(asking("<|s3|>"))) as stream:
            assert isinstance(await anext(stream), EngineText)
        with anyio.fail_after(10):
            # The only slot would be busy for twenty thousand tokens.
            assert (await answer(child, "<|s0|>"))[0] == WHOLE


async def test_a_cancelled_stream_frees_the_slot() -> None:
    async with running(recorded_model("scripted"), num_ctx=2048) as child:
        async with anyio.create_task_group() as group:

            async def read() -> None:
                async with aclosing(child.engine.complete(asking("<|s3|>"))) as stream:
                    async for _ in stream:
                        group.cancel_scope.cancel()

            group.start_soon(read)
        with anyio.fail_after(10):
            assert (await answer(child, "<|s0|>"))[0] == WHOLE


async def test_two_slots_work_at_once() -> None:
    async with (
        running(recorded_model("scripted"), slots=2, num_ctx=2048) as child,
        aclosing(child.engine.complete(asking("<|s3|>"))) as endless,
    ):
        assert isinstance(await anext(endless), EngineText)
        assert (await answer(child, "<|s0|>"))[0] == WHOLE
        assert isinstance(await anext(endless), EngineText)


async def test_formats_constrain() -> None:
    async with running(recorded_model("http")) as child:
        expected = '{"user": {"name": "Ann","age": 7}, "tags": ["a","b"], "ok": true}'
        for wanted in (AnyJson(), JsonSchema({"type": "object", "not": {}}), JsonSchema({"$comment": "mine"})):
            assert (await answer(child, "<|s2|>", format=wanted))[0] == expected


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"type": "nope"}, r"Unrecognized schema: {\"type\":\"nope\"}"),
        (
            {"$ref": "#/$defs/none"},
            r"Error resolving ref #/$defs/none: $defs not in {\"$ref\":\"#/$defs/none\"}",
        ),
    ],
)
async def test_schemas_that_no_engine_follows_are_refused_as_clients_know_it(schema: dict, problem: str) -> None:
    async with running(recorded_model("http")) as child:
        with pytest.raises(EngineRefused) as refused:
            await answer(child, "<|s2|>", format=JsonSchema(schema))
        assert refused.value.status == 400
        message = "Field 'json_schema': " + r"\"json_schema\": JSON schema conversion failed:\n" + problem
        assert refused.value.body == (
            f'{{"error":{{"code":400,"message":"{message}","type":"invalid_request_error"}}}}'
        )


UNFOLLOWABLE: list[dict] = [
    {"type": "object", "properties": 3},
    {"type": "string", "pattern": "(?=a)b"},
    {"type": "integer", "minimum": 5, "maximum": 3},
    {"allOf": [{"type": "string"}, {"type": "integer"}]},
    # Given up without a word about which schema it was.
    {"enum": [f"value{number}" for number in range(100_000)]},
    # Given up in the midst of an answer.
    {"type": "object", "properties": {str(number): {"type": "string"} for number in range(3000)}},
]


@pytest.mark.parametrize("uses_own_template", [True, False])
async def test_a_schema_that_only_the_engine_knows_to_be_wrong_is_refused(uses_own_template: bool) -> None:
    """The bundled engine logs it, sooner or later, and would leave the answer free."""
    async with running(recorded_model("http"), uses_own_template=uses_own_template) as child:
        for schema in UNFOLLOWABLE * 2:
            with pytest.raises(EngineRefused, match="JSON schema conversion failed") as refused:
                await answer(child, "<|s2|>", format=JsonSchema(schema))
            assert refused.value.status == 400
            assert (await answer(child, "<|s2|>", format=AnyJson()))[0].startswith("{")
        with pytest.raises(EngineRefused):
            await answer(child, "<|s2|>", format=JsonSchema(UNFOLLOWABLE[0]), num_predict=0)


async def test_a_schema_that_is_refused_harms_no_answer_beside_it() -> None:
    async with running(recorded_model("http"), slots=4) as child:

        async def ask(number: int) -> str:
            wanted = AnyJson() if number % 2 else JsonSchema(UNFOLLOWABLE[number % 4])
            try:
                return (await answer(child, "<|s2|>", format=wanted, num_predict=1 + number % 3))[0][:1]
            except EngineRefused:
                return "refused"

        for _ in range(10):
            assert await asyncio.gather(*map(ask, range(4))) == ["refused", "{"] * 2


async def test_a_schema_beyond_bounds_never_reaches_the_engine() -> None:
    async with running(recorded_model("http")) as child:
        for schema in ({"const": "x" * 200_000}, {"pattern": "^(((a{100}){100}){100})$"}):
            with anyio.fail_after(5), pytest.raises(EngineRefused, match="JSON schema error at #: "):
                await answer(child, "<|s2|>", format=JsonSchema(schema))


async def test_logprobs() -> None:
    async with running(recorded_model("scripted")) as child:
        events = await events_of(child.engine.complete(asking("<|s0|>", num_predict=10, logprobs=2)))
        told = [item for event in events if isinstance(event, EngineText) for item in event.logprobs]
        assert [item.token for item in told[:2]] == ["Hello", " from"]
        assert told[0].bytes == tuple(b"Hello")
        assert told[0].logprob == pytest.approx(0, abs=1e-3)
        assert [item.token for item in told[0].top] == ["Hello", ""]
        assert told[0].top[1].bytes == ()
        events = await events_of(child.engine.complete(asking("<|s0|>", num_predict=2, logprobs=0)))
        assert [item.top for event in events if isinstance(event, EngineText) for item in event.logprobs] == [(), ()]


async def test_pictures_for_a_model_that_sees_none_are_refused() -> None:
    async with running(recorded_model("scripted")) as child:
        marker = child.engine.properties.media_marker
        with pytest.raises(EngineRefused, match="does not support multimodal") as refused:
            await answer(child, f"look {marker}", images=[b"\x89PNG"])
        assert refused.value.status == 400
        with pytest.raises(EngineRefused, match="image input is not supported") as refused:
            await events_of(child.engine.chat(EngineChat(messages=[Message("user", images=(b"x",))], sampling=GREEDY)))
        assert refused.value.status == 500


async def test_options_far_out_of_range_are_answered() -> None:
    extremes = {
        "seed": 2**40,
        "top_k": -3,
        "top_p": 5.0,
        "min_p": -1.0,
        "typical_p": 0.0,
        "repeat_last_n": -1,
        "repeat_penalty": 1e-9,
        "presence_penalty": -100.0,
        "frequency_penalty": 100.0,
        "num_keep": -1,
        "num_predict": 4,
    }
    async with running(recorded_model("scripted")) as child:
        for key, value in extremes.items():
            _, end = await answer(child, "<|s0|>", **({"num_predict": 4} | {key: value}))
            assert end.completion_tokens <= 4, key


async def test_tokens_and_back() -> None:
    async with running(recorded_model("scripted")) as child:
        tokens = await child.engine.tokenize("Hello from<|s0|>")
        assert await child.engine.detokenize(tokens) == "Hello from<|s0|>"
        assert await child.engine.tokenize("") == []
        events = await events_of(child.engine.complete(asking(await child.engine.tokenize("<|s4|>"))))
        assert text_of(events) == "before the STOP after it"


async def test_vectors() -> None:
    async with running(recorded_model("tiny-bert"), num_ctx=64, slots=2, embedding=True) as child:
        engine = child.engine
        both = await engine.embed(["hello world", ""])
        alone = await engine.embed(["hello world"])
        assert both.vectors[0] == pytest.approx(alone.vectors[0], abs=1e-5)
        assert (len(both.vectors), both.tokens, alone.tokens) == (2, 6, 4)
        assert sum(value * value for value in alone.vectors[0]) == pytest.approx(1, abs=1e-4)
        raw = await engine.embed([await engine.tokenize("hello world")], normalize=False)
        assert sum(value * value for value in raw.vectors[0]) > 2
        assert await engine.embed([]) == EngineVectors((), 0)
        many = await engine.embed([f"word {number}" for number in range(40)])
        assert len(set(many.vectors)) == 40
        assert engine.properties.adds_bos
        with pytest.raises(PromptTooLong) as refused:
            await engine.embed(["a " * 100])
        assert refused.value.tokens == 102


@pytest.mark.parametrize("name", ["scripted", "tiny-bert"])
async def test_many_long_texts_share_a_small_cache(name: str) -> None:
    async with running(recorded_model(name), num_ctx=64, embedding=True, pooling="mean") as child:
        long = ["x " * 31 for _ in range(40)]
        found = await child.engine.embed(long)
        alone = await child.engine.embed(long[:1])
        assert found.tokens == 40 * alone.tokens > 1000
        for vector in found.vectors:
            assert vector == pytest.approx(alone.vectors[0], abs=1e-4)


async def test_vectors_of_a_chat_model() -> None:
    texts = ["Hello from", "the script", "x"]
    async with running(recorded_model("scripted"), embedding=True, pooling="mean") as child:
        found = await child.engine.embed(texts)
        assert len(set(found.vectors)) == 3
        assert [sum(value * value for value in vector) for vector in found.vectors] == pytest.approx([1] * 3, abs=1e-3)
        with pytest.raises(PromptTooLong):
            await child.engine.embed(["x" * 300])
    async with running(recorded_model("scripted"), embedding=True) as child:
        with pytest.raises(EngineRefused):
            await child.engine.embed(texts)


async def test_vectors_of_a_model_that_is_loaded_for_text() -> None:
    async with running(recorded_model("scripted")) as child:
        with pytest.raises(EngineRefused, match="does not support embeddings") as refused:
            await child.engine.embed(["hello"])
        assert refused.value.status == 501

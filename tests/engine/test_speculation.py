"""Whether guessing pays, and for whom it is turned on."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from tampu.config import Settings
from tampu.engine.abilities import Program
from tampu.engine.process import ChildEngine
from tampu.engine.protocol import EngineEnd, StopKind
from tampu.engine.reuse import reuse_of
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.speculation import ENOUGH_GUESSES, Payoff, Payoffs, guessing_parameters
from tests.engine.running import answer, running
from tests.models import recorded_model

SPEC = EngineSpec(model_path=Path("/m.gguf"))
BUNDLED = Program(None, None, "1")
PLACE = Placement(num_ctx=4096, slots=4)
END = EngineEnd(
    stop=StopKind.END, prompt_tokens=0, cached_tokens=0, completion_tokens=0, prompt_ms=0.0, completion_ms=0.0
)


def payoff(*, drafted: int, accepted: int, batch_ms: float, lone_ms: float, tokens: int = 1000) -> Payoff:
    """What a model brought whose tokens take so long in a batch and alone."""
    found = Payoff()
    found.note(replace(END, prompt_tokens=tokens, prompt_ms=tokens * batch_ms))
    found.note(replace(END, completion_tokens=tokens, completion_ms=tokens * lone_ms))
    found.note(replace(END, completion_tokens=accepted, drafted_tokens=drafted, accepted_tokens=accepted))
    return found


@pytest.mark.parametrize(
    ("facts", "pays"),
    [
        ({"drafted": 2000, "accepted": 1000, "batch_ms": 1, "lone_ms": 10}, True),
        ({"drafted": 2000, "accepted": 199, "batch_ms": 1, "lone_ms": 10}, False),
        ({"drafted": 2000, "accepted": 200, "batch_ms": 1, "lone_ms": 10}, True),
        ({"drafted": 2000, "accepted": 1000, "batch_ms": 9, "lone_ms": 10}, False),
        ({"drafted": ENOUGH_GUESSES - 1, "accepted": 0, "batch_ms": 1, "lone_ms": 1}, True),
        ({"drafted": 2000, "accepted": 0, "batch_ms": 1, "lone_ms": 1, "tokens": 10}, True),
    ],
    ids=["gains", "loses", "even", "batches gain nothing", "few guesses", "times unknown"],
)
def test_what_pays(facts: dict, pays: bool) -> None:
    assert payoff(**facts).pays is pays


def test_cached_tokens_and_short_prompts_say_nothing_about_batches() -> None:
    found = Payoff()
    found.note(replace(END, prompt_tokens=1000, cached_tokens=990, prompt_ms=5.0))
    assert found.batch_tokens == 0


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, embedding=True),
        replace(SPEC, draft_path=Path("/d.gguf"), draft_num_predict=4),
        replace(SPEC, projector_paths=(Path("/p.gguf"),)),
        replace(SPEC, num_batch=64),
        replace(SPEC, context_shift=False),
    ],
    ids=["vectors", "draft model", "pictures", "small batch", "no shift"],
)
def test_who_never_guesses(spec: EngineSpec) -> None:
    assert guessing_parameters(SPEC, PLACE)
    assert guessing_parameters(spec, PLACE) == {}


@pytest.mark.parametrize(("slots", "length"), [(1, None), (4, None), (8, 63), (10, 50)])
def test_guesses_are_shortened_to_what_a_batch_holds_of_all_slots(slots: int, length: int | None) -> None:
    made = guessing_parameters(SPEC, replace(PLACE, slots=slots))
    assert made["speculative.types"] == ["COMMON_SPECULATIVE_TYPE_NGRAM_MOD"]
    assert made.get("speculative.ngram_mod.n_max") == length
    assert guessing_parameters(SPEC, replace(PLACE, slots=16)) == {}


def test_a_model_on_which_it_does_not_pay_is_loaded_without() -> None:
    asked, payoffs = Settings(speculation=True), Payoffs()
    assert "speculative.types" not in reuse_of(SPEC, PLACE, Settings(), payoffs, BUNDLED).parameters
    assert "speculative.types" in reuse_of(SPEC, PLACE, asked, payoffs, BUNDLED).parameters
    payoffs.of(SPEC.model_path).drafted = 2000
    payoffs.of(SPEC.model_path).lone_tokens = payoffs.of(SPEC.model_path).batch_tokens = 1000
    payoffs.of(SPEC.model_path).batch_ms = 1.0
    assert "speculative.types" not in reuse_of(SPEC, PLACE, asked, payoffs, BUNDLED).parameters
    assert (
        "speculative.types"
        in reuse_of(replace(SPEC, model_path=Path("/n.gguf")), PLACE, asked, payoffs, BUNDLED).parameters
    )


@pytest.mark.parametrize("asked", [False, True])
def test_whoever_watches_an_engine_is_told_whether_it_guesses(asked: bool) -> None:
    settings = Settings(speculation=asked, prompt_cache_mib=0)
    assert reuse_of(SPEC, PLACE, settings, Payoffs(), BUNDLED).guesses is asked


@pytest.mark.anyio
async def test_guesses_are_made_and_change_no_text_also_where_the_context_is_shifted() -> None:
    async with running(recorded_model("scripted")) as child:
        plain, _ = await answer(child, "<|s3|>", num_predict=600)
    async with running(recorded_model("scripted"), settings=Settings(speculation=True)) as child:
        text, end = await answer(child, "<|s3|>", num_predict=600)
        assert (text, end.completion_tokens) == (plain, 600)
        assert end.drafted_tokens >= end.accepted_tokens > 200


@pytest.mark.anyio
async def test_as_many_guesses_as_anybody_asks_for_end_no_engine() -> None:
    model = recorded_model("scripted")
    ends: list[EngineEnd] = []

    async def ask(child: ChildEngine) -> None:
        ends.append((await answer(child, "<|s3|>", num_predict=300))[1])

    async with running(model, num_ctx=512, slots=8, draft_path=model, draft_num_predict=2**31 - 1) as child:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(ask, child)
        assert [end.completion_tokens for end in ends] == [300] * 8
        assert all(end.accepted_tokens > 100 for end in ends)


@pytest.mark.anyio
async def test_a_draft_model_guesses_right_where_it_is_the_model_itself() -> None:
    model = recorded_model("scripted")
    async with running(model, draft_path=model, draft_num_predict=4) as child:
        text, end = await answer(child, "<|s3|>", num_predict=100)
        assert text.startswith("la di da")
        assert end.accepted_tokens > 50

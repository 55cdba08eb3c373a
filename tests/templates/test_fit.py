"""Dropping old messages until a prompt fits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.generation import Dropped
from tampu.messages import Message
from tampu.templates.fit import FitSearch, TokenCut, cut_tokens
from tampu.templates.images import tag_images
from tampu.templates.render import render_messages
from tampu.templates.template import parse_template
from tests.recordings import recording
from tests.templates.golden import to_messages


def scripted_tokens(text):
    """Token counts as the recorded model's vocabulary gives them for the recorded texts."""
    parts = re.split(r"(<\|im_start\|>|<\|im_end\|>)", text)
    merged = sum(len(re.findall("al| t| i|la", part)) for part in parts[::2])
    return len(parts) // 2 + sum(len(part) for part in parts[::2]) - merged


def fit(messages, limit, count, **settings):
    """The result of a search and the number of candidates that were measured."""
    search, steps = FitSearch(messages, limit=limit, **settings), 0
    while (candidate := search.candidate) is not None:
        steps += 1
        search.measured(count(candidate))
    return search.result(), steps


TRUNCATION = recording("prompting/truncation.json")


@pytest.mark.recorded("prompting/truncation")
@pytest.mark.parametrize("case", TRUNCATION["cases"], ids=lambda case: case["name"])
def test_recorded_truncation(case):
    template = parse_template(TRUNCATION["template"])
    request = case["request"]
    sources = request.get("messages") or [
        {"role": "system", "content": request["system"]},
        {"role": "user", "content": request["prompt"]},
    ]
    messages = to_messages(sources)
    if request.get("truncate") is not False:
        fitted, _ = fit(
            messages, request["options"]["num_ctx"], lambda kept: scripted_tokens(render_messages(template, kept))
        )
        messages = fitted.messages
    assert render_messages(template, tag_images(messages)) == case["rendered"]


def first_fit(messages, limit, count, image_tokens=0):
    """The rule itself: one candidate after the other."""
    for index in range(len(messages)):
        kept = [message for message in messages[:index] if message.role == "system"] + list(messages[index:])
        images = sum(len(message.images) for message in messages[index:])
        if count(kept) + image_tokens * images <= limit or index == len(messages) - 1:
            return tuple(kept)
    return ()


conversations = st.lists(
    st.builds(
        Message,
        role=st.sampled_from(["system", "user", "assistant", "tool"]),
        content=st.integers(0, 40).map(lambda length: "x" * length),
        images=st.integers(0, 1).map(lambda count: (b"",) * count),
    ),
    max_size=40,
)


@given(conversations, st.integers(0, 600), st.sampled_from([0, 30]))
def test_the_search_finds_the_first_that_fits(messages, limit, image_tokens):
    def count(kept):
        return sum(len(message.content) + 3 for message in kept)

    fitted, _ = fit(messages, limit, count, image_tokens=image_tokens)
    assert fitted.messages == first_fit(messages, limit, count, image_tokens)
    assert fitted.dropped == Dropped(messages=len(messages) - len(fitted.messages))


@given(st.integers(2, 60), st.integers(0, 900), st.integers(0, 25))
def test_a_template_that_prints_more_for_a_first_user(pairs, limit, extra):
    """Every second candidate is longer than its neighbours."""
    messages = [Message("user" if index % 2 == 0 else "assistant", "x" * 10) for index in range(pairs)]

    def count(kept):
        return sum(len(message.content) for message in kept) + (extra if kept[0].role == "user" else 0)

    fitted, _ = fit(messages, limit, count)
    assert fitted.messages == first_fit(messages, limit, count)


def test_few_candidates_are_measured():
    messages = [Message("system", "rules")] + [
        Message("user" if index % 2 else "assistant", "x" * (20 + index * 37 % 400)) for index in range(2000)
    ]
    for limit in (0, 500, 20_000, 200_000, 10**9):
        fitted, steps = fit(messages, limit, lambda kept: sum(len(message.content) // 4 + 4 for message in kept))
        assert fitted.messages == first_fit(messages, limit, lambda kept: sum(len(m.content) // 4 + 4 for m in kept))
        assert steps <= 16


def test_uneven_messages_do_not_mislead_the_guess():
    messages = [Message("user", "x" * (1 if index else 100_000)) for index in range(1000)]
    _, steps = fit(messages, 500, lambda kept: sum(len(message.content) for message in kept))
    assert steps <= 30


def test_nothing_to_drop():
    fitted, steps = fit([Message("user", "long")], 1, lambda kept: 99)
    assert (fitted.messages, fitted.dropped, fitted.tokens, steps) == ((Message("user", "long"),), Dropped(), 99, 1)


def test_no_messages():
    fitted, _ = fit([], 1, lambda kept: 5)
    assert fitted.messages == ()


def test_a_measure_nobody_asked_for_is_refused():
    search = FitSearch([], limit=1)
    search.measured(0)
    with pytest.raises(ValueError, match="no candidate"):
        search.measured(0)


@pytest.mark.parametrize(
    ("tokens", "context", "keep", "total"),
    [
        (683, 256, 4, 130),
        (683, 256, 0, 128),
        (683, 256, 20, 138),
        (683, 256, -1, 255),
        (683, 256, 1000, 255),
        (256, 256, 4, 130),
        (10, 4, 4, 3),
    ],
)
def test_token_cut(tokens, context, keep, total):
    cut = cut_tokens(tokens, context=context, keep=keep)
    assert cut is not None
    assert cut.head + cut.tail == total
    assert cut.dropped == Dropped(tokens=tokens - total)


def test_token_cut_keeps_the_bos_token_too():
    assert cut_tokens(300, context=256, keep=4, adds_bos=True) == TokenCut(5, 126, Dropped(tokens=169))


def test_a_prompt_that_fits_is_not_cut():
    assert cut_tokens(255, context=256) is None


def test_a_known_number_of_tokens_is_not_measured_again():
    messages = [Message("user", "x" * 100) for _ in range(200)]
    sizes = []

    def count(kept):
        sizes.append(len(kept))
        return len(kept) * 25

    fitted, steps = fit(messages, 700, count, tokens=5000)
    assert len(fitted.messages) == 28
    assert max(sizes) <= 40
    assert steps <= 5
    assert fit(messages, 5000, count, tokens=5000)[1] == 0

"""Thinking split from the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.parsing.stream import split_partial_tag
from tampu.parsing.thinking import ThinkingParser
from tests.parsing.explained import Reply, explanation
from tests.parsing.splitting import cuts, feed_all, summary
from tests.recordings import recording


@pytest.mark.recorded("prompting/parsers, thinking")
@pytest.mark.parametrize("row", recording("prompting/parsers/generic-thinking.json"), ids=lambda row: row["name"])
def test_recorded(row, record_property):
    def read(pieces):
        return summary(feed_all(ThinkingParser(row["opening"], row["closing"], primed=row["primed"]), pieces))

    ours, theirs = read([row["text"]]), (row["content"], row["thinking"], [])
    reply = Reply(row["text"], (row["opening"], row["closing"]))
    rule = explanation(reply, theirs, ours)
    if rule:
        record_property("explained", [rule])
    assert rule in {"", "Text held back is delivered"}, (ours, theirs)
    assert read(list(row["text"])) == ours


PARTS = ["<think>", "</think>", "<thi", "nk>", "</", "<", "\n", " ", "a", "é", "word "]
texts = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


@given(texts.flatmap(lambda text: st.tuples(st.just(text), cuts(text))), st.booleans())
def test_any_split_gives_the_same(case, primed):
    text, pieces = case
    whole = feed_all(ThinkingParser("<think>", "</think>", primed=primed), [text])
    assert feed_all(ThinkingParser("<think>", "</think>", primed=primed), pieces) == whole


@given(texts)
def test_nothing_but_one_pair_of_tags_and_blanks_is_lost(text):
    said = "".join(value for _, value in feed_all(ThinkingParser("<think>", "</think>"), [text]))
    before, opening, rest = text.partition("<think>")
    without_opening = text if before.strip() or not opening else rest
    expected = without_opening.replace("</think>", "", 1) if without_opening is not text else text
    assert "".join(said.split()) == "".join(expected.split())


@given(st.text("<think>", max_size=20))
def test_what_is_held_back_is_the_longest_beginning_of_the_tag(text):
    free, held = split_partial_tag(text, "<think>")
    assert free + held == text
    longest = next(
        text[place:] for place in range(max(len(text) - 6, 0), len(text) + 1) if "<think>".startswith(text[place:])
    )
    assert held == longest

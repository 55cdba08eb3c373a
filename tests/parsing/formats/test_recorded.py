"""The parsers of the named formats: recorded replies whole, character by character, and cut anywhere."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.format_measures import floods
from tampu.errors import UnknownFormat
from tampu.parsing.formats.registry import PARSERS, parser_named
from tampu.parsing.formats.request import ReplyRequest
from tampu.store.capabilities import PARSER_CAPABILITIES
from tests.parsing.explained import FORMAT_RULES, Reply, documented, explanation
from tests.parsing.splitting import cuts, feed_all, summary
from tests.recordings import recording
from tests.templates.golden import to_message, to_tools

NAMES = sorted(PARSERS)

FAILED = "A bad call never fails the request"
HELD = "Text held back is delivered"
HEADERLESS = "An answer of harmony needs no header"
NAMELESS = "A call has a name"
WHOLE = "Calls and texts of named formats may hold anything"
# The replies that are read differently on purpose and that no rule of `explained` covers, with their lines of
# docs/differences.md.
EXPLAINED = {
    "deepseek3": {"tool output without end": HELD},
    "functiongemma": {
        **dict.fromkeys(["empty call", "nonsense in the call", "no call prefix"], NAMELESS),
        **dict.fromkeys(["hard characters", "unicode arguments", "nested arguments", "bare text value"], WHOLE),
        **dict.fromkeys(["containers", "newline in a value", "newline after the brace"], WHOLE),
    },
    "glimmer": {"typed values 8-15": WHOLE},
    "glm-4.7": {"typed values 12-17": WHOLE},
    "glm-ocr": {"typed values 12-17": WHOLE},
    "harmony": {"no header": HEADERLESS},
    "laguna": {
        "empty call": NAMELESS,
        "value without key": NAMELESS,
        "json list": NAMELESS,
        "typed values 8-15": WHOLE,
    },
    "lfm2": {"numbers": WHOLE},
    "olmo3": {
        "unicode arguments": WHOLE,
        "two blocks": WHOLE,
    },
    "qwen3-coder": {"typed values 12-15": WHOLE},
}
EXPLAINED["lfm2-thinking"] = EXPLAINED["lfm2"]
EXPLAINED["poolside-v1"] = EXPLAINED["laguna"]


def parser_for(name, row):
    last = to_message(row["last_message"]) if "last_message" in row else None
    request = ReplyRequest(tools=to_tools(row.get("tools", [])), think=row.get("think"), last=last)
    return parser_named(name).parser(request)


def result(name, row, pieces):
    text, thinking, calls = summary(feed_all(parser_for(name, row), pieces))
    return text, thinking, [(index, called, list(plain(arguments).items())) for index, called, arguments in calls]


def plain(value):
    """JSON with one kind of number, so that large ones compare as any client reads them."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def recorded(row):
    """What Ollama made of it; arguments that it could not write down itself are a text."""
    calls = [(call["index"], call["name"], call["arguments"] or {}) for call in row["tool_calls"]]
    calls = [
        (index, name, list(plain(arguments).items()) if isinstance(arguments, dict) else arguments)
        for index, name, arguments in calls
    ]
    return row["content"], row["thinking"], calls


def tags_of(parser):
    places = getattr(parser, "_places", {})
    return tuple({tag for place in places.values() for tag in place.exits})


def line_of(name, row):
    """The line that explains a reply by its name, None where none does."""
    return EXPLAINED.get(name, {}).get(row["name"].partition(", think")[0])


def test_every_rule_is_documented():
    assert documented(FORMAT_RULES) == set(FORMAT_RULES)


def test_what_is_read_otherwise_is_documented_by_name():
    text = (Path(__file__).parents[3] / "docs" / "differences.md").read_text()
    (lines,) = re.findall(r"^- \*\*Recorded replies that are read otherwise.*\n((?:  - .*\n)+)", text, re.MULTILINE)
    told = {}
    for parsers, cases in re.findall(r"  - (.+): (.+)", lines):
        told |= {name: set(cases.split(", ")) for name in parsers.split(" and ")}
    assert told == {name: set(cases) for name, cases in EXPLAINED.items()}


def test_every_recorded_parser_is_there():
    facts = {row["parser"]: set(row["preserved"]) for row in recording("prompting/parsers/facts.json")}
    assert set(PARSERS) == set(PARSER_CAPABILITIES)
    assert {name: set(found.preserved) for name, found in PARSERS.items()} == facts


@pytest.mark.parametrize("name", NAMES)
def test_recorded(name, tally):
    rows = [row for row in recording(f"prompting/parsers/{name}.json") if "error" not in row]
    assert rows
    for row in rows:
        with tally.case("prompting/parsers, named") as case:
            got = result(name, row, [row["text"]])
            case.line = line_of(name, row)
            if case.line:
                assert got != recorded(row), f"{row['name']} needs no explanation"
            else:
                reply = Reply(row["text"], tags_of(parser_for(name, row)))
                case.line = explanation(reply, recorded(row), got, FORMAT_RULES)
                assert case.line is not None, row["name"]
            assert result(name, row, list(row["text"])) == got, row["name"]


@pytest.mark.parametrize(
    "name", [name for name in NAMES if any("error" in row for row in recording(f"prompting/parsers/{name}.json"))]
)
def test_where_ollama_fails_the_text_is_kept(name, caplog, tally):
    """What came before is as recorded; the bad call itself is not lost, but for what is cut or read after all."""
    for row in recording(f"prompting/parsers/{name}.json"):
        if "error" not in row:
            continue
        tally.add("prompting/parsers, named", 1, [[FAILED]])
        if line_of(name, row):
            continue
        caplog.clear()
        content, thinking, calls = result(name, row, [row["text"]])
        expected_content, expected_thinking, expected_calls = recorded(row)
        assert thinking == expected_thinking
        assert content.startswith(expected_content)
        assert calls[: len(expected_calls)] == expected_calls
        if "passed on as text" in caplog.text:
            assert len(content) > len(expected_content), row["name"]
        assert result(name, row, list(row["text"])) == (content, thinking, calls)


ROWS = {name: recording(f"prompting/parsers/{name}.json") for name in NAMES}
recorded_and_cut = st.sampled_from(NAMES).flatmap(
    lambda name: st.sampled_from(ROWS[name]).flatmap(
        lambda row: st.tuples(st.just(name), st.just(row), cuts(row["text"]))
    )
)


@given(recorded_and_cut)
def test_any_cut_of_a_recorded_reply_gives_the_same(case):
    name, row, pieces = case
    assert result(name, row, pieces) == result(name, row, [row["text"]])


@st.composite
def replies(draw):
    """Tags, pieces of tags and of calls in any order."""
    name = draw(st.sampled_from(NAMES))
    words = [
        *parser_named(name).preserved,
        "\n",
        " ",
        "x",
        "<",
        "|",
        '{"',
        "}",
        '"',
        "é",
        "f(a=1)",
        "=",
        "call:",
        "to=",
    ]
    parts = draw(st.lists(st.sampled_from(words), max_size=14))
    text = "".join(part if draw(st.integers(0, 5)) else part[: len(part) // 2] for part in parts)
    return name, text, draw(cuts(text)), draw(st.sampled_from([None, True, False]))


@given(replies())
def test_any_text_is_read_the_same_however_it_is_cut(case):
    name, text, pieces, think = case
    row = {"think": think, "tools": ROWS["qwen3"][30].get("tools", [])}
    assert result(name, row, pieces) == result(name, row, [text])


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(UnknownFormat, match=r'^unknown parser "nonsense"; .*cogito, .*qwen3'):
        parser_named("nonsense")


@pytest.mark.parametrize("name", NAMES)
def test_time_is_linear(name):
    """The promise is 10 us per token; the bound leaves room for a slow machine, and sees a square."""
    for text in floods(name, 20_000):
        parser = parser_for(name, {"think": False})
        pieces = [text[place : place + 4] for place in range(0, len(text), 4)]
        start = time.process_time()
        for piece in pieces:
            parser.feed(piece)
        parser.feed("", last=True)
        assert (time.process_time() - start) / len(pieces) < 100e-6, text[:40]

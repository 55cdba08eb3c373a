"""Whole replies: thinking, then calls."""

import msgspec
import pytest

from tampu.messages import Tool
from tampu.operations.answer import AnswerReader
from tampu.parsing.thinking import ThinkingParser
from tampu.parsing.tool_calls import ToolCallParser
from tests.parsing.explained import Reply, explanation
from tests.parsing.splitting import joined_events, summary
from tests.recordings import recording

TAGS = {"think and tool_call": "<tool_call>", "bare object": "{", "list": "["}


def calls_of(message):
    functions = [call["function"] for call in message.get("tool_calls", [])]
    return [(function["index"], function["name"], function["arguments"]) for function in functions]


@pytest.mark.recorded("prompting/server_parsing")
@pytest.mark.parametrize("row", recording("prompting/server_parsing.json"), ids=lambda row: row["name"])
def test_recorded(row, record_property):
    tag = TAGS[row["name"].partition(",")[0]]
    tools = [msgspec.convert(tool, Tool) for tool in row["request"].get("tools", [])]
    has_thinking = tag == "<tool_call>" and row["request"].get("think") is not False

    def read(pieces):
        thinking = ThinkingParser("<think>", "</think>") if has_thinking else None
        reader = AnswerReader(thinking=thinking, tool_calls=ToolCallParser(tag, tools) if tools else None)
        events = [event for piece in pieces for event in reader.feed(piece)]
        return summary(joined_events([*events, *reader.end()]))

    ours = read([row["model_says"]])
    theirs = (row["whole"]["content"], row["whole"].get("thinking", ""), calls_of(row["whole"]))
    rule = explanation(Reply(row["model_says"], ("<think>", "</think>", tag)), theirs, ours)
    if rule:
        record_property("explained", [rule])
    assert rule is not None, (ours, theirs)
    assert read(list(row["model_says"])) == ours

"""Whole replies: thinking, then calls."""

import msgspec
import pytest

from tampu.messages import Tool
from tampu.parsing.reply import ReplyParser
from tampu.parsing.thinking import ThinkingParser
from tampu.parsing.tool_calls import ToolCallParser
from tests.parsing.explained import Reply, explanation
from tests.parsing.splitting import feed_all, summary
from tests.recordings import recording

TAGS = {"think and tool_call": "<tool_call>", "bare object": "{", "list": "["}


def calls_of(message):
    functions = [call["function"] for call in message.get("tool_calls", [])]
    return [(function["index"], function["name"], function["arguments"]) for function in functions]


@pytest.mark.parametrize("row", recording("prompting/server_parsing.json"), ids=lambda row: row["name"])
@pytest.mark.parametrize("cut", [lambda text: [text], list], ids=["whole", "characters"])
def test_recorded(row, cut):
    tag = TAGS[row["name"].partition(",")[0]]
    tools = [msgspec.convert(tool, Tool) for tool in row["request"].get("tools", [])]
    has_thinking = tag == "<tool_call>" and row["request"].get("think") is not False
    parser = ReplyParser(
        thinking=ThinkingParser("<think>", "</think>") if has_thinking else None,
        tool_calls=ToolCallParser(tag, tools) if tools else None,
    )
    ours = summary(feed_all(parser, cut(row["model_says"])))
    theirs = (row["whole"]["content"], row["whole"].get("thinking", ""), calls_of(row["whole"]))
    assert explanation(Reply(row["model_says"], ("<think>", "</think>", tag)), theirs, ours) is not None, (ours, theirs)

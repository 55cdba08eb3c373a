"""Whole replies: thinking, then calls."""

import msgspec
import pytest

from tampu.messages import Tool
from tampu.parsing.reply import ReplyParser
from tampu.parsing.thinking import ThinkingParser
from tampu.parsing.tool_calls import ToolCallParser
from tests.parsing.splitting import feed_all, summary
from tests.recordings import recording

TAGS = {"think and tool_call": "<tool_call>", "bare object": "{", "list": "["}
TURKU = [(0, "get_weather", {"city": "Turku"})]
# What Ollama loses at the end of a reply, or because text and call come in one piece.
BETTER = {
    "<think>\nplan it</thi": ("", "plan it</thi", []),
    "<thi": ("<thi", "", []),
    "some text <tool_c": ("some text <tool_c", "", []),
}


def expected(row, *, has_thinking, has_tools):
    says, whole = row["model_says"], row["whole"]
    if says in BETTER and (has_tools if "tool" in says else has_thinking):
        return BETTER[says]
    calls = [
        (call["function"]["index"], call["function"]["name"], call["function"]["arguments"])
        for call in whole.get("tool_calls", [])
    ]
    if "Turku" in says and has_tools:
        calls = TURKU
    return whole["content"], whole.get("thinking", ""), calls


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
    result = summary(feed_all(parser, cut(row["model_says"])))
    assert result == expected(row, has_thinking=has_thinking, has_tools=bool(tools))

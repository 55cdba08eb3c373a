"""Conversations as files."""

import json

from tampu.client.answers import Description
from tampu.messages import Message
from tampu.repl.chosen import Chosen
from tampu.repl.session import Session
from tampu.repl.transcript import as_json, as_markdown


def session() -> Session:
    own = Session("m", Description(messages=[Message("user", "old")]), Chosen(), options={"seed": 7})
    own.instruct("Be brief.")
    own.say("Look:", [b"\xff\xd8picture"])
    own.hear("A **llama**.\n", thinking="It has\n\nears")
    return own


def test_markdown() -> None:
    assert as_markdown(session()) == (
        "# m\n\n## You\n\nold\n\n## System\n\nBe brief.\n\n## You\n\n*(1 file attached)*\n\nLook:\n\n"
        "## Answer\n\n> It has\n>\n> ears\n\nA **llama**.\n"
    )


def test_json_is_a_chat_request() -> None:
    assert json.loads(as_json(session())) == {
        "model": "m",
        "messages": [
            {"role": "user", "content": "old"},
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look:", "images": ["/9hwaWN0dXJl"]},
            {"role": "assistant", "content": "A **llama**.\n", "thinking": "It has\n\nears"},
        ],
        "options": {"seed": 7},
    }

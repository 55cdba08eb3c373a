"""Each renderer and each parser once through the server: thoughts and calls over /api/chat, streamed and not."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tampu.generation import Capability
from tampu.gguf.reader import read_header
from tampu.gguf.rewrite import read_facts
from tampu.gguf.translate.facts import I32, array, items_of, numbers_of
from tampu.gguf.vocabulary import texts_in
from tampu.parsing.formats.registry import PARSERS
from tampu.store.capabilities import PARSER_CAPABILITIES
from tampu.templates.renderers.registry import RENDERERS
from tests.journeys.conftest import Served
from tests.models import scripted_model

CALL: Final = ("roll", {"n": 3})
TOOL: Final = {
    "type": "function",
    "function": {"name": "roll", "description": "Rolls", "parameters": {
        "type": "object", "properties": {"n": {"type": "integer", "description": "How many"}}, "required": ["n"],
    }},
}  # fmt: skip
TALK: Final = "{{ range .Messages }}{{ .Content }}{{ end }}{{ .Tools }}"
_CALL_ID = re.compile("call_[a-z0-9]{8}")


@dataclass(frozen=True)
class Spoken:
    """How a family writes thoughts and an answer, and an answer and a call; none where it cannot."""

    thoughts: tuple[str, ...] = ()
    call: tuple[str, ...] = ()


TAGGED: Final = ("Hm.", "</think>", "So.")
XML: Final = (
    "So.",
    "<tool_call>",
    "<function=roll>",
    "<parameter=n>",
    "3",
    "</parameter>",
    "</function>",
    "</tool_call>",
)
JSON: Final = ("So.", "<tool_call>", '{"name": "roll", ', '"arguments": {"n": 3}}', "</tool_call>")
PAIRS: Final = ("So.", "<tool_call>", "roll", "<arg_key>n</arg_key>", "<arg_value>3</arg_value>", "</tool_call>")
DEEPSEEK: Final = ("So.", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>")
DEEPSEEK_END: Final = ("<｜tool▁call▁end｜>", "<｜tool▁calls▁end｜>")
GEMMA: Final = ("So.", "<|tool_call>", "call:roll{n:3}", "<tool_call|>")
LFM: Final = ("So.", "<|tool_call_start|>", "[roll(n=3)]", "<|tool_call_end|>")
ATEM: Final = '<atem:function_calls><atem:invoke name="roll"><atem:parameter name="n">3</atem:parameter>'

SPOKEN: Final[Mapping[str, Spoken]] = {
    "cogito": Spoken(TAGGED, (*DEEPSEEK, "function", "<｜tool▁sep｜>", 'roll\n```json\n{"n": 3}\n```', *DEEPSEEK_END)),
    "cohere": Spoken(
        ("Hm.", "<|END_THINKING|>", "<|START_TEXT|>", "So.", "<|END_TEXT|>"),
        (
            "<|START_TEXT|>",
            "So.",
            "<|END_TEXT|>",
            "<|START_ACTION|>",
            '[{"tool_call_id": "0", "tool_name": "roll", "parameters": {"n": 3}}]',
            "<|END_ACTION|>",
        ),
    ),
    "deepseek3": Spoken(TAGGED, (*DEEPSEEK, "roll", "<｜tool▁sep｜>", '{"n": 3}', *DEEPSEEK_END)),
    "functiongemma": Spoken(call=("So.", "<start_function_call>", "call:roll{n:3}", "<end_function_call>")),
    "gemma4": Spoken(("<|channel>", "thought\n", "Hm.", "<channel|>", "So."), GEMMA),
    "gemma4-no-thinking": Spoken(call=GEMMA),
    "glimmer": Spoken(
        (" to=self", "<|message|>", "Hm.", "<|eom|>", "<|start|>assistant to=user<|message|>", "So.", "<|eot|>"),
        (
            " to=user",
            "<|message|>",
            "So.",
            "<|eom|>",
            "<|start|>assistant to=roll<|message|>",
            ATEM,
            "</atem:invoke></atem:function_calls>",
            "<|eot|>",
        ),
    ),
    "glm-4.7": Spoken(TAGGED, PAIRS),
    "glm-ocr": Spoken(call=PAIRS),
    "harmony": Spoken(
        (
            "<|channel|>",
            "analysis",
            "<|message|>",
            "Hm.",
            "<|end|>",
            "<|start|>",
            "assistant",
            "<|channel|>final<|message|>",
            "So.",
        ),
        (
            "<|channel|>",
            "commentary",
            "<|message|>",
            "So.",
            "<|end|>",
            "<|start|>assistant",
            "<|channel|>commentary to=functions.roll<|message|>",
            '{"n": 3}',
        ),
    ),
    "laguna": Spoken(TAGGED, PAIRS),
    "lfm2": Spoken(call=LFM),
    "lfm2-thinking": Spoken(("<think>", *TAGGED), LFM),
    "ministral": Spoken(call=("So.", "[TOOL_CALLS]", "roll", "[ARGS]", '{"n": 3}')),
    "nemotron-3-nano": Spoken(TAGGED, XML),
    "nemotron-3.5-nano": Spoken(TAGGED, XML),
    "olmo3": Spoken(call=("So.", "<function_calls>", "roll(n=3)", "</function_calls>")),
    "olmo3-think": Spoken(TAGGED),
    "ornith": Spoken(TAGGED, XML),
    "passthrough": Spoken(),
    "poolside-v1": Spoken(TAGGED, PAIRS),
    "qwen3": Spoken(call=JSON),
    "qwen3-coder": Spoken(call=XML),
    "qwen3-thinking": Spoken(("<think>", *TAGGED), JSON),
    "qwen3-vl-instruct": Spoken(call=JSON),
    "qwen3-vl-thinking": Spoken(TAGGED, ("Hm.", "</think>", *JSON)),
    "qwen3.5": Spoken(TAGGED, XML),
}
HARMONY_ENDS: Final = ["<|return|>", "<|call|>"]
"""Only beside these does the engine take `<|end|>` for the end of a message, and not of all."""
PARSER_OF: Final = {
    "deepseek3.1": "deepseek3", "gemma4-large": "gemma4", "gemma4-small": "gemma4", "olmo3-32b-think": "olmo3-think",
    "olmo3.1": "olmo3", "qwen3.8": "qwen3.5",
}  # fmt: skip
PAIRED: Final = [
    *((name, PARSER_OF.get(name, name)) for name in sorted(RENDERERS)),
    *(("", name) for name in sorted(set(PARSERS) - set(RENDERERS) - set(PARSER_OF.values()))),
]
"""Each renderer with the parser that its models name, and each parser of models with a template."""


def test_every_renderer_and_every_parser_is_run() -> None:
    assert set(SPOKEN) == set(PARSERS) == {parser for _, parser in PAIRED}
    assert set(RENDERERS) <= {renderer for renderer, _ in PAIRED}
    for name, spoken in SPOKEN.items():
        assert bool(spoken.thoughts) == (Capability.THINKING in PARSER_CAPABILITIES[name]), name
        assert bool(spoken.call) == (Capability.TOOLS in PARSER_CAPABILITIES[name]), name


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("renderer", "parser"), PAIRED)
def test_thoughts_are_told_apart(served: Served, renderer: str, parser: str, stream: bool) -> None:
    pieces = SPOKEN[parser].thoughts
    think = True if pieces else None
    said = chat(served, renderer, parser, pieces or ("So.",), stream=stream, think=think)
    assert said.get("thinking", "") == ("Hm." if think else "")
    assert said["content"].strip() == "So."


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("renderer", "parser"), [pair for pair in PAIRED if SPOKEN[pair[1]].call])
def test_calls_are_told(served: Served, renderer: str, parser: str, stream: bool) -> None:
    spoken = SPOKEN[parser]
    think = False if spoken.thoughts and parser != "qwen3-vl-thinking" else None
    said = chat(served, renderer, parser, spoken.call, stream=stream, think=think, tools=[TOOL])
    (call,) = said["tool_calls"]
    assert _CALL_ID.fullmatch(call["id"])
    assert (call["function"]["name"], call["function"]["arguments"]) == CALL
    assert said["content"].strip() == "So."


def chat(served: Served, renderer: str, parser: str, pieces: tuple[str, ...], *, stream: bool, **asked: Any) -> Any:
    """What a model says that speaks these pieces, in all."""
    weights = keeping_tags(scripted_model(list(pieces), **({"special": HARMONY_ENDS} if parser == "harmony" else {})))
    content = weights.read_bytes()
    name = f"f-{hashlib.sha256(repr((renderer, parser, pieces)).encode()).hexdigest()[:12]}"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    served.request("POST", f"/api/blobs/{digest}", content)
    made = {"renderer": renderer} if renderer else {"template": TALK}
    served.ask("/api/create", {"model": name, "files": {"m.gguf": digest}, "parser": parser, "stream": False, **made})
    body = {
        "model": name,
        "messages": [{"role": "user", "content": "Well?"}],
        "options": {"temperature": 0, "num_predict": 60},
        "stream": stream,
        **{key: value for key, value in asked.items() if value is not None},
    }
    status, raw = served.request("POST", "/api/chat", body)
    assert status == 200, raw
    said: dict[str, Any] = {"content": ""}
    for line in raw.decode().splitlines():
        for key, value in json.loads(line)["message"].items():
            if value and key != "role":
                said[key] = said[key] + value if key in said else value
    return said


def keeping_tags(weights: Path) -> Path:
    """The model with its tags of DeepSeek as they are: in a usual word the bar at the bottom stands for a blank."""
    content = bytearray(weights.read_bytes())
    facts = read_facts(bytes(content[: read_header(weights).data_offset]))
    tokens = items_of(facts[b"tokenizer.ggml.tokens"])
    old = facts[b"tokenizer.ggml.token_type"]
    kinds = numbers_of(old)
    assert tokens is not None
    assert kinds is not None
    user_defined = 4
    new = array(
        I32,
        [
            user_defined if "｜".encode() in text else kind
            for text, kind in zip(texts_in(tokens.body, tokens.count), kinds, strict=True)
        ],
    )
    assert len(new) == len(old)
    at = bytes(content).index(b"tokenizer.ggml.token_type" + old) + len(b"tokenizer.ggml.token_type")
    content[at : at + len(new)] = new
    path = weights.with_name(f"tags-{weights.name}")
    path.write_bytes(content)
    return path

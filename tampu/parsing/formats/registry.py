"""The output formats by the names that models use for their parser."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from tampu.deferred import Deferred
from tampu.errors import UnknownFormat
from tampu.parsing.formats.request import ReplyRequest
from tampu.parsing.reply import OutputParser

_THINK: Final = ("<think>", "</think>")


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How the replies of a family are read.

    `parser` makes the parser of one reply. `preserved`: special tokens that the engine must tell as text.
    """

    parser: Callable[[ReplyRequest], OutputParser]
    preserved: tuple[str, ...] = ()

    @property
    def has_think_tags(self) -> bool:
        """Whether thinking ends with `</think>`, so that an answer's form can be told behind it."""
        return _THINK[1] in self.preserved


_CALLS: Final = ("<tool_call>", "</tool_call>")
_PAIRS: Final = ("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>")
_USER: Final = ("<user>", "</user>")
_QWEN: Final = (*_THINK, *_CALLS)
_DEEPSEEK: Final = (
    "</think>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
)
_GEMMA: Final = ("<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", '<|"|>')
_LFM: Final = (*_THINK, "<|tool_call_start|>", "<|tool_call_end|>")
_COHERE_BLOCKS: Final = ("THINKING", "TEXT", "ACTION", "RESPONSE")


def _in(family: str, name: str) -> Deferred:
    """A maker of parsers in the module of a family; a run reads few of them."""
    return Deferred(f"tampu.parsing.formats.{family}", name)


PARSERS: Final[Mapping[str, OutputFormat]] = MappingProxyType(
    {
        "cogito": OutputFormat(
            _in("deepseek", "cogito_parser"), (*_DEEPSEEK, "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>")
        ),
        "cohere": OutputFormat(
            _in("cohere", "parser"),
            tuple(f"<|{edge}_{block}|>" for block in _COHERE_BLOCKS for edge in ("START", "END")),
        ),
        "deepseek3": OutputFormat(_in("deepseek", "parser"), _DEEPSEEK),
        "functiongemma": OutputFormat(_in("functiongemma", "parser"), ("<start_function_call>", "<end_function_call>")),
        "gemma4": OutputFormat(_in("gemma4", "parser"), _GEMMA),
        "gemma4-no-thinking": OutputFormat(_in("gemma4", "parser_without_thinking"), _GEMMA),
        "glimmer": OutputFormat(_in("glimmer", "parser"), ("<|start|>", "<|message|>", "<|eom|>", "<|eot|>")),
        "glm-4.7": OutputFormat(_in("glm", "parser"), (*_QWEN, *_PAIRS)),
        "glm-ocr": OutputFormat(_in("glm", "ocr_parser"), (*_QWEN, *_PAIRS)),
        "harmony": OutputFormat(
            _in("harmony", "parser"), ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>")
        ),
        "laguna": OutputFormat(_in("laguna", "parser"), (*_QWEN, *_USER, *_PAIRS)),
        "lfm2": OutputFormat(_in("lfm2", "parser"), _LFM),
        "lfm2-thinking": OutputFormat(_in("lfm2", "thinking_parser"), _LFM),
        "ministral": OutputFormat(_in("ministral", "parser"), ("[TOOL_CALLS]", "[THINK]", "[/THINK]", "[ARGS]")),
        "nemotron-3-nano": OutputFormat(_in("nemotron", "parser"), _QWEN),
        "nemotron-3.5-nano": OutputFormat(_in("nemotron", "parser"), _QWEN),
        "olmo3": OutputFormat(_in("olmo3", "parser"), ("<function_calls>", "</function_calls>")),
        "olmo3-think": OutputFormat(_in("olmo3", "thinking_parser"), ("</think>",)),
        "ornith": OutputFormat(_in("qwen3_coder", "qwen3_5_parser"), _QWEN),
        "passthrough": OutputFormat(_in("passthrough", "parser")),
        "poolside-v1": OutputFormat(_in("laguna", "compact_parser"), (*_QWEN, *_USER, *_PAIRS)),
        "qwen3": OutputFormat(_in("qwen3", "parser"), _QWEN),
        "qwen3-coder": OutputFormat(_in("qwen3_coder", "parser"), _CALLS),
        "qwen3-thinking": OutputFormat(_in("qwen3", "thinking_parser"), _QWEN),
        "qwen3-vl-instruct": OutputFormat(_in("qwen3", "vl_parser"), ("</think>", *_CALLS)),
        "qwen3-vl-thinking": OutputFormat(_in("qwen3", "vl_thinking_parser"), ("</think>", *_CALLS)),
        "qwen3.5": OutputFormat(_in("qwen3_coder", "qwen3_5_parser"), _QWEN),
    }
)


def parser_named(name: str) -> OutputFormat:
    """The output format of that name; raises UnknownFormat, which lists the known ones."""
    found = PARSERS.get(name)
    if found is None:
        raise UnknownFormat("parser", name, known=sorted(PARSERS))
    return found

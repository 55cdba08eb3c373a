"""Which way a model's prompts are made: a named renderer, its Go template, or the engine's own chat template."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from tampu.generation import Capability
from tampu.templates.facts import can_do_tool_round_trip, thinking_tags
from tampu.templates.template import Template


class PromptPath(Enum):
    """Who makes the prompt."""

    RENDERER = auto()  # the named renderer of the model's config
    GO_TEMPLATE = auto()  # the Go template, or `{{ .Prompt }}` where there is none
    ENGINE = auto()  # the engine, with the chat template inside the weights file (ChatML where that has none)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSources:
    """What a model brings along. `go` None: no template of its own; `jinja` None: none in the weights file."""

    renderer: str = ""
    parser: str = ""
    family: str = ""
    go: Template | None = None
    jinja: str | None = None


@dataclass(frozen=True, slots=True)
class PromptChoice:
    """The paths of a model: a model without any template chats through the engine but generates without it."""

    chat: PromptPath
    generate: PromptPath

    @property
    def uses_jinja(self) -> bool:
        """Whether the chat template inside the weights file is used, and so tells what the model can do."""
        return self.generate is PromptPath.ENGINE


HARMONY_FAMILIES: Final = frozenset({"gptoss", "gpt-oss"})


def choose_path(sources: PromptSources, *, go_template: bool | None = None) -> PromptChoice:
    """The paths of a model. `go_template`: the setting that prefers (or refuses) Go templates; None if not set."""
    if sources.renderer:
        return PromptChoice(PromptPath.RENDERER, PromptPath.RENDERER)
    is_fixed = bool(sources.parser) or is_harmony(sources.family, sources.go)
    if is_fixed or (sources.go is not None and _go_wins(sources, go_template)):
        return PromptChoice(PromptPath.GO_TEMPLATE, PromptPath.GO_TEMPLATE)
    generate = PromptPath.GO_TEMPLATE if sources.jinja is None else PromptPath.ENGINE
    return PromptChoice(PromptPath.ENGINE, generate)


def is_harmony(family: str, go: Template | None) -> bool:
    """Whether a gpt-oss model has a template of its format: then the harmony parser reads its answers."""
    return family in HARMONY_FAMILIES and go is not None and "<|start|>" in go.source and "<|end|>" in go.source


def _go_wins(sources: PromptSources, go_template: bool | None) -> bool:
    if go_template is not None:
        return go_template
    return sources.go is None or sources.jinja is None or not prefers_jinja(sources.go, sources.jinja)


def prefers_jinja(go: Template, jinja: str) -> bool:
    """Whether the weights file's template can do more than the model's own."""
    go_set, jinja_set = go_capabilities(go), jinja_capabilities(jinja)
    go_round_trip, jinja_round_trip = can_do_tool_round_trip(go), can_jinja_do_tool_round_trip(jinja)
    if len(jinja_set) > len(go_set):
        return jinja_round_trip or not go_round_trip
    same_with_tools = go_set == jinja_set and Capability.TOOLS in go_set
    return same_with_tools and jinja_round_trip and not go_round_trip


def go_capabilities(template: Template) -> frozenset[Capability]:
    """What a Go template adds to plain completion: tools, insert, thinking."""
    found = set()
    if "tools" in template.variables:
        found.add(Capability.TOOLS)
    if "suffix" in template.variables:
        found.add(Capability.INSERT)
    if thinking_tags(template) is not None:
        found.add(Capability.THINKING)
    return frozenset(found)


def jinja_capabilities(text: str) -> frozenset[Capability]:
    """What a Jinja chat template adds to plain completion, judged by its text: tools, thinking."""
    found = set()
    if "tools" in text or "tool_call" in text:
        found.add(Capability.TOOLS)
    if _jinja_thinks(text):
        found.add(Capability.THINKING)
    return frozenset(found)


_SPLITS_THINKING: Final = ("content.split('</think>')", 'content.split("</think>")')


def _jinja_thinks(text: str) -> bool:
    if "<think>" in text and "</think>" in text:
        return True
    separates = "reasoning_content" in text or "<SPECIAL_12>" in text
    return any(mark in text for mark in _SPLITS_THINKING) and not separates


_RESULT_MARKS: Final = (
    *("tool_response", "tool_results", "ipython"),
    *("role'] == 'tool'", 'role\'] == "tool"', "role\"] == 'tool'", 'role"] == "tool"'),
    *("message.role == 'tool'", 'message.role == "tool"'),
)
"""Read to the letter, as Ollama does: which template is used, and so the whole prompt, hangs on them."""


def can_jinja_do_tool_round_trip(text: str) -> bool:
    """Whether a Jinja chat template shows calls and their results."""
    shows_calls = "tool_calls" in text or "assistant_tool_call" in text
    return shows_calls and any(mark in text for mark in _RESULT_MARKS)

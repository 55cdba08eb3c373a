"""The renderers by the names that models use for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from tampu.errors import UnknownFormat
from tampu.generation import Think
from tampu.messages import Message, Tool
from tampu.templates.renderers import (
    cogito,
    cohere,
    deepseek,
    deepseek_tokens,
    functiongemma,
    gemma4,
    glimmer,
    glm,
    laguna,
    lfm2,
    nemotron,
    olmo3,
    qwen3_5,
    qwen3_8,
    qwen3_coder,
    qwen3_vl,
)
from tampu.templates.renderers.conversation import Conversation, Render


@dataclass(frozen=True, slots=True)
class Renderer:
    """A prompt format. `takes_images`: the prompt has a mark `[img-N]` per image; else images are ignored.

    `bos`: the text that begins the prompt and that stands for the token which many engines add themselves.
    """

    render: Render
    takes_images: bool = False
    bos: str = ""

    def prompt(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Tool] = (),
        think: Think | None = None,
        today: date | None = None,
    ) -> str:
        """The prompt of a conversation; raises BadRequest for one that the format has no form for."""
        today = today or date.today()  # noqa: DTZ011 - prompts tell the local date, as Ollama's do
        return self.render(Conversation(messages=messages, tools=tools, think=think, today=today))


_GEMMA: Final = "gemma4"
_SMALL_GEMMAS: Final = ("e2b", "e4b")
_LARGE_GEMMAS: Final = ("12b", "26b", "31b")
_LARGE_GEMMA_PARAMETERS: Final = 12_000_000_000

RENDERERS: Final[Mapping[str, Renderer]] = MappingProxyType(
    {
        "cogito": Renderer(cogito.render, bos=deepseek_tokens.BOS),
        "cohere": Renderer(cohere.render),
        "deepseek3.1": Renderer(deepseek.render, bos=deepseek_tokens.BOS),
        "functiongemma": Renderer(functiongemma.render, bos="<bos>"),
        "gemma4": Renderer(gemma4.render_small, takes_images=True, bos="<bos>"),
        "gemma4-large": Renderer(gemma4.render_large, takes_images=True, bos="<bos>"),
        "gemma4-small": Renderer(gemma4.render_small, takes_images=True, bos="<bos>"),
        "glimmer": Renderer(glimmer.render, takes_images=True, bos="<|begin_of_text|>"),
        "glm-4.7": Renderer(glm.render),
        "glm-ocr": Renderer(glm.render_ocr, takes_images=True),
        "laguna": Renderer(laguna.render, bos=laguna.BOS),
        "lfm2": Renderer(lfm2.render, takes_images=True, bos=lfm2.BOS),
        "lfm2-thinking": Renderer(lfm2.render_thinking, takes_images=True, bos=lfm2.BOS),
        "nemotron-3-nano": Renderer(nemotron.render_3, takes_images=True),
        "nemotron-3.5-nano": Renderer(nemotron.render_3_5, takes_images=True),
        "olmo3": Renderer(olmo3.render),
        "olmo3-32b-think": Renderer(olmo3.render_32b_think),
        "olmo3-think": Renderer(olmo3.render_think),
        "olmo3.1": Renderer(olmo3.render_3_1),
        "ornith": Renderer(qwen3_5.render_ornith, takes_images=True),
        "poolside-v1": Renderer(laguna.render_compact, bos=laguna.BOS),
        "qwen3-coder": Renderer(qwen3_coder.render),
        "qwen3-vl-instruct": Renderer(qwen3_vl.render_instruct, takes_images=True),
        "qwen3-vl-thinking": Renderer(qwen3_vl.render_thinking, takes_images=True),
        "qwen3.5": Renderer(qwen3_5.render, takes_images=True),
        "qwen3.8": Renderer(qwen3_8.render, takes_images=True),
    }
)


def resolved_name(name: str, model: str, parameters: int) -> str:
    """Which of two formats `gemma4` stands for: told by the model's name, else by its count of parameters."""
    if name != _GEMMA:
        return name
    if any(size in model for size in _SMALL_GEMMAS):
        return f"{name}-small"
    is_large = any(size in model for size in _LARGE_GEMMAS) or parameters >= _LARGE_GEMMA_PARAMETERS
    return f"{name}-large" if is_large else f"{name}-small"


def renderer_named(name: str) -> Renderer:
    """The renderer of that name; raises UnknownFormat, which lists the known ones."""
    renderer = RENDERERS.get(name)
    if renderer is None:
        raise UnknownFormat("renderer", name, known=sorted(RENDERERS))
    return renderer

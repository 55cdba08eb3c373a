"""The renderers by the names that models use for them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from tampu.deferred import Deferred
from tampu.errors import UnknownFormat
from tampu.generation import Think
from tampu.messages import Message, Tool
from tampu.templates.renderers import openings
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
_LARGE_GEMMA_BILLIONS: Final = 12
_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)[bB]")


def _in(family: str, name: str) -> Deferred:
    """A renderer in the module of a family; a run uses few of them."""
    return Deferred(f"tampu.templates.renderers.{family}", name)


RENDERERS: Final[Mapping[str, Renderer]] = MappingProxyType(
    {
        "cogito": Renderer(_in("cogito", "render"), bos=openings.DEEPSEEK),
        "cohere": Renderer(_in("cohere", "render")),
        "deepseek3.1": Renderer(_in("deepseek", "render"), bos=openings.DEEPSEEK),
        "functiongemma": Renderer(_in("functiongemma", "render"), bos="<bos>"),
        "gemma4": Renderer(_in("gemma4", "render_small"), takes_images=True, bos="<bos>"),
        "gemma4-large": Renderer(_in("gemma4", "render_large"), takes_images=True, bos="<bos>"),
        "gemma4-small": Renderer(_in("gemma4", "render_small"), takes_images=True, bos="<bos>"),
        "glimmer": Renderer(_in("glimmer", "render"), takes_images=True, bos="<|begin_of_text|>"),
        "glm-4.7": Renderer(_in("glm", "render")),
        "glm-ocr": Renderer(_in("glm", "render_ocr"), takes_images=True),
        "laguna": Renderer(_in("laguna", "render"), bos=openings.LAGUNA),
        "lfm2": Renderer(_in("lfm2", "render"), takes_images=True, bos=openings.LFM),
        "lfm2-thinking": Renderer(_in("lfm2", "render_thinking"), takes_images=True, bos=openings.LFM),
        "nemotron-3-nano": Renderer(_in("nemotron", "render_3"), takes_images=True),
        "nemotron-3.5-nano": Renderer(_in("nemotron", "render_3_5"), takes_images=True),
        "olmo3": Renderer(_in("olmo3", "render")),
        "olmo3-32b-think": Renderer(_in("olmo3", "render_32b_think")),
        "olmo3-think": Renderer(_in("olmo3", "render_think")),
        "olmo3.1": Renderer(_in("olmo3", "render_3_1")),
        "ornith": Renderer(_in("qwen3_5", "render_ornith"), takes_images=True),
        "poolside-v1": Renderer(_in("laguna", "render_compact"), bos=openings.LAGUNA),
        "qwen3-coder": Renderer(_in("qwen3_coder", "render")),
        "qwen3-vl-instruct": Renderer(_in("qwen3_vl", "render_instruct"), takes_images=True),
        "qwen3-vl-thinking": Renderer(_in("qwen3_vl", "render_thinking"), takes_images=True),
        "qwen3.5": Renderer(_in("qwen3_5", "render"), takes_images=True),
        "qwen3.8": Renderer(_in("qwen3_8", "render"), takes_images=True),
    }
)


def resolved_name(name: str, models: Sequence[str], size: str) -> str:
    """Which of two formats `gemma4` stands for: told by the first name of the model that says it, else by its size.

    `size`: the count of parameters as configs write it (`25.8B`); what cannot be read counts as small.
    """
    if name != _GEMMA:
        return name
    for model in map(str.lower, models):
        if any(word in model for word in _SMALL_GEMMAS):
            return f"{name}-small"
        if any(word in model for word in _LARGE_GEMMAS):
            return f"{name}-large"
    written = _SIZE.fullmatch(size)
    is_large = written is not None and float(written[1]) >= _LARGE_GEMMA_BILLIONS
    return f"{name}-large" if is_large else f"{name}-small"


def renderer_named(name: str) -> Renderer:
    """The renderer of that name; raises UnknownFormat, which lists the known ones."""
    renderer = RENDERERS.get(name)
    if renderer is None:
        raise UnknownFormat("renderer", name, known=sorted(RENDERERS))
    return renderer

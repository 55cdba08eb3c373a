"""The table of all published layouts that differ from the engine's: by architecture, of text and of projectors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tampu.deferred import Deferred
from tampu.gguf.translate.translation import Translation

Step = Callable[[Translation], None]


@dataclass(frozen=True, slots=True)
class Family:
    """How to know a published layout, and what to do about its text and its projector; None: nothing."""

    is_published: Callable[[Translation], bool]
    text: Step | None = None
    projector: Step | None = None


def _family(name: str, *, text: bool = True, projector: bool = False) -> Family:
    """The layout that the module of that name knows, and translates as said; a run meets few of them."""
    module = f"tampu.gguf.translate.{name}"
    return Family(
        Deferred(module, "is_published"),
        Deferred(module, "translate_text") if text else None,
        Deferred(module, "translate_projector") if projector else None,
    )


FAMILIES: Final[dict[str, tuple[Family, ...]]] = {
    "bert": (_family("bert"),),
    "clip": (_family("clip", text=False, projector=True),),
    "deepseekocr": (_family("deepseekocr", projector=True),),
    "gemma3": (
        _family("embeddinggemma"),
        _family("gemma3", projector=True),
    ),
    "gemma3n": (_family("gemma3n"),),
    "gemma4": (_family("gemma4", projector=True),),
    "glm4moelite": (_family("glm4moelite"),),
    "glmocr": (_family("glmocr", projector=True),),
    "gptoss": (_family("gptoss"),),
    "laguna": (_family("laguna"),),
    "lfm2": (_family("lfm2"),),
    "llama": (_family("llama"),),
    "llama4": (_family("llama4", projector=True),),
    "mistral3": (_family("mistral3", projector=True),),
    "nemotron_h_moe": (_family("nemotron_h_moe"),),
    "nemotron_h_omni": (_family("nemotron_h_omni", projector=True),),
    "olmo3": (_family("olmo3"),),
    "qwen25vl": (_family("qwen25vl", projector=True),),
    "qwen35": (_family("qwen35", projector=True),),
    "qwen35moe": (_family("qwen35", projector=True),),
    "qwen3next": (_family("qwen3next"),),
    "qwen3vl": (_family("qwen3vl", projector=True),),
    "qwen3vlmoe": (_family("qwen3vl", projector=True),),
}
"""Of several for one architecture the first that knows the file counts."""

WITH_PROJECTOR: Final = frozenset(
    architecture
    for architecture, families in FAMILIES.items()
    if architecture != "clip" and any(family.projector for family in families)
)
"""Architectures whose files may hold their projector themselves."""

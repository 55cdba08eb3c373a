"""The table of all published layouts that differ from the engine's: by architecture, of text and of projectors."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tampu.gguf.translate import (
    bert,
    clip,
    deepseekocr,
    embeddinggemma,
    gemma3,
    gemma3n,
    gemma4,
    glm4moelite,
    glmocr,
    gptoss,
    laguna,
    lfm2,
    llama,
    llama4,
    mistral3,
    nemotron_h_moe,
    nemotron_h_omni,
    olmo3,
    qwen3next,
    qwen3vl,
    qwen25vl,
    qwen35,
)
from tampu.gguf.translate.translation import Translation

Step = Callable[[Translation], None]


@dataclass(frozen=True, slots=True)
class Family:
    """How to know a published layout, and what to do about its text and its projector; None: nothing."""

    is_published: Callable[[Translation], bool]
    text: Step | None = None
    projector: Step | None = None


FAMILIES: Final[dict[str, tuple[Family, ...]]] = {
    "bert": (Family(bert.is_published, bert.translate_text),),
    "clip": (Family(clip.is_published, projector=clip.translate_projector),),
    "deepseekocr": (Family(deepseekocr.is_published, deepseekocr.translate_text, deepseekocr.translate_projector),),
    "gemma3": (
        Family(embeddinggemma.is_published, embeddinggemma.translate_text),
        Family(gemma3.is_published, gemma3.translate_text, gemma3.translate_projector),
    ),
    "gemma3n": (Family(gemma3n.is_published, gemma3n.translate_text),),
    "gemma4": (Family(gemma4.is_published, gemma4.translate_text, gemma4.translate_projector),),
    "glm4moelite": (Family(glm4moelite.is_published, glm4moelite.translate_text),),
    "glmocr": (Family(glmocr.is_published, glmocr.translate_text, glmocr.translate_projector),),
    "gptoss": (Family(gptoss.is_published, gptoss.translate_text),),
    "laguna": (Family(laguna.is_published, laguna.translate_text),),
    "lfm2": (Family(lfm2.is_published, lfm2.translate_text),),
    "llama": (Family(llama.is_published, llama.translate_text),),
    "llama4": (Family(llama4.is_published, llama4.translate_text, llama4.translate_projector),),
    "mistral3": (Family(mistral3.is_published, mistral3.translate_text, mistral3.translate_projector),),
    "nemotron_h_moe": (Family(nemotron_h_moe.is_published, nemotron_h_moe.translate_text),),
    "nemotron_h_omni": (
        Family(nemotron_h_omni.is_published, nemotron_h_omni.translate_text, nemotron_h_omni.translate_projector),
    ),
    "olmo3": (Family(olmo3.is_published, olmo3.translate_text),),
    "qwen25vl": (Family(qwen25vl.is_published, qwen25vl.translate_text, qwen25vl.translate_projector),),
    "qwen35": (Family(qwen35.is_published, qwen35.translate_text, qwen35.translate_projector),),
    "qwen35moe": (Family(qwen35.is_published, qwen35.translate_text, qwen35.translate_projector),),
    "qwen3next": (Family(qwen3next.is_published, qwen3next.translate_text),),
    "qwen3vl": (Family(qwen3vl.is_published, qwen3vl.translate_text, qwen3vl.translate_projector),),
    "qwen3vlmoe": (Family(qwen3vl.is_published, qwen3vl.translate_text, qwen3vl.translate_projector),),
}
"""Of several for one architecture the first that knows the file counts."""

WITH_PROJECTOR: Final = frozenset(
    architecture
    for architecture, families in FAMILIES.items()
    if architecture != "clip" and any(family.projector for family in families)
)
"""Architectures whose files may hold their projector themselves."""

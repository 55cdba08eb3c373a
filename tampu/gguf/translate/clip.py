"""Projectors of early years (LLaVA, BakLLaVA) that do not say how they project; all of them did it in one way."""

from tampu.gguf.translate.facts import number_of, words
from tampu.gguf.translate.translation import Translation

_TYPES = ("clip.projector_type", "clip.vision.projector_type")


def is_published(file: Translation) -> bool:
    encoder = file.facts.get("clip.has_vision_encoder")
    has_encoder = encoder is not None and number_of(encoder) is True
    return has_encoder and file.facts.keys().isdisjoint(_TYPES)


def translate_projector(made: Translation) -> None:
    made.facts["clip.projector_type"] = words("mlp")

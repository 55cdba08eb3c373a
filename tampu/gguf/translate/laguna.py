"""Laguna: other names for the rotations of its windowed layers, and for its gates."""

from tampu.gguf.translate.facts import as_f32, as_u32
from tampu.gguf.translate.translation import Translation

_COUNT, _BASE = "laguna.rope.swa.dimension_count", "laguna.rope.swa.freq_base"


def is_published(file: Translation) -> bool:
    return _COUNT in file.facts or _BASE in file.facts or "blk.0.attn_g.weight" in file.stored


def translate_text(made: Translation) -> None:
    made.copy(_COUNT, "laguna.rope.dimension_count_swa", as_u32)
    made.copy(_BASE, "laguna.rope.freq_base_swa", as_f32)
    made.rename_endings(".attn_g.weight", ".attn_gate.weight")

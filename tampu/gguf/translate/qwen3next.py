"""Qwen 3 Next: heads per layer, and biases without their ending."""

from tampu.gguf.translate.facts import u32
from tampu.gguf.translate.translation import Translation

_HEADS = "qwen3next.attention.head_count_kv"


def is_published(file: Translation) -> bool:
    return any(name.endswith(".ssm_dt") for name in file.stored)


def translate_text(made: Translation) -> None:
    if made.is_array(_HEADS):
        most = max(made.whole_numbers(_HEADS), default=0)
        if most > 0:
            made.facts[_HEADS] = u32(most, _HEADS)
    made.rename_endings(".ssm_dt", ".ssm_dt.bias")

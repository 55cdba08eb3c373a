"""LFM2: the norm at its end under another name, and another width of its layers."""

from tampu.gguf.translate.facts import u32, words
from tampu.gguf.translate.translation import Translation

_NEW = "token_embd_norm.weight"
_WIDTH = "lfm2.feed_forward_length"


def is_published(file: Translation) -> bool:
    return _NEW not in file.stored  # one that lacks both is refused by name


def translate_text(made: Translation) -> None:
    made.rename("output_norm.weight", _NEW)
    made.facts["tokenizer.ggml.pre"] = words("lfm2")
    width = made.size("blk.0.ffn_gate.weight", 1)
    if width is not None and made.number(_WIDTH) != width:
        made.facts[_WIDTH] = u32(width)

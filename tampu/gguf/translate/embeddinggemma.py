"""EmbeddingGemma, which is published as a gemma3 with two more layers at its end."""

from tampu.gguf.translate.facts import f32, u32
from tampu.gguf.translate.translation import Translation

_NEW = "gemma-embedding"


def is_published(file: Translation) -> bool:
    return file.has_parts("dense.")


def translate_text(made: Translation) -> None:
    made.become(_NEW)
    for key in ("attention.causal", "attention.sliding_window_pattern"):
        made.facts.pop(f"{_NEW}.{key}", None)
    made.default(f"{_NEW}.rope.freq_base_swa", f32(10000))
    for number, name in ((2, "dense.0.weight"), (3, "dense.1.weight")):
        made.require(name)
        for dimension, side in enumerate(("in", "out")):
            made.facts[f"{_NEW}.dense_{number}_feat_{side}"] = u32(made.size(name, dimension) or 1)
    made.rename_each(
        (
            ("dense.0.weight", "dense_2.weight"),
            ("dense.1.weight", "dense_3.weight"),
            ("norm.weight", "output_norm.weight"),
        )
    )

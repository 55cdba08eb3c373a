"""Llama 4: its pictures are in the same file."""

import math

from tampu.errors import InvalidModelFile
from tampu.gguf.translate import vision
from tampu.gguf.translate.facts import as_f32, as_u32, flag, number_of, u32, words
from tampu.gguf.translate.translation import Translation

_RATIO = "llama4.vision.pixel_shuffle_ratio"
_MOST_FACTOR = 64


def is_published(file: Translation) -> bool:
    return file.has_parts("v.", "mm.")


def translate_text(made: Translation) -> None:
    made.hide("v.", "mm.")


def translate_projector(made: Translation) -> None:
    vision.begin(made)
    made.keep_only("v.", "mm.")
    made.copy_each("llama4.vision.", "clip.vision.", vision.SIZES)
    made.copy("llama4.vision.layer_norm_epsilon", "clip.vision.attention.layer_norm_epsilon", as_f32)
    made.copy("llama4.embedding_length", "clip.vision.projection_dim", as_u32)
    made.default("clip.vision.projector.scale_factor", u32(_scale_factor(made)))
    vision.colours(made)
    made.default("clip.use_gelu", flag(True))
    made.facts["clip.projector_type"] = made.facts["clip.vision.projector_type"] = words("llama4")
    made.rename("v.positional_embedding_vlm", "v.position_embd.weight")
    made.widen("v.position_embd.weight")
    made.replace(
        # Before the like-named parts of blocks.
        ("v.vision_adapter.mlp.fc1", "mm.model.mlp.1"),
        ("v.vision_adapter.mlp.fc2", "mm.model.mlp.2"),
        ("mm.linear_1", "mm.model.fc"),
        ("v.class_embedding", "v.class_embd"),
        ("v.layernorm_post", "v.post_ln"),
        ("v.layernorm_pre", "v.pre_ln"),
        ("v.patch_embedding", "v.patch_embd"),
        (".attn_output", ".attn_out"),
        (".attn_norm", ".ln1"),
        (".ffn_norm", ".ln2"),
        (".mlp.fc1", ".ffn_up"),
        (".mlp.fc2", ".ffn_down"),
    )


def _scale_factor(made: Translation) -> int:
    ratio = number_of(made.facts[_RATIO]) if _RATIO in made.facts else None
    if ratio is None or not ratio > 0:
        return 2
    if ratio * _MOST_FACTOR < 1:
        raise InvalidModelFile(f'the key "{_RATIO}" must be a part of a side, not {ratio}')
    return math.floor(1 / ratio + 0.5) or 2

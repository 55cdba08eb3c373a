"""Mistral 3 (Small, Ministral): other names for how its context is stretched, and pictures."""

from tampu.gguf.translate import vision
from tampu.gguf.translate.facts import as_f32, as_it_is, as_u32, f32, flag, words
from tampu.gguf.translate.translation import Translation

_STRETCH = "mistral3.rope.scaling."
_MARKS = (f"{_STRETCH}beta_fast", f"{_STRETCH}mscale_all_dim", "mistral3.rope.scaling_beta")
_PRE = "tokenizer.ggml.pre"


def is_published(file: Translation) -> bool:
    return file.has_parts("v.", "mm.") or any(key in file.facts for key in _MARKS)


def translate_text(made: Translation) -> None:
    made.copy(f"{_STRETCH}beta_fast", f"{_STRETCH}yarn_beta_fast", as_it_is)
    made.copy(f"{_STRETCH}beta_slow", f"{_STRETCH}yarn_beta_slow", as_it_is)
    made.copy(f"{_STRETCH}mscale_all_dim", f"{_STRETCH}yarn_log_multiplier", as_it_is)
    made.copy("mistral3.rope.scaling_beta", "mistral3.attention.temperature_scale", as_it_is)
    if made.text(_PRE) in {None, "", "default"}:
        made.facts[_PRE] = words("tekken")
    made.hide("v.", "mm.")


def translate_projector(made: Translation) -> None:
    vision.begin(made)
    made.keep_only("v.", "mm.")
    made.copy_each("mistral3.vision.", "clip.vision.", (*vision.SIZES, "num_channels"))
    made.copy("mistral3.spatial_merge_size", "clip.vision.spatial_merge_size", as_u32)
    made.copy("mistral3.embedding_length", "clip.vision.projection_dim", as_u32)
    made.copy("mistral3.vision.rope.freq_base", "clip.rope.freq_base", as_f32)
    made.default("clip.vision.attention.layer_norm_epsilon", f32(1e-5))
    vision.colours(made, (0.48145467, 0.45782750, 0.40821072), (0.26862955, 0.26130259, 0.27577710))
    made.default("clip.use_silu", flag(True))
    made.facts["clip.projector_type"] = words("pixtral")
    _add_line_break(made)
    _turn_heads(made)
    made.replace(
        ("v.patch_conv", "v.patch_embd"),
        ("v.encoder_norm", "v.pre_ln"),
        (".attn_output", ".attn_out"),
        (".attn_norm", ".ln1"),
        (".ffn_norm", ".ln2"),
        ("mm.linear_1", "mm.1"),
        ("mm.linear_2", "mm.2"),
        ("mm.patch_merger.merging_layer", "mm.patch_merger"),
        ("mm.norm", "mm.input_norm"),
    )
    made.widen("v.patch_embd.weight")


def _add_line_break(made: Translation) -> None:
    """The vector between rows of a picture: the engine wants one, the model has none."""
    width = made.size("token_embd.weight", 0) or made.size("output_norm.weight", 0)
    if width and made.number("mistral3.embedding_length") == width:
        made.put_zeros("v.token_embd.img_break", width)


def _turn_heads(made: Translation) -> None:
    heads = made.require_number("mistral3.vision.attention.head_count")
    for block in made.blocks(made.number("mistral3.vision.block_count")):
        for part in "qk":
            if f"v.blk.{block}.attn_{part}.weight" in made.stored:
                made.interleave_rows(f"v.blk.{block}.attn_{part}.weight", heads)

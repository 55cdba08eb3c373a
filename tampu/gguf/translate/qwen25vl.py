"""Qwen 2.5 VL, which the engine reads as a Qwen 2 VL with another projector."""

from tampu.errors import InvalidModelFile
from tampu.gguf.translate import vision
from tampu.gguf.translate.facts import I32, array, as_f32, as_u32, flag, u32, words
from tampu.gguf.translate.translation import Translation

_WHOLE = "qwen25vl.vision.fullatt_block_indexes"
_USUAL_FULL_ATTENTION = 8
_MEAN = (0.48145466, 0.4578275, 0.40821073)
_DEVIATION = (0.26862954, 0.26130258, 0.27577711)


def is_published(file: Translation) -> bool:
    del file
    return True


def translate_text(made: Translation) -> None:
    made.become("qwen2vl")
    sections = made.whole_numbers("qwen2vl.rope.mrope_section")
    made.origins["qwen2vl.rope.dimension_sections"] = "qwen25vl.rope.mrope_section"
    if len(sections) >= 3:
        made.facts["qwen2vl.rope.dimension_sections"] = array(I32, [*sections[:3], 0])
    made.hide("v.", "mm.")


def translate_projector(made: Translation) -> None:
    vision.begin(made)
    made.keep_only("v.", "mm.")
    sizes = (
        "attention.head_count",
        "block_count",
        "embedding_length",
        "num_channels",
        "patch_size",
        "spatial_merge_size",
        "window_size",
    )
    made.copy_each("qwen25vl.vision.", "clip.vision.", sizes)
    made.copy_each("qwen25vl.vision.", "clip.vision.", ("attention.layer_norm_epsilon",), as_f32)
    made.copy("qwen25vl.embedding_length", "clip.vision.projection_dim", as_u32)
    made.default_size("clip.vision.feed_forward_length", "v.blk.0.ffn_up.weight", 1)
    _set_period(made)
    made.default("clip.vision.image_size", u32(560))
    vision.colours(made, _MEAN, _DEVIATION)
    made.default("clip.use_silu", flag(True))
    made.facts["clip.projector_type"] = words("qwen2.5vl_merger")
    made.rename("v.merger.ln_q.weight", "v.post_ln.weight")
    made.rename_each((("v.merger.mlp.0", "mm.0"), ("v.merger.mlp.2", "mm.2")), (".weight", ".bias"))
    made.rename("v.patch_embd_0.weight", "v.patch_embd.weight")
    made.rename("v.patch_embd_1.weight", "v.patch_embd.weight.1")
    made.widen("v.patch_embd.weight", "v.patch_embd.weight.1")


def _set_period(made: Translation) -> None:
    """Every how many blocks one sees the whole picture."""
    whole = made.whole_numbers(_WHOLE)
    blocks = made.number("clip.vision.block_count")
    if whole and blocks is not None and not 0 < whole[0] < blocks:
        raise InvalidModelFile(f'the key "{_WHOLE}" must name blocks from 1 to {blocks - 1}, not {whole[0]}')
    if whole:
        made.facts["clip.vision.n_wa_pattern"] = u32(max(0, whole[0]) + 1, _WHOLE)
    else:
        made.default("clip.vision.n_wa_pattern", u32(_USUAL_FULL_ATTENTION))

"""Qwen 3.5, with experts and without: heads per layer, sections of three, pictures, and a layer that looks ahead."""

from tampu.gguf.translate import ahead, vision
from tampu.gguf.translate.ahead import append_layer
from tampu.gguf.translate.facts import BOOL, array, as_u32, f32, flag, u32, words
from tampu.gguf.translate.translation import Translation

_MARKS = ("vision.block_count", "image_token_id", "ssm.v_head_reordered", "rope.mrope_interleaved")


def is_published(file: Translation) -> bool:
    own = file.architecture
    marks = (*_MARKS, "feed_forward_length") if own == "qwen35moe" else _MARKS
    return any(f"{own}.{key}" in file.facts for key in marks) or file.has_parts("mtp.", "v.")


def translate_text(made: Translation) -> None:
    own = made.architecture
    heads = f"{own}.attention.head_count_kv"
    if made.is_array(heads):
        most = max(made.whole_numbers(heads), default=0)
        made.facts[heads] = u32(max(0, most) or 2, heads)
    made.widen_sections(f"{own}.rope.dimension_sections")
    made.rename_endings(".ssm_dt", ".ssm_dt.bias")
    append_layer(made)
    made.hide("v.", "mm.", ahead.PREFIX)


def translate_projector(made: Translation) -> None:
    own = made.architecture
    vision.begin(made)
    made.keep_only("v.", "mm.")
    sizes = (
        "block_count",
        "embedding_length",
        "attention.head_count",
        "patch_size",
        "spatial_merge_size",
        "num_channels",
    )
    made.copy_each(f"{own}.vision.", "clip.vision.", sizes)
    made.copy(f"{own}.embedding_length", "clip.vision.projection_dim", as_u32)
    made.default("clip.vision.feed_forward_length", u32(4304))
    made.default("clip.vision.image_size", u32(768))
    made.default("clip.vision.attention.layer_norm_epsilon", f32(1e-6))
    vision.colours(made)
    blocks = made.number("clip.vision.block_count")
    if made.blocks(blocks):
        made.default("clip.vision.is_deepstack_layers", array(BOOL, [False for _ in made.blocks(blocks)]))
    made.default("clip.use_gelu", flag(True))
    made.facts["clip.projector_type"] = words("qwen3vl_merger")
    vision.join_attention(made, 27 if blocks is None else blocks)
    channels = made.number("clip.vision.num_channels")
    vision.split_patches(made, 3 if channels is None else channels)
    made.replace(
        ("v.pos_embed", "v.position_embd"),
        ("v.patch_embed", "v.patch_embd"),
        ("v.merger.norm", "v.post_ln"),
        ("v.merger.linear_fc1", "mm.0"),
        ("v.merger.linear_fc2", "mm.2"),
        (".mlp.linear_fc1", ".ffn_up"),
        (".mlp.linear_fc2", ".ffn_down"),
        (".norm1", ".ln1"),
        (".norm2", ".ln2"),
    )
    made.widen("v.position_embd.weight")

"""Qwen 3 VL, with experts and without: sections that go without saying, and pictures that reach several layers."""

import math

from tampu.errors import InvalidModelFile
from tampu.gguf.translate import vision
from tampu.gguf.translate.facts import BOOL, I32, array, as_f32, as_f32_array, as_u32, f32, flag, u32, words
from tampu.gguf.translate.translation import Translation

_USUAL_BLOCKS = 27
_ENDINGS = (".weight", ".bias")


def is_published(file: Translation) -> bool:
    return f"{file.architecture}.rope.dimension_sections" not in file.facts


def translate_text(made: Translation) -> None:
    own = made.architecture
    made.facts[f"{own}.rope.dimension_sections"] = array(I32, [24, 20, 20, 0])
    made.default(f"{own}.n_deepstack_layers", u32(len(_deep_blocks(made, own))))
    made.hide("v.", "mm.")


def translate_projector(made: Translation) -> None:
    own = made.architecture
    vision.begin(made)
    made.keep_only("v.", "mm.")
    _set_facts(made, own)
    blocks = made.number("clip.vision.block_count")
    deep = _deep_blocks(made, own)
    if made.blocks(blocks):
        made.default("clip.vision.is_deepstack_layers", array(BOOL, [block in deep for block in made.blocks(blocks)]))
    vision.join_attention(made, _USUAL_BLOCKS if blocks is None else blocks)
    channels = made.number(f"{own}.vision.num_channels")
    vision.split_patches(made, 3 if channels is None else channels)
    made.rename_each(
        (("v.merger.norm", "v.post_ln"), ("v.merger.linear_fc1", "mm.0"), ("v.merger.linear_fc2", "mm.2")), _ENDINGS
    )
    made.rename("v.patch_embed.bias", "v.patch_embd.bias")
    made.rename("v.pos_embed.weight", "v.position_embd.weight")
    for index, block in enumerate(deep):
        for old, new in (("norm", "norm"), ("linear_fc1", "fc1"), ("linear_fc2", "fc2")):
            made.require(f"v.deepstack_merger.{index}.{old}.weight")
            made.rename_each(((f"v.deepstack_merger.{index}.{old}", f"v.deepstack.{block}.{new}"),), _ENDINGS)
    made.replace(
        (".norm1", ".ln1"), (".norm2", ".ln2"), (".mlp.linear_fc1", ".ffn_up"), (".mlp.linear_fc2", ".ffn_down")
    )
    made.widen("v.position_embd.weight")


def _set_facts(made: Translation, own: str) -> None:
    sizes = (
        "attention.head_count",
        "block_count",
        "embedding_length",
        "num_channels",
        "patch_size",
        "spatial_merge_size",
        "temporal_patch_size",
    )
    made.copy_each(f"{own}.vision.", "clip.vision.", sizes)
    made.copy_each(f"{own}.vision.", "clip.vision.", ("attention.layer_norm_epsilon", "rope.freq_base"), as_f32)
    made.copy(f"{own}.embedding_length", "clip.vision.projection_dim", as_u32)
    made.default("clip.vision.num_channels", u32(3))
    made.default("clip.vision.temporal_patch_size", u32(2))
    made.default("clip.vision.rope.freq_base", f32(10000))
    made.default_size("clip.vision.feed_forward_length", "v.blk.0.mlp.linear_fc1.weight", 1)
    made.require("v.pos_embed.weight")
    places, patch = made.size("v.pos_embed.weight", 1), made.number(f"{own}.vision.patch_size")
    if places is not None and patch is not None:
        made.default("clip.vision.image_size", u32(math.isqrt(places) * patch))
    made.copy_each(f"{own}.vision.", "clip.vision.", ("image_mean", "image_std"), as_f32_array)
    vision.colours(made)
    made.default("clip.use_gelu", flag(True))
    made.facts["clip.projector_type"] = words("qwen3vl_merger")


def _deep_blocks(made: Translation, own: str) -> list[int]:
    """The blocks whose pictures go to layers of their own; the limits of pictures' sizes are left to the engine."""
    key = f"{own}.vision.deepstack_visual_indexes"
    numbers = made.whole_numbers(key)
    blocks = made.number(f"{own}.vision.block_count")
    for number in numbers:
        if number < 0 or (blocks is not None and number >= blocks):
            raise InvalidModelFile(f'the key "{key}" names the block {number} of {blocks}')
    return numbers

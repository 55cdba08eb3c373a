"""What the parts for pictures of several families share. Pure."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import F32, array, flag, words
from tampu.gguf.translate.numbers import picked_planes
from tampu.gguf.translate.translation import Translation, shape_text

HALF: Final = (0.5, 0.5, 0.5)
SIZES: Final = (
    "block_count",
    "embedding_length",
    "feed_forward_length",
    "attention.head_count",
    "image_size",
    "patch_size",
)
"""What most families say of their encoders, and under these names."""


def begin(made: Translation, *, has_vision: bool = True) -> None:
    """Make a projector of the file."""
    made.facts["general.architecture"] = words("clip")
    if has_vision:
        made.default("clip.has_vision_encoder", flag(True))


def colours(made: Translation, mean: Sequence[float] = HALF, deviation: Sequence[float] = HALF) -> None:
    """How the colours of pictures are to be scaled, unless the file says so."""
    made.default("clip.vision.image_mean", array(F32, mean))
    made.default("clip.vision.image_std", array(F32, deviation))


def split_patches(made: Translation, channels: int) -> None:
    """Make of one filter over two pictures in time one filter for each."""
    name = "v.patch_embed.weight"
    if "v.patch_embd.weight" in made.stored:
        return
    source = made.require(name)
    if len(source.shape) != 4 or source.shape[2] != 2 or channels <= 0 or source.shape[3] % channels:
        text = f"the shape {shape_text(source.shape)}, no filter over two pictures of {channels} colours"
        raise InvalidModelFile(f'the tensor "{name}" has {text}')
    width, height, _, planes = source.shape
    shape = (width, height, channels, planes // channels)
    made.tensors.pop(name, None)
    for time, ending in enumerate(("", ".1")):
        piece = made.widened_piece(source, _every_second(4 * width * height, time), 2 * source.element_count)
        made.put(f"v.patch_embd.weight{ending}", shape, piece)


def join_attention(made: Translation, blocks: int | None) -> None:
    """Make one tensor of what a block asks, what it is asked for, and what it answers."""
    for block in made.blocks(blocks):
        for ending in ("weight", "bias"):
            parts = [f"v.blk.{block}.attn_{part}.{ending}" for part in "qkv"]
            if any(part in made.stored for part in parts):
                made.join(f"v.blk.{block}.attn_qkv.{ending}", parts)


def _every_second(plane_bytes: int, first: int) -> Callable[[bytes], bytes]:
    return partial(picked_planes, plane_bytes=plane_bytes, first=first)

"""Nemotron H Omni: a Nemotron H, with experts or without, behind an encoder of pictures. Its sound is left out."""

from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate import nemotron_h_moe, vision
from tampu.gguf.translate.facts import as_f32, as_it_is, as_u32, f32, flag, u32, words
from tampu.gguf.translate.numbers import Grid, resampled, square_root
from tampu.gguf.translate.translation import Translation, shape_text

_OWN: Final = "nemotron_h_omni"
_USUAL: Final = {
    "image_size": 512,
    "patch_size": 16,
    "embedding_length": 1280,
    "num_channels": 3,
    "block_count": 32,
    "attention.head_count": 16,
    "projector.scale_factor": 2,
}
_TAKEN_OVER: Final = (
    "image_mean",
    "image_std",
    "image_token_id",
    "image_start_token_id",
    "image_end_token_id",
    "max_tiles",
    "min_num_patches",
    "max_num_patches",
)
_MOST_LENGTH: Final = 1 << 20


def is_published(file: Translation) -> bool:
    del file
    return True


def translate_text(made: Translation) -> None:
    has_experts = any((made.number(f"{_OWN}.{key}") or 0) > 0 for key in ("expert_count", "expert_used_count"))
    made.become("nemotron_h_moe" if has_experts else "nemotron_h", without=("vision.", "audio."))
    made.hide("a.", "v.", "mm.")
    if has_experts and nemotron_h_moe.is_published(made):
        nemotron_h_moe.translate_text(made)


def translate_projector(made: Translation) -> None:
    vision.begin(made)
    made.keep_only("v.", "mm.")
    made.hide("mm.a.")
    made.copy_each(f"{_OWN}.vision.", "clip.vision.", (*vision.SIZES, "num_channels", "projector.scale_factor"))
    made.copy_each(f"{_OWN}.vision.", "clip.vision.", ("attention.layer_norm_epsilon",), as_f32)
    made.copy(f"{_OWN}.embedding_length", "clip.vision.projection_dim", as_u32)
    made.copy_each(f"{_OWN}.vision.", "clip.vision.", _TAKEN_OVER, as_it_is)
    for key, number in _USUAL.items():
        made.default(f"clip.vision.{key}", u32(number))
    made.default("clip.vision.feed_forward_length", u32(4 * _length(made, "embedding_length")))
    made.default("clip.vision.attention.layer_norm_epsilon", f32(1e-6))
    vision.colours(made, (0.48145466, 0.45782750, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    made.facts["clip.vision.projector_type"] = words("nemotron_v2_vl")
    made.default("clip.use_gelu", flag(True))
    made.facts["clip.has_audio_encoder"] = flag(False)
    made.rename("v.cls_embd", "v.class_embd")
    made.widen("v.class_embd")
    _stretch_places(made)
    _shape_patches(made)
    made.rename_each(
        (("mm.norm", "mm.model.mlp.0"), ("mm.1", "mm.model.mlp.1"), ("mm.2", "mm.model.mlp.3")), (".weight",)
    )


def _length(made: Translation, key: str) -> int:
    number = made.require_number(f"clip.vision.{key}")
    if number > _MOST_LENGTH:
        raise InvalidModelFile(f'the key "{_OWN}.vision.{key}" must be a length, not {number}')
    return number


def _stretch_places(made: Translation) -> None:
    """Fit the vectors of places to as many patches as a picture has."""
    name = next((name for name in ("v.position_embd", "v.position_embd.weight") if name in made.stored), None)
    if name is None:
        return
    source = made.stored[name]
    width, side = _length(made, "embedding_length"), _length(made, "image_size") // _length(made, "patch_size")
    shape = source.shape
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    grid = _grid(shape, width)
    if grid is None or side < 1 or source.element_count != width * grid.side**2 or side > 2 * grid.side:
        raise InvalidModelFile(
            f'the tensor "{name}" has the shape {shape_text(source.shape)}, not that of a square of {width}'
        )
    piece = made.widened_piece(source, lambda data: resampled(data, grid, side), 4 * width * side * side)
    made.tensors.pop(name, None)
    made.put("v.position_embd.weight", (width, side * side), piece)


def _grid(shape: tuple[int, ...], width: int) -> Grid | None:
    match shape:
        case (first, second) if root := square_root(second):
            return Grid(side=root, width=width, has_whole_vectors=first == width)
        case (first, _) if root := square_root(first):
            return Grid(side=root, width=width, has_whole_vectors=first == width)
        case (1, places, _) if root := square_root(places):
            return Grid(side=root, width=width, has_whole_vectors=True)
        case _:
            return None


def _shape_patches(made: Translation) -> None:
    """The filter over a patch is written flat, in the right order."""
    name = "v.patch_embd.weight"
    patch, channels = _length(made, "patch_size"), _length(made, "num_channels")
    width = _length(made, "embedding_length")
    source = made.stored.get(name)
    if source is not None and source.shape == (patch * patch * channels, width):
        made.put(name, (patch, patch, channels, width), made.widened_piece(source, lambda data: data))

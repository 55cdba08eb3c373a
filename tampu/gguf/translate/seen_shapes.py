"""Which shapes the tensors of a projector of pictures or sound have to have. Pure.

The engine looks at none of them: it dies of the first picture, or sound, that meets one that does not fit.
"""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.translation import Translation, shape_text

_Table = Mapping[str, str]
"""By name, a word for each dimension. A word that no key tells is as long wherever it stands; any length is `*`."""
_EACH_BLOCK: Final = re.compile(r"(?P<part>v\.(?:sam\.)?blk\.|v\.deepstack\.)[0-9]{1,5}\.(?P<name>.+)", re.ASCII)
_EACH_HEARING: Final = re.compile(r"a\.blk\.[0-9]{1,5}\.(?P<name>.+)", re.ASCII)
_NONE: Final[_Table] = MappingProxyType({})
_FALLBACK_MERGE: Final = 2
_FIRST_PATCH: Final = 16
"""The side of what an encoder in front of the other takes from a picture at once; the engine knows no other."""
_LARGEST_SQUARE: Final = 16
"""Tokens along a side of the largest square picture that is shown to `gemma4v`, each of which joins patches."""
_FALLBACK_JOIN: Final = 3


def _pair(name: str, weight: str, bias: str) -> dict[str, str]:
    return {f"{name}.weight": weight, f"{name}.bias": bias}


_CLAMPED: Final = ("attn_q", "attn_k", "attn_v", "attn_out", "ffn_gate", "ffn_up", "ffn_down")
"""What limits numbers before and after these is one number each."""
_BLOCK: Final[_Table] = {
    **_pair("ln1", "width", "width"),
    **_pair("ln2", "width", "width"),
    **_pair("attn_q", "width width", "width"),
    **_pair("attn_k", "width width", "width"),
    **_pair("attn_v", "width width", "width"),
    **_pair("attn_qkv", "width width_thrice", "width_thrice"),
    **_pair("attn_out", "width width", "width"),
    **_pair("ffn_gate", "width inner", "inner"),
    **_pair("ffn_up", "width inner", "inner"),
    **_pair("ffn_down", "inner width", "width"),
    **{f"{name}.{end}": "one" for name in _CLAMPED for end in ("input_min", "input_max", "output_min", "output_max")},
    "attn_q_norm.weight": "head",
    "attn_k_norm.weight": "head",
    "attn_post_norm.weight": "width",
    "ffn_post_norm.weight": "width",
}
_SWAPPED: Final[_Table] = {**_pair("ffn_down", "width inner", "inner"), **_pair("ffn_up", "inner width", "width")}
_FIRST_BLOCK: Final[_Table] = {
    **_pair("pre_ln", "first", "first"),
    **_pair("post_ln", "first", "first"),
    **_pair("attn.qkv", "first first_thrice", "first_thrice"),
    **_pair("attn.out", "first first", "first"),
    **_pair("mlp.lin1", "first first_inner", "first_inner"),
    **_pair("mlp.lin2", "first_inner first", "first"),
    "attn.pos_h.weight": "first_head *",
    "attn.pos_w.weight": "first_head *",
}
_DEEP: Final[_Table] = {
    **_pair("norm", "merged", "merged"),
    **_pair("fc1", "merged deep", "deep"),
    **_pair("fc2", "deep text", "text"),
}
_COMMON: Final[_Table] = {
    **_pair("v.pre_ln", "width", "width"),
    **_pair("v.post_ln", "width", "width"),
    **_pair("v.patch_embd", "patch patch colours width", "width"),
    "v.patch_embd.weight.1": "patch patch colours width",
}
_MERGER: Final[_Table] = {
    **_pair("mm.0", "merged joined", "joined"),
    **_pair("mm.2", "joined text", "text"),
    "v.position_embd.weight": "width square",
}
_SHUFFLED: Final = "shuffled mixed"
"""Of what takes a square of patches as one."""
_OF_KINDS: Final[dict[str, _Table]] = {
    "deepseekocr": {
        "v.class_embd": "width",
        "v.position_embd.weight": "width patches_and_one",
        **_pair("v.sam.patch_embd", "first_patch first_patch colours first", "first"),
        "v.sam.pos_embd.weight": "first side side",
        "v.sam.neck.0.weight": "one one first neck",
        **_pair("v.sam.neck.1", "neck", "neck"),
        "v.sam.neck.2.weight": "three three neck neck_out",
        **_pair("v.sam.neck.3", "neck_out", "neck_out"),
        "v.sam.net_2.weight": "three three neck_out middle",
        "v.sam.net_3.weight": "three three middle width",
        **_pair("mm.model.fc", "width_twice page", "page"),
        "v.image_newline": "page",
        "v.view_seperator": "page",
    },
    "gemma3": {
        "v.position_embd.weight": "width patches",
        "mm.input_projection.weight": "text width",
        "mm.soft_emb_norm.weight": "width",
    },
    "gemma4v": {
        "v.position_embd.weight": "width * two",
        "mm.input_projection.weight": "width text",
        "v.std_bias": "width",
        "v.std_scale": "width",
    },
    "glm4v": {
        **_pair("mm.patch_merger", "merge merge width text", "text"),
        "mm.model.fc.weight": "text text",
        **_pair("mm.post_norm", "text", "text"),
        "mm.gate.weight": "text gated",
        "mm.up.weight": "text gated",
        "mm.down.weight": "gated text",
    },
    "llama4": {
        "v.class_embd": "width",
        "v.position_embd.weight": "width patches_and_one",
        "v.patch_embd.weight": "flat_patch width",
        "mm.model.mlp.1.weight": _SHUFFLED,
        "mm.model.mlp.2.weight": "mixed seen",
        "mm.model.fc.weight": "seen text",
    },
    "nemotron_v2_vl": {
        "v.class_embd": "width *",
        "v.position_embd.weight": "width patches",
        "mm.model.mlp.0.weight": "shuffled",
        "mm.model.mlp.1.weight": _SHUFFLED,
        "mm.model.mlp.3.weight": "mixed text",
    },
    "pixtral": {
        "mm.input_norm.weight": "width",
        "mm.patch_merger.weight": "merged width",
        **_pair("mm.1", "width joined", "joined"),
        **_pair("mm.2", "joined text", "text"),
        "v.token_embd.img_break": "text",
    },
    "qwen2.5vl_merger": _MERGER,
    "qwen3vl_merger": _MERGER,
}
"""By kind of projector: what it has outside its blocks."""


_HEARING_WIDE: Final = (
    *("attn_pre_norm", "attn_post_norm", "ln2", "conv_norm", "norm_conv"),
    *("ffn_norm", "ffn_post_norm", "ffn_norm_1", "ffn_post_norm_1"),
)
_HEARING_SQUARE: Final = ("attn_q", "attn_k", "attn_v", "attn_out", "attn_k_rel", "conv_pw2")
_HEARING_BLOCK: Final[_Table] = {
    **{f"{name}.weight": "width" for name in _HEARING_WIDE},
    **{f"{name}.weight": "width width" for name in _HEARING_SQUARE},
    **{f"{name}.weight": "width inner" for name in ("ffn_up", "ffn_up_1")},
    **{f"{name}.weight": "inner width" for name in ("ffn_down", "ffn_down_1")},
    "conv_pw1.weight": "width width_twice",
    "conv_dw.weight": "kernel width",
    "per_dim_scale.weight": "head",
}
_HEARING: Final[dict[str, _Table]] = {
    "gemma4a": {
        "a.conv1d.0.weight": "three three one halved",
        "a.conv1d.0.norm.weight": "halved",
        "a.conv1d.1.weight": "three three halved quartered",
        "a.conv1d.1.norm.weight": "quartered",
        "a.input_projection.weight": "flat_tones width",
        **_pair("a.pre_encode.out", "width heard", "heard"),
        "mm.a.input_projection.weight": "heard text",
    }
}
"""By kind of projector: what one of sound has outside its blocks."""

_TOLD_BY: Final[_Table] = {
    "colours": "num_channels",
    "flat_patch": "patch_size",
    "merge": "spatial_merge_size",
    "merged": "spatial_merge_size",
    "patch": "patch_size",
    "patches": "image_size",
    "patches_and_one": "image_size",
    "shuffled": "projector.scale_factor",
    "width": "embedding_length",
}


def check_seen_shapes(made: Translation, kind: str) -> None:
    """Raise InvalidModelFile, naming the tensor or key, for a projector that the engine would die of."""
    known = _lengths(made)
    _check_heads(made, known)
    outside = {**_COMMON, **_OF_KINDS.get(kind, _NONE)}
    if _SHUFFLED in outside.values():
        _check_side(made, known)
    block = {**_BLOCK, **_SWAPPED} if kind == "gemma3" else _BLOCK
    inside = {"v.blk.": block, "v.sam.blk.": _FIRST_BLOCK, "v.deepstack.": _DEEP}
    for name in made.tensors:
        match = _EACH_BLOCK.fullmatch(name)
        words = inside[match["part"]].get(match["name"]) if match else outside.get(name)
        if words is not None:
            _check(made, name, words.split(), known)
    if kind == "gemma4v":
        _check_places(made)


def _check_places(made: Translation) -> None:
    """One who looks up a place along each side has enough of them; the engine dies of a picture beyond the last."""
    name, join = "v.position_embd.weight", made.number("clip.vision.projector.scale_factor")
    least = _LARGEST_SQUARE * (_FALLBACK_JOIN if join is None else join)
    shape = made.tensors[name].shape
    if shape[1] < least:
        wanted = shape_text((shape[0], least, *shape[2:]))
        text = f"has the shape {shape_text(shape)}, but pictures take {wanted} at least"
        raise InvalidModelFile(f'the tensor "{made.stored_name(name)}" {text}')


def check_heard_shapes(made: Translation, kind: str) -> None:
    """The same for a projector of sound."""
    if kind not in _HEARING:
        return
    width, heads, tones, text = (
        made.number(f"clip.audio.{key}") or 0
        for key in ("embedding_length", "attention.head_count", "num_mel_bins", "projection_dim")
    )
    if not heads or width % heads:
        key = made.stored_key("clip.audio.attention.head_count")
        raise InvalidModelFile(f'the key "{key}" must divide {width}, but is {heads}')
    *_, quartered = (0, *made.tensors["a.conv1d.1.weight"].shape)
    known = {"one": 1, "three": 3, "width": width, "width_twice": 2 * width, "head": width // heads, "text": text}
    known["flat_tones"] = tones // 4 * quartered
    for name in made.tensors:
        match = _EACH_HEARING.fullmatch(name)
        words = _HEARING_BLOCK.get(match["name"]) if match else _HEARING[kind].get(name)
        if words is not None:
            _check(made, name, words.split(), known)


def _lengths(made: Translation) -> dict[str, int]:
    def number(key: str, usual: int = 0) -> int:
        found = made.number(f"clip.vision.{key}")
        return usual if found is None else found

    width, patch, first = number("embedding_length"), number("patch_size"), number("sam.embedding_length")
    side = number("image_size") // patch if patch else 0
    merge, shuffle = number("spatial_merge_size", _FALLBACK_MERGE), number("projector.scale_factor")
    colours = number("num_channels", 3)
    return {
        "one": 1,
        "two": 2,
        "three": 3,
        "width": width,
        "width_twice": 2 * width,
        "width_thrice": 3 * width,
        "patch": patch,
        "flat_patch": patch * patch * colours,
        "side_patches": side,
        "patches": side**2,
        "patches_and_one": side**2 + 1,
        "colours": colours,
        "head": width // max(1, number("attention.head_count")),
        "text": number("projection_dim"),
        "merge": merge,
        "merged": merge * merge * width,
        "shuffle": shuffle,
        "shuffled": shuffle * shuffle * width,
        "first": first,
        "first_patch": _FIRST_PATCH,
        "first_thrice": 3 * first,
        "first_head": first // max(1, number("sam.head_count")),
    }


def _check_side(made: Translation, known: Mapping[str, int]) -> None:
    side, factor = known["side_patches"], known["shuffle"]
    if factor and side % factor:
        key = made.stored_key("clip.vision.image_size")
        raise InvalidModelFile(f'the key "{key}" makes sides of {side} patches, which must be a multiple of {factor}')


def _check_heads(made: Translation, known: Mapping[str, int]) -> None:
    for prefix, width in (("", known["width"]), ("sam.", known["first"])):
        key = f"clip.vision.{prefix}{'attention.' if not prefix else ''}head_count"
        heads = made.number(key)
        if heads is not None and (not heads or width % heads):
            raise InvalidModelFile(f'the key "{made.stored_key(key)}" must divide {width}, but is {heads}')


def _check(made: Translation, name: str, words: list[str], known: dict[str, int]) -> None:
    shape = made.tensors[name].shape
    padded = (*shape, *[1] * (len(words) - len(shape)))
    wanted = [_wanted(word, length, known) for word, length in zip(words, padded, strict=False)]
    if list(padded[: len(words)]) != wanted or any(length != 1 for length in padded[len(words) :]):
        text = f'the tensor "{made.stored_name(name)}" has the shape {shape_text(shape)}, not {shape_text(wanted)}'
        absent = next(filter(None, (_absent(made, word) for word in words)), None)
        raise InvalidModelFile(text if absent is None else f'{text}; the key "{absent}" is missing')


def _absent(made: Translation, word: str) -> str | None:
    """The key that would tell a length, where something usual was taken instead of it."""
    key = f"clip.vision.{_TOLD_BY.get(word, '')}"
    origin = made.origins.get(key)
    return origin if origin is not None and origin not in made.facts else None


def _wanted(word: str, length: int, known: dict[str, int]) -> int:
    """What no key tells becomes known where it is met first."""
    if word == "*":
        return length
    return math.isqrt(length) ** 2 if word == "square" else known.setdefault(word, length)

"""Whether a translated file is complete, before an engine is started on it. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import F32, I32, TEXT, U32, Items, items_of, kind_of, number_of
from tampu.gguf.translate.needs import NEEDS, SEEING, WIDTH_FIRST, WIDTH_SECOND, Names, Needs
from tampu.gguf.translate.translation import Translation, shape_text

_SIZES: Final = ("embedding_length", "attention.head_count", "feed_forward_length", "block_count", "projection_dim")
_COLOURS: Final = ("image_mean", "image_std")
_EPSILON: Final = "attention.layer_norm_epsilon"
_TEXT_SIZES: Final = ("block_count", "embedding_length", "context_length")
_PER_BLOCK: Final = ("attention.head_count", "attention.head_count_kv", "feed_forward_length")
_EPSILONS: Final = ("attention.layer_norm_rms_epsilon", _EPSILON)
_BLOCK: Final = re.compile(r"blk\.([0-9]{1,5})\.(.+)", re.ASCII)
_VISION_BLOCK: Final = re.compile(r"v\.blk\.([0-9]{1,5})\.(.+)", re.ASCII)

Shapes = dict[int, dict[str, tuple[int, ...]]]
"""By block and name within it."""


def check_text(made: Translation) -> None:
    """Raise InvalidModelFile, naming the key or tensor, for a model that the engine would not take."""
    own = made.architecture
    for name in _TEXT_SIZES:
        _check_count(made, f"{own}.{name}")
    for name in _PER_BLOCK:
        _check_per_block(made, f"{own}.{name}", made.require_number(f"{own}.block_count"))
    if not any(f"{own}.{name}" in made.facts for name in _EPSILONS):
        raise _missing(made, f"{own}.{_EPSILONS[0]}")
    for name in _EPSILONS:
        key = f"{own}.{name}"
        if key in made.facts and kind_of(made.facts[key]) != F32:
            raise InvalidModelFile(f'the key "{made.origins.get(key, key)}" must be a number with a point')
    _check_vocabulary(made)
    if own in NEEDS:
        _check_tensors(made, NEEDS[own])


def check_projector(made: Translation) -> None:
    """The same for a projector. The engine does not survive a key of it that has the wrong type."""
    if _is_set(made, "clip.has_vision_encoder"):
        _check_encoder(made, "clip.vision.", (*_SIZES, "image_size", "patch_size"))
        for name in _COLOURS:
            _check_colours(made, f"clip.vision.{name}")
        _check_seeing_tensors(made)
    if _is_set(made, "clip.has_audio_encoder"):
        _check_encoder(made, "clip.audio.", (*_SIZES, "num_mel_bins"))


# --- keys ------------------------------------------------------------------------------------------------------------


def _check_count(made: Translation, key: str) -> None:
    stored = made.origins.get(key, key)
    if key not in made.facts:
        raise _missing(made, key)
    if kind_of(made.facts[key]) != U32 or not made.number(key):
        raise InvalidModelFile(f'the key "{stored}" must be a whole number of 32 bits above 0')


def _check_per_block(made: Translation, key: str, blocks: int) -> None:
    if key not in made.facts or kind_of(made.facts[key]) == U32:
        return
    items = items_of(made.facts[key])
    if items is None or items.kind not in {U32, I32} or items.count != blocks:
        text = f"must be a whole number of 32 bits, or one for each of {blocks} blocks"
        raise InvalidModelFile(f'the key "{made.origins.get(key, key)}" {text}')


def _check_vocabulary(made: Translation) -> None:
    tokens = _items(made, "tokenizer.ggml.tokens")
    if tokens is None or tokens.kind != TEXT or not tokens.count:
        raise InvalidModelFile('the key "tokenizer.ggml.tokens" must be a list of texts')
    for name in ("scores", "token_type"):
        key = f"tokenizer.ggml.{name}"
        if key not in made.facts:
            continue
        items = _items(made, key)
        if items is None or items.count < tokens.count or items.kind == TEXT:
            count = items.count if items else 0
            raise InvalidModelFile(f'the key "{key}" must have a number for each of {tokens.count} tokens, not {count}')
    table = made.tensors.get("token_embd.weight")
    if table is not None and table.shape[1:] != (tokens.count,):
        text = f"has the shape {shape_text(table.shape)}, which does not go with {tokens.count} tokens"
        raise InvalidModelFile(f'the tensor "token_embd.weight" {text}')


def _items(made: Translation, key: str) -> Items | None:
    return items_of(made.facts[key]) if key in made.facts else None


def _check_encoder(made: Translation, prefix: str, sizes: Iterable[str]) -> None:
    for name in sizes:
        _check_count(made, f"{prefix}{name}")
    if f"{prefix}{_EPSILON}" not in made.facts:
        raise _missing(made, f"{prefix}{_EPSILON}")


def _check_colours(made: Translation, key: str) -> None:
    if key not in made.facts:
        raise _missing(made, key)
    items = items_of(made.facts[key])
    if items is None or items.kind != F32 or items.count < 3:
        raise InvalidModelFile(f'the key "{made.origins.get(key, key)}" must be a list of three numbers')


def _missing(made: Translation, key: str) -> InvalidModelFile:
    return InvalidModelFile(f'the key "{made.origins.get(key, key)}" is missing')


def _is_set(made: Translation, key: str) -> bool:
    return key in made.facts and number_of(made.facts[key]) is True


# --- tensors ---------------------------------------------------------------------------------------------------------


def _check_tensors(made: Translation, needs: Needs) -> None:
    own = made.architecture
    for name in needs.outside:
        if name not in made.tensors:
            raise InvalidModelFile(f'the tensor "{name}" is missing')
    width = made.require_number(f"{own}.embedding_length")
    blocks = _blocks(made, _BLOCK)
    # Blocks that look ahead come last, and the engine does without them.
    count = made.require_number(f"{own}.block_count") - max(0, made.number(f"{own}.nextn_predict_layers") or 0)
    # The first block that is not there ends this, however many the file says there are.
    for block in range(count):
        for name in _absent(blocks.get(block, {}), needs):
            raise InvalidModelFile(f'the tensor "blk.{block}.{name}" is missing')
        _check_widths(block, blocks[block], width)
    if needs.is_even:
        _check_even(blocks, "blk.")


def _absent(shapes: dict[str, tuple[int, ...]], needs: Needs) -> Iterator[str]:
    yield from (name for name in needs.each if name not in shapes)
    for groups in needs.one_of:
        fitting = max(groups, key=lambda group: _share(shapes, group))
        yield from (name for name in fitting if name not in shapes)
    for group in needs.together:
        if not shapes.keys().isdisjoint(group):
            yield from (name for name in group if name not in shapes)


def _share(shapes: dict[str, tuple[int, ...]], group: Names) -> float:
    return sum(name in shapes for name in group) / len(group)


def _check_widths(block: int, shapes: dict[str, tuple[int, ...]], width: int) -> None:
    for name, shape in shapes.items():
        at = 0 if name in WIDTH_FIRST else 1 if name in WIDTH_SECOND else None
        if at is not None and (len(shape) <= at or shape[at] != width):
            text = f"has the shape {shape_text(shape)}, which does not go with a width of {width}"
            raise InvalidModelFile(f'the tensor "blk.{block}.{name}" {text}')


def _check_seeing_tensors(made: Translation) -> None:
    """All blocks of an encoder are alike; the engine looks at hardly any shape, and ends where one does not fit."""
    patches = made.tensors.get("v.patch_embd.weight")
    if patches is None:
        raise InvalidModelFile('the tensor "v.patch_embd.weight" is missing')
    width = made.number("clip.vision.embedding_length")
    if patches.shape[-1] != width:
        text = f"has the shape {shape_text(patches.shape)}, which does not go with a width of {width}"
        raise InvalidModelFile(f'the tensor "v.patch_embd.weight" {text}')
    blocks = _blocks(made, _VISION_BLOCK)
    every = SEEING & {name for shapes in blocks.values() for name in shapes}
    for block in range(made.require_number("clip.vision.block_count")):
        for name in sorted(every - blocks.get(block, {}).keys()) or (() if block in blocks else ("ln1.weight",)):
            raise InvalidModelFile(f'the tensor "v.blk.{block}.{name}" is missing')
    _check_even(blocks, "v.blk.")


def _check_even(blocks: Shapes, prefix: str) -> None:
    by_name: dict[str, Counter[tuple[int, ...]]] = {}
    for shapes in blocks.values():
        for name, shape in shapes.items():
            by_name.setdefault(name, Counter())[shape] += 1
    for block, shapes in sorted(blocks.items(), reverse=True):
        for name, shape in shapes.items():
            usual = by_name[name].most_common(1)[0][0]
            if shape != usual:
                text = f"has the shape {shape_text(shape)}, in other blocks it has {shape_text(usual)}"
                raise InvalidModelFile(f'the tensor "{prefix}{block}.{name}" {text}')


def _blocks(made: Translation, pattern: re.Pattern[str]) -> Shapes:
    blocks: Shapes = {}
    for match, tensor in ((pattern.fullmatch(name), tensor) for name, tensor in made.tensors.items()):
        if match:
            blocks.setdefault(int(match[1]), {})[match[2]] = tensor.shape
    return blocks

"""Whether a translated file is complete, before an engine is started on it. Pure."""

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.translate.facts import BOOL, F32, I32, TEXT, U32, Items, items_of, kind_of, number_of
from tampu.gguf.translate.key_types import settle_projector_keys, settle_text_keys
from tampu.gguf.translate.lengths import MIXED, RECURRENT
from tampu.gguf.translate.needed_keys import check_keys, check_projector_keys
from tampu.gguf.translate.needs import (
    ASKING_BIASES,
    BIASED,
    EACH_SEEING,
    ENCODERS,
    HEARING,
    NEEDS,
    SEEING,
    Names,
    Needs,
)
from tampu.gguf.translate.number_types import check_number_types
from tampu.gguf.translate.relations import check_kinds, check_pattern, check_relations
from tampu.gguf.translate.seen_shapes import check_heard_shapes, check_seen_shapes
from tampu.gguf.translate.shapes import Shapes, check_shapes
from tampu.gguf.translate.translation import MOST_LENGTH, Translation, shape_text
from tampu.gguf.vocabulary import (
    KINDS,
    MOST_TOKENS,
    SCORES,
    TOKENIZER,
    TOKENS,
    bytes_among,
    check_vocabulary,
    texts_in,
)

_SIZES: Final = ("embedding_length", "attention.head_count", "feed_forward_length", "block_count", "projection_dim")
_COLOURS: Final = ("image_mean", "image_std")
_EPSILON: Final = "attention.layer_norm_epsilon"
_TEXT_SIZES: Final = ("block_count", "embedding_length", "context_length")
_WITHOUT_ROOT_NORMS: Final = frozenset({"bert"})
_PER_BLOCK: Final = (
    *("attention.head_count", "attention.head_count_kv", "feed_forward_length"),
    *("expert_used_count", "expert_feed_forward_length"),
)
_EPSILONS: Final = ("attention.layer_norm_rms_epsilon", _EPSILON)
_BLOCK: Final = re.compile(r"blk\.([0-9]{1,5})\.(.+)", re.ASCII)
_VISION_BLOCK: Final = re.compile(r"v\.blk\.([0-9]{1,5})\.(.+)", re.ASCII)
_HEARING_BLOCK: Final = re.compile(r"a\.blk\.([0-9]{1,5})\.(.+)", re.ASCII)
_FIRST_VISION_BLOCK: Final = re.compile(r"v\.sam\.blk\.([0-9]{1,5})\.(.+)", re.ASCII)


def check_text(made: Translation) -> None:
    """Raise InvalidModelFile, naming the key or tensor, for a model that the engine would not take."""
    settle_text_keys(made)
    own = made.architecture
    for name in _TEXT_SIZES:
        _check_count(made, f"{own}.{name}")
    for name in _PER_BLOCK:
        _check_per_block(made, f"{own}.{name}", made.require_number(f"{own}.block_count"))
    if own in MIXED:
        _check_per_block(made, f"{own}.{RECURRENT}", made.require_number(f"{own}.block_count"))
    if not any(f"{own}.{name}" in made.facts for name in _EPSILONS):
        raise _missing(made, f"{own}.{_EPSILON if own in _WITHOUT_ROOT_NORMS else _EPSILONS[0]}")
    _check_vocabulary(made)
    if own in NEEDS:
        _check_tensors(made, NEEDS[own])
    check_number_types(made)


def check_projector(made: Translation) -> None:
    """The same for a projector. The engine does not survive a key of it that has the wrong type."""
    settle_projector_keys(made)
    if _is_set(made, "clip.has_vision_encoder"):
        _check_encoder(made, "clip.vision.", ("patch_size", *_SIZES, "image_size"))
        for name in _COLOURS:
            _check_colours(made, f"clip.vision.{name}")
        _check_seeing_tensors(made)
        _check_kind(made, ("clip.projector_type", "clip.vision.projector_type"))
    if _is_set(made, "clip.has_audio_encoder"):
        _check_encoder(made, "clip.audio.", (*_SIZES, "num_mel_bins"))
        _check_kind(made, ("clip.audio.projector_type",))
        _check_hearing_tensors(made)
    check_number_types(made)


# --- keys ------------------------------------------------------------------------------------------------------------


def _check_count(made: Translation, key: str) -> None:
    stored = made.stored_key(key)
    if key not in made.facts:
        raise _missing(made, key)
    if kind_of(made.facts[key]) != U32 or not 0 < (made.number(key) or 0) <= MOST_LENGTH:
        raise InvalidModelFile(f'the key "{stored}" must be a whole number from 1 to {MOST_LENGTH}')


def _check_per_block(made: Translation, key: str, blocks: int) -> None:
    if key not in made.facts or kind_of(made.facts[key]) == U32:
        return
    items = items_of(made.facts[key])
    kinds = {U32, I32, BOOL} if key.endswith(RECURRENT) else {U32, I32}
    if items is None or items.kind not in kinds or items.count != blocks:
        text = f"must be a whole number of 32 bits, or one for each of {blocks} blocks"
        raise InvalidModelFile(f'the key "{made.stored_key(key)}" {text}')


def _check_vocabulary(made: Translation) -> None:
    tokens = _items(made, TOKENS)
    if tokens is None or tokens.kind != TEXT or not tokens.count:
        raise InvalidModelFile(f'the key "{TOKENS}" must be a list of texts')
    for key in (SCORES, KINDS):
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
    _check_tokens(made, tokens)


def _check_tokens(made: Translation, tokens: Items) -> None:
    if tokens.count <= MOST_TOKENS:
        kinds = _items(made, KINDS)
        bytes_at = bytes_among(kinds.body) if kinds is not None and kinds.kind == I32 else iter(())
        check_vocabulary(made.text(TOKENIZER) or "", texts_in(tokens.body, tokens.count), bytes_at)


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
        raise InvalidModelFile(f'the key "{made.stored_key(key)}" must be a list of three numbers')


def _missing(made: Translation, key: str) -> InvalidModelFile:
    return InvalidModelFile(f'the key "{made.stored_key(key)}" is missing')


def _is_set(made: Translation, key: str) -> bool:
    return key in made.facts and number_of(made.facts[key]) is True


# --- tensors ---------------------------------------------------------------------------------------------------------


def _check_tensors(made: Translation, needs: Needs) -> None:
    own = made.architecture
    _check_outside(made, needs.outside)
    blocks = _blocks(made, _BLOCK)
    # Blocks that look ahead come last, and the engine does without them.
    every = made.require_number(f"{own}.block_count")
    if blocks and max(blocks) >= every:
        key = made.stored_key(f"{own}.block_count")
        raise InvalidModelFile(f'the key "{key}" is {every}, but there are tensors of block {max(blocks)}')
    count = every - _ahead(made, every, blocks)
    usual = {name for shapes in blocks.values() for name in shapes}
    # The first block that is not there ends this, however many the file says there are.
    for block in range(count):
        for name in _absent(blocks.get(block, {}), needs, usual):
            raise _without(made, f"blk.{block}.{name}")
    blocks = {block: shapes for block, shapes in blocks.items() if block < count}
    check_keys(made, blocks)
    check_pattern(made, len(blocks))
    check_kinds(made, blocks)
    check_shapes(made, blocks)
    check_relations(made, blocks)


def _ahead(made: Translation, every: int, blocks: Shapes) -> int:
    """How many of the last blocks look ahead; those that are there have what tells them from others."""
    key = f"{made.architecture}.nextn_predict_layers"
    ahead = max(0, made.number(key) or 0)
    if ahead >= every:
        raise InvalidModelFile(f'the key "{made.stored_key(key)}" must be below {every}, the number of blocks')
    for block in (block for block in sorted(blocks) if block >= every - ahead):
        if not any(name.startswith("nextn.") for name in blocks[block]):
            text = f"says that the last {ahead} of {every} blocks look ahead, which block {block} does not"
            raise InvalidModelFile(f'the key "{made.stored_key(key)}" {text}')
    return ahead


def _absent(shapes: Container[str], needs: Needs, usual: Container[str]) -> Iterator[str]:
    """What a block lacks of what it needs; of several ways it is measured by that which fits best, or is `usual`."""
    yield from (name for name in needs.each if name not in shapes)
    for groups in needs.one_of:
        fitting = max(groups, key=lambda group: (_share(shapes, group), _share(usual, group)))
        yield from (name for name in fitting if name not in shapes)
    for group in needs.together:
        if any(name in shapes for name in group):
            yield from (name for name in group if name not in shapes)


def _share(shapes: Container[str], group: Names) -> float:
    return sum(name in shapes for name in group) / len(group)


def _check_seeing_tensors(made: Translation) -> None:
    """All blocks of an encoder are alike."""
    blocks = _blocks(made, _VISION_BLOCK)
    usual = SEEING & {name for shapes in blocks.values() for name in shapes}
    needs = replace(EACH_SEEING, one_of=(*EACH_SEEING.one_of, ASKING_BIASES)) if _is_biased(made) else EACH_SEEING
    for block in range(made.require_number("clip.vision.block_count")):
        shapes = blocks.get(block, {})
        for name in (*_absent(shapes, needs, usual), *sorted(usual - shapes.keys())):
            raise _without(made, f"v.blk.{block}.{name}")
    _check_first_encoder(made)


def _check_hearing_tensors(made: Translation) -> None:
    blocks = _blocks(made, _HEARING_BLOCK)
    for block in range(made.require_number("clip.audio.block_count")):
        for name in HEARING.get(made.text("clip.audio.projector_type") or "", ()):
            if name not in blocks.get(block, {}):
                raise _without(made, f"a.blk.{block}.{name}")


def _check_first_encoder(made: Translation) -> None:
    """Of an encoder in front of the other, all blocks have the same tensors; their shapes differ."""
    blocks = _blocks(made, _FIRST_VISION_BLOCK)
    every = {name for shapes in blocks.values() for name in shapes}
    count = made.number("clip.vision.sam.block_count") or 0
    if blocks and max(blocks) >= count:
        key = made.stored_key("clip.vision.sam.block_count")
        raise InvalidModelFile(f'the key "{key}" is {count}, but there are tensors of block {max(blocks)}')
    for block in range(count if blocks else 0):
        for name in sorted(every - blocks.get(block, {}).keys()):
            raise _without(made, f"v.sam.blk.{block}.{name}")


def _check_kind(made: Translation, keys: Names) -> None:
    """What a projector of its kind has besides its blocks; of an unknown one the engine says it."""
    kind = next(filter(None, map(made.text, keys)), "")
    _check_outside(made, ENCODERS.get(kind, ()))
    check_projector_keys(made, kind)
    if "clip.projector_type" in keys:
        check_seen_shapes(made, kind)
    else:
        check_heard_shapes(made, kind)


def _is_biased(made: Translation) -> bool:
    return made.text("clip.projector_type") in BIASED


def _check_outside(made: Translation, names: Names) -> None:
    for name in names:
        if name not in made.tensors:
            raise _without(made, name)


def _without(made: Translation, name: str) -> InvalidModelFile:
    return InvalidModelFile(f'the tensor "{made.stored_name(name)}" is missing')


def _blocks(made: Translation, pattern: re.Pattern[str]) -> Shapes:
    blocks: Shapes = {}
    for match, tensor in ((pattern.fullmatch(name), tensor) for name, tensor in made.tensors.items()):
        if match:
            blocks.setdefault(int(match[1]), {})[match[2]] = tensor.shape
    return blocks

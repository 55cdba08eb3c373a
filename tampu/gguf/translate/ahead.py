"""Layers that look ahead, which Qwen 3.5's files call `mtp.`: the engine wants them as the last blocks of the model.

One such layer guesses a few words for little, and the model checks them all at once. Norms of these layers are stored
less one, unlike all others. Layers that are not like the model's own are left out: it answers the same without them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from tampu.gguf.translate.facts import u32
from tampu.gguf.translate.lengths import RECURRENT
from tampu.gguf.translate.numbers import shifted
from tampu.gguf.translate.translation import Translation

PREFIX: Final = "mtp."
_LAYER: Final = re.compile(r"mtp\.layers\.(\d{1,5})\.(.+)", re.DOTALL)
_EXPERT: Final = re.compile(r"mlp\.experts\.(\d{1,5})\.(gate|up|down)_proj\.weight")
_BLOCK: Final = re.compile(r"blk\.(\d{1,5})\.(.+)", re.DOTALL)
_SHARED: Final = (
    ("fc.weight", "eh_proj.weight"),
    ("pre_fc_norm_embedding.weight", "enorm.weight"),
    ("pre_fc_norm_hidden.weight", "hnorm.weight"),
    ("embed_tokens.weight", "embed_tokens.weight"),
    ("shared_head.head.weight", "shared_head_head.weight"),
    ("shared_head.norm.weight", "shared_head_norm.weight"),
    ("norm.weight", "shared_head_norm.weight"),
)
"""What belongs to no layer of its own; of two with one new name, the first that there is."""
_NEEDED: Final = frozenset({"eh_proj.weight", "enorm.weight", "hnorm.weight"})
_NEXT: Final = "nextn."
_PER_BLOCK: Final = ("attention.head_count", "attention.head_count_kv", "feed_forward_length", RECURRENT)
_ATTENDING: Final = "attn_q_norm.weight"
"""What marks those of the model's blocks that look like one that looks ahead."""
_SHIFTED: Final = ("_norm.weight", ".nextn.enorm.weight", ".nextn.hnorm.weight")

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Layer:
    """What one layer consists of: names in a block, and the stored tensors that each is made of (experts: several)."""

    parts: Mapping[str, tuple[str, ...]]

    def shapes(self, made: Translation) -> dict[str, Shape]:
        return {name: _stacked(made, sources) for name, sources in self.parts.items()}


def append_layer(made: Translation) -> None:
    """Make the layer that looks ahead the last block of the model, if there is one that the engine could use."""
    own, blocks = made.architecture, _blocks(made)
    if any(name.startswith(_NEXT) for shapes in blocks.values() for name in shapes):
        return
    if blocks and made.has_parts(PREFIX):
        # In such files the tensors tell how many blocks there are, whatever the key says.
        made.facts[f"{own}.block_count"] = u32(1 + max(blocks))
    pattern = next((shapes for shapes in blocks.values() if _ATTENDING in shapes), None)
    if pattern is None:
        return
    layer, count = _layer(made), made.require_number(f"{own}.block_count")
    is_even = 1 + max(blocks) == count and not any(made.is_array(f"{own}.{name}") for name in _PER_BLOCK)
    if layer is None or not is_even or not _fits(layer.shapes(made), pattern, _shapes_beside(made)):
        made.facts.pop(f"{own}.nextn_predict_layers", None)
        return
    made.facts[f"{own}.nextn_predict_layers"] = u32(1)
    made.facts[f"{own}.block_count"] = u32(count + 1)
    for name, sources in layer.parts.items():
        _take(made, sources, f"blk.{count}.{name}")


def _blocks(made: Translation) -> dict[int, dict[str, Shape]]:
    blocks: dict[int, dict[str, Shape]] = {}
    for name, tensor in made.tensors.items():
        if found := _BLOCK.fullmatch(name):
            blocks.setdefault(int(found[1]), {})[found[2]] = tensor.shape
    return blocks


def _layer(made: Translation) -> _Layer | None:
    """The one layer that there is; None where there are several, or none."""
    parts: dict[str, tuple[str, ...]] = {}
    experts: dict[str, dict[int, str]] = {}
    for name in made.stored:
        found = _LAYER.fullmatch(name)
        if found is None:
            continue
        if int(found[1]):
            return None
        if expert := _EXPERT.fullmatch(found[2]):
            experts.setdefault(f"ffn_{expert[2]}_exps.weight", {})[int(expert[1])] = name
        else:
            parts[found[2]] = (name,)
    for target, by_number in experts.items():
        if set(by_number) != set(range(len(by_number))):
            return None
        parts[target] = tuple(by_number[number] for number in range(len(by_number)))
    for old, new in _SHARED:
        if f"{PREFIX}{old}" in made.stored:
            parts.setdefault(f"{_NEXT}{new}", (f"{PREFIX}{old}",))
    return _Layer(parts)


def _shapes_beside(made: Translation) -> dict[str, Shape]:
    width = made.number(f"{made.architecture}.embedding_length") or 0
    words = made.tensors.get("token_embd.weight")
    table = words.shape if words else ()
    norms = dict.fromkeys(("enorm.weight", "hnorm.weight", "shared_head_norm.weight"), (width,))
    tables = dict.fromkeys(("embed_tokens.weight", "shared_head_head.weight"), table)
    return {"eh_proj.weight": (2 * width, width), **norms, **tables}


def _fits(layer: Mapping[str, Shape], pattern: Mapping[str, Shape], beside: Mapping[str, Shape]) -> bool:
    """Whether the layer is like a block of the model, and has all that it needs besides."""
    own = {name: shape for name, shape in layer.items() if not name.startswith(_NEXT)}
    extra = {name.removeprefix(_NEXT): shape for name, shape in layer.items() if name.startswith(_NEXT)}
    return own == pattern and extra.keys() >= _NEEDED and all(beside[name] == shape for name, shape in extra.items())


def _stacked(made: Translation, sources: tuple[str, ...]) -> Shape:
    """The shape of several tensors on top of each other; () where they are not alike."""
    first, *others = (made.stored[source] for source in sources)
    if not others:
        return first.shape
    is_even = all((other.shape, other.type) == (first.shape, first.type) for other in others)
    return (*first.shape, len(sources)) if is_even else ()


def _take(made: Translation, sources: tuple[str, ...], target: str) -> None:
    shape = _stacked(made, sources)
    if len(sources) > 1:
        made.join(target, sources)
        made.tensors[target] = replace(made.tensors[target], shape=shape)
        return
    made.rename(sources[0], target)
    if target.endswith(_SHIFTED):
        made.put(target, shape, made.widened_piece(made.stored[sources[0]], partial(shifted, by=1.0)))

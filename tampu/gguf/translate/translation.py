"""One file on its way to another layout: its facts and tensors, and the steps that change them. Pure.

The steps are those of which the rules of all families consist. Facts and tensors are taken from the file's header;
tensors whose numbers change are computed only when the view is written.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.tensor_types import TENSOR_TYPES, GgmlType
from tampu.gguf.translate.facts import (
    I32,
    Number,
    array,
    as_u32,
    cut,
    items_of,
    number_of,
    numbers_of,
    text_of,
    u32,
    words,
)
from tampu.gguf.translate.numbers import WIDENED_TYPES, interleaved_rows, widened
from tampu.gguf.translate.plan import Computed, Copied, Given, Piece

_F32_TYPE: Final = TENSOR_TYPES[0]
_HALF_TYPES: Final = frozenset({"F16", "BF16"})
MOST_LENGTH: Final = 2**31 - 1
MOST_COMPUTED: Final = 512 << 20
"""Bytes of one tensor that is computed; more than any model has."""

Conversion = Callable[[str, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the new file and the bytes that it consists of."""

    shape: tuple[int, ...]
    type: GgmlType
    pieces: tuple[Piece, ...]

    @property
    def nbytes(self) -> int:
        return sum(piece.nbytes for piece in self.pieces)

    @property
    def start(self) -> tuple[int, int]:
        """Which stored file the first of its bytes come from, and where in it; zeros for what comes from nowhere."""
        match self.pieces[0]:
            case Copied(start=start, file=file):
                return file, start
            case Computed(sources=sources):
                return sources[0].file, sources[0].start
            case Given():
                return 0, 0
            case _ as never:
                assert_never(never)


@dataclass(frozen=True, slots=True)
class Renaming:
    """That names, or parts of names, became others."""

    old: str
    new: str
    is_whole: bool = False

    def undone(self, name: str) -> str:
        """The name before."""
        if self.is_whole:
            return self.old if name == self.new else name
        return name.replace(self.new, self.old, 1)


class Translation:
    """Starts as the stored files are; every step changes it in place. Steps raise InvalidModelFile.

    `headers`: of the files, which are several for a model that is split; `facts`: what the first of them says.
    """

    def __init__(self, headers: Sequence[Header], facts: dict[str, bytes]) -> None:
        self._places = {
            tensor.name: Copied(header.data_offset + tensor.offset, tensor.nbytes, file)
            for file, header in enumerate(headers)
            for tensor in header.tensors
        }
        self.stored = {tensor.name: tensor for header in headers for tensor in header.tensors}
        """The stored tensors, by the names that they have there."""
        self.facts = dict(facts)
        self.tensors = {
            name: Tensor(tensor.shape, tensor.type, (self._places[name],)) for name, tensor in self.stored.items()
        }
        self.origins: dict[str, str] = {}
        """Which key of the stored file a key is copied from, be it there or not."""
        self._stored_architecture = self.architecture
        self._renamings: list[Renaming] = []

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def architecture(self) -> str:
        """What the file says it is, now."""
        return self.text("general.architecture") or ""

    def number(self, key: str) -> int | None:
        """The whole number at a key, however it is written; None without one."""
        fact = self.facts.get(key)
        value = None if fact is None else number_of(fact)
        if isinstance(value, float):
            return int(value) if value.is_integer() else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def numbers(self, key: str) -> list[Number]:
        """The numbers of the array at a key; none without one."""
        fact = self.facts.get(key)
        return (numbers_of(fact) if fact is not None else None) or []

    def whole_numbers(self, key: str) -> list[int]:
        """The numbers of the array at a key, none without one; raises InvalidModelFile unless all are of 32 bits."""
        numbers = self.numbers(key)
        if not all(math.isfinite(number) and number == int(number) and abs(number) < 2**31 for number in numbers):
            raise InvalidModelFile(f'the key "{self.origins.get(key, key)}" must be a list of whole numbers of 32 bits')
        return [int(number) for number in numbers]

    def is_array(self, key: str) -> bool:
        """Whether the key has an array."""
        return key in self.facts and items_of(self.facts[key]) is not None

    def text(self, key: str) -> str | None:
        """The text at a key; None without one."""
        fact = self.facts.get(key)
        return None if fact is None else text_of(fact)

    def size(self, name: str, dimension: int) -> int | None:
        """How long a stored tensor is in one dimension, counted from 0; None without the tensor or the dimension."""
        tensor = self.stored.get(name)
        return tensor.shape[dimension] if tensor and dimension < len(tensor.shape) else None

    def has_parts(self, *prefixes: str) -> bool:
        """Whether the name of a stored tensor begins so."""
        return any(name.startswith(prefixes) for name in self.stored)

    def blocks(self, count: int | None) -> range:
        """The numbers of as many blocks; a count beyond the tensors that there are is a lie and costs nothing."""
        return range(min(count or 0, len(self.stored)))

    def stored_name(self, name: str) -> str:
        """What a tensor is called in the stored file, be it there or not, as far as the steps tell."""
        for renaming in reversed(self._renamings):
            name = renaming.undone(name)
        return name

    def stored_key(self, key: str) -> str:
        """What a key is called in the stored file, be it there or not, as far as the steps tell."""
        prefix = f"{self.architecture}."
        renamed = f"{self._stored_architecture}.{key.removeprefix(prefix)}" if key.startswith(prefix) else key
        return self.origins.get(key, renamed)

    def require(self, name: str) -> TensorInfo:
        """A stored tensor without which there is no translation."""
        if name not in self.stored:
            raise InvalidModelFile(f'the tensor "{name}" is missing')
        return self.stored[name]

    def require_number(self, key: str) -> int:
        """A whole number above 0 without which there is no translation."""
        if key not in self.facts:
            raise InvalidModelFile(f'the key "{key}" is missing')
        number = self.number(key)
        if number is None or number <= 0:
            raise InvalidModelFile(f'the key "{key}" must be a whole number above 0')
        return number

    # --- facts -------------------------------------------------------------------------------------------------------

    def default(self, key: str, fact: bytes) -> None:
        """Set a key that the file lacks."""
        self.facts.setdefault(key, fact)

    def default_size(self, key: str, name: str, dimension: int) -> None:
        """Set a key that the file lacks to how long a stored tensor is, which then must be there."""
        if key not in self.facts:
            self.require(name)
            self.facts[key] = u32(min(self.size(name, dimension) or 1, MOST_LENGTH))

    def copy(self, old: str, new: str, conversion: Conversion) -> None:
        """Say under a new key what an old one says, unless the new one says something already."""
        if new in self.facts:
            return
        self.origins[new] = old
        if old in self.facts:
            self.facts[new] = conversion(old, self.facts[old])

    def copy_each(self, old: str, new: str, names: Iterable[str], conversion: Conversion = as_u32) -> None:
        """`copy` keys that differ in their beginnings only."""
        for name in names:
            self.copy(f"{old}{name}", f"{new}{name}", conversion)

    def become(self, architecture: str, without: tuple[str, ...] = ()) -> None:
        """Take on another architecture: all that the old one says, but for keys of it that begin as `without`."""
        old = f"{self.architecture}."
        self.facts["general.architecture"] = words(architecture)
        for key in [key for key in self.facts if key.startswith(old)]:
            rest = key.removeprefix(old)
            if not rest.startswith(without or "\0"):
                self.copy(key, f"{architecture}.{rest}", lambda _, fact: fact)

    def truncate(self, keys: Iterable[str], count: int) -> None:
        """Shorten arrays to their first items."""
        for key in keys:
            if key in self.facts:
                self.facts[key] = cut(self.facts[key], count)

    def widen_sections(self, key: str) -> None:
        """Add a fourth part of 0 to three parts of a head."""
        sections = self.whole_numbers(key)
        if len(sections) == 3:
            self.facts[key] = array(I32, [*sections, 0])

    # --- names of tensors --------------------------------------------------------------------------------------------

    def rename(self, old: str, new: str) -> None:
        """Give a tensor, if it exists, another name."""
        if old in self.tensors or new not in self.tensors:
            self._renamings.append(Renaming(old, new, is_whole=True))
        self._move(old, new)

    def _move(self, old: str, new: str) -> None:
        if old in self.tensors and old != new:
            if new in self.tensors:
                raise InvalidModelFile(f'the tensor "{old}" and the tensor "{new}" are the same')
            self.tensors[new] = self.tensors.pop(old)

    def rename_each(self, pairs: Iterable[tuple[str, str]], endings: Iterable[str] = ("",)) -> None:
        """`rename` in order, each with every ending."""
        endings = tuple(endings)
        for old, new in pairs:
            for ending in endings:
                self.rename(old + ending, new + ending)

    def replace(self, *pairs: tuple[str, str]) -> None:
        """In all names that contain the first of a pair, put the second in the place of its first occurrence."""
        for old, new in pairs:
            found = [name for name in self.tensors if old in name]
            if found or not any(new in name for name in self.stored):
                self._renamings.append(Renaming(old, new))
            for name in found:
                self._move(name, name.replace(old, new, 1))

    def rename_beginnings(self, old: str, new: str) -> None:
        """Give every name that begins so another beginning."""
        for name in [name for name in self.tensors if name.startswith(old)]:
            self._move(name, new + name.removeprefix(old))
        self._renamings.append(Renaming(old, new))

    def rename_endings(self, old: str, new: str) -> None:
        """Give every name that ends so another ending."""
        for name in [name for name in self.tensors if name.endswith(old)]:
            self._move(name, name.removesuffix(old) + new)
        self._renamings.append(Renaming(old, new))

    def hide(self, *prefixes: str) -> None:
        """Leave out the tensors whose names, by now, begin so."""
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if not name.startswith(prefixes)}

    def keep_only(self, *prefixes: str) -> None:
        """Leave out all tensors whose names, by now, do not begin so."""
        self.tensors = {name: tensor for name, tensor in self.tensors.items() if name.startswith(prefixes)}

    # --- numbers of tensors ------------------------------------------------------------------------------------------

    def widen(self, *names: str) -> None:
        """Make 32 bits of the halves of tensors, where they are halves."""
        for name in names:
            tensor = self.tensors.get(name)
            if tensor is None or tensor.type.label not in _HALF_TYPES:
                continue
            (place,) = tensor.pieces
            if not isinstance(place, Copied):
                raise InvalidModelFile(f'the tensor "{name}" is needed twice')
            self.put(name, tensor.shape, computed(name, tensor.type, (place,), 2 * place.nbytes, lambda data: data))

    def put(self, name: str, shape: tuple[int, ...], piece: Piece) -> None:
        """A tensor of numbers of 32 bits."""
        self.tensors[name] = Tensor(shape, _F32_TYPE, (piece,))

    def put_zeros(self, name: str, count: int) -> None:
        """A tensor of zeros. `count`: of a dimension that some tensor has, so that a lie costs nothing."""
        self.put(name, (count,), Given(bytes(4 * count)))

    def join(self, name: str, parts: Sequence[str]) -> None:
        """One tensor of several stored ones of the same rows, one after another; they are no more of their own."""
        sources = [self.require(part) for part in parts]
        for source in sources:
            if source.shape[:-1] != sources[0].shape[:-1]:
                raise InvalidModelFile(
                    f'the tensor "{source.name}" has the shape {shape_text(source.shape)}, '
                    f'which does not go with {shape_text(sources[0].shape)} of "{parts[0]}"'
                )
        for part in parts:
            self.tensors.pop(part, None)
        shape = (*sources[0].shape[:-1], sum(source.shape[-1] for source in sources))
        if len({source.type.label for source in sources}) == 1:
            self.tensors[name] = Tensor(shape, sources[0].type, tuple(self._places[part] for part in parts))
            return
        pieces = tuple(self.widened_piece(source, lambda data: data) for source in sources)
        self.tensors[name] = Tensor(shape, _F32_TYPE, pieces)

    def keep_rows(self, name: str, rows: int) -> None:
        """The first rows of a table."""
        source = self.require(name)
        if len(source.shape) != 2 or not 0 < rows <= source.shape[1]:
            text = f"has the shape {shape_text(source.shape)}, not one of {rows} rows or more"
            raise InvalidModelFile(f'the tensor "{name}" {text}')
        kept = replace(self._places[name], nbytes=source.nbytes // source.shape[1] * rows)
        self.tensors[name] = Tensor((source.shape[0], rows), source.type, (kept,))

    def interleave_rows(self, name: str, heads: int) -> None:
        """Put the rows of a weight into the order in which the engine turns them, head by head."""
        source = self.require(name)
        rows = source.shape[-1]
        if len(source.shape) != 2 or heads <= 0 or rows % (2 * heads):
            raise InvalidModelFile(
                f'the tensor "{name}" has the shape {shape_text(source.shape)}, not rows for {heads} heads'
            )
        make = partial(_first, then=lambda data: interleaved_rows(data, rows, heads))
        bounded(name, source.nbytes)
        self.tensors[name] = replace(self.tensors[name], pieces=(Computed((self._places[name],), make, source.nbytes),))

    def widened_piece(self, source: TensorInfo, then: Callable[[bytes], bytes], nbytes: int | None = None) -> Computed:
        """A stored tensor as numbers of 32 bits, changed by `then`. `nbytes`: what comes of it, else as much."""
        made = 4 * source.element_count if nbytes is None else nbytes
        return computed(source.name, source.type, (self._places[source.name],), made, then)


def computed(
    name: str, kind: GgmlType, places: tuple[Copied, ...], nbytes: int, then: Callable[[bytes], bytes]
) -> Computed:
    """Numbers of 32 bits from those of another type, changed by `then`."""
    if kind.label not in WIDENED_TYPES:
        raise InvalidModelFile(f'the tensor "{name}" has the type {kind.label}, which cannot be translated')
    bounded(name, nbytes)
    return Computed(places, partial(_first, then=lambda data: then(widened(data, kind.label))), nbytes)


def bounded(name: str, nbytes: int) -> None:
    """Raise InvalidModelFile where a tensor is larger than any that is computed."""
    if nbytes > MOST_COMPUTED:
        raise InvalidModelFile(f'the tensor "{name}" is too large to be translated: {nbytes} bytes')


def shape_text(shape: Sequence[int]) -> str:
    """A shape as people write it."""
    return " x ".join(map(str, shape))


def _first(parts: Sequence[bytes], then: Callable[[bytes], bytes]) -> bytes:
    return then(parts[0])

"""Models cut into several GGUF files (`x-00001-of-00003.gguf`): which file is which part, and is the set whole.

Pure: it looks at names and headers, never at the disk.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header

_SHARD_NAME = re.compile(r"(?P<prefix>.*)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of a model by its file name. `index` counts from 0."""

    prefix: str
    index: int
    count: int

    @property
    def file_names(self) -> tuple[str, ...]:
        """The names of all parts, in order, this one's among them."""
        return tuple(f"{self.prefix}-{part:05d}-of-{self.count:05d}.gguf" for part in range(1, self.count + 1))


def shard_of(path: str | PurePath) -> Shard | None:
    """Which shard a file is by its name; None for a name of another form."""
    match = _SHARD_NAME.fullmatch(PurePath(path).name)
    if match is None:
        return None
    return Shard(match["prefix"], int(match["number"]) - 1, int(match["count"]))


def is_split(header: Header) -> bool:
    """Whether the file says that it is one of several."""
    return split_count(header) > 1


def split_count(header: Header) -> int:
    """Of how many files the file says that it is one; 1 where it does not say."""
    return max(1, _split_number(header, "count") or 0)


def is_about_splitting(key: str) -> bool:
    """Whether a key says how a model is split, in either spelling."""
    return key.startswith("split.") or ".split." in key


def check_shards(files: Mapping[str, Header]) -> tuple[str, ...]:
    """The names of the parts of one split model in their order; raises InvalidModelFile unless they are a whole set."""
    shards = {name: _check_shard(name, header) for name, header in files.items()}
    name, first = next(iter(shards.items()))
    if len(shards) != first.count:
        raise InvalidModelFile(f'split GGUF "{name}" has {len(shards)} shards, expected {first.count}')
    _check_distinct(shard.index for shard in shards.values())
    return tuple(sorted(shards, key=lambda name: shards[name].index))


def join_headers(headers: Sequence[Header]) -> Header:
    """The header of a model as one: that of the first file, with the tensors of all its parts if it is split.

    Only the first one counts of files that are no parts of one model. Offsets stay those within each part.
    """
    first = headers[0]
    if not is_split(first):
        return first
    metadata = {key: value for key, value in first.metadata.items() if key not in _split_keys(first)}
    tensors = tuple(tensor for header in headers for tensor in header.tensors)
    return replace(first, metadata=metadata, tensors=tensors, file_bytes=sum(header.file_bytes for header in headers))


def _check_shard(name: str, header: Header) -> Shard:
    shard = shard_of(name)
    if shard is None:
        raise InvalidModelFile(f'split GGUF "{name}" must use llama.cpp split filename pattern')
    count, index = _split_number(header, "count"), _split_number(header, "no")
    if shard.count != count:
        text = f'split GGUF "{name}" filename count {shard.count} does not match metadata count {count}'
        raise InvalidModelFile(text)
    if index is None:
        raise InvalidModelFile(f'split GGUF "{name}" is missing split.no metadata')
    if shard.index != index:
        text = f'split GGUF "{name}" filename index {shard.index} does not match metadata index {index}'
        raise InvalidModelFile(text)
    if not 0 <= shard.index < shard.count:
        raise InvalidModelFile(f'split GGUF "{name}" has invalid shard index {shard.index}')
    return shard


def _check_distinct(indexes: Iterable[int]) -> None:
    seen: set[int] = set()
    for index in indexes:
        if index in seen:
            raise InvalidModelFile(f"split GGUF has duplicate shard index {index}")
        seen.add(index)


def _split_keys(header: Header) -> tuple[str, ...]:
    return tuple(key for name in ("no", "count", "tensors.count") for key in _spellings(header, name))


def _spellings(header: Header, name: str) -> tuple[str, str]:
    return f"split.{name}", f"{header.metadata.get('general.architecture')}.split.{name}"


def _split_number(header: Header, name: str) -> int | None:
    for key in _spellings(header, name):
        value = header.metadata.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    return None

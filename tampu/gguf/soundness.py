"""What engines demand of a GGUF file beyond what the reader checks, in words and before an engine is started. Pure."""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header
from tampu.gguf.metadata import architecture_of, integer, lookup

VALIDATION_FAILED: Final = "failed to validate GGUF with llama-quantize without compatibility patches: "
"""How clients know this refusal of a create; what follows it is free."""


_MOST: Final = 2**31 - 1
_NUMBERS: Final = {
    "block_count": (1, 512),
    "context_length": (1, _MOST),
    "embedding_length": (1, _MOST),
    "expert_count": (0, 512),
}
"""Lowest and highest number that engines take: with any other they abort, or die at the first token.

That one is missing they say themselves, and so they do of a text in its place.
"""
_SMALL_NUMBERS: Final = ("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon")


def check_sound(header: Header) -> None:
    """Raise InvalidModelFile, naming the first problem, for a file that no engine would load."""
    for problem in problems(header):
        raise InvalidModelFile(VALIDATION_FAILED + problem)


def problems(header: Header) -> Iterator[str]:
    """Everything that is wrong with the file, most basic first."""
    for check in _CHECKS:
        yield from check(header)


def unfit_numbers(header: Header) -> Iterator[str]:
    """What is wrong with the numbers that describe the model: engines do not refuse such a file, they die of it."""
    for key, (lowest, highest) in _NUMBERS.items():
        number = lookup(header, key)
        if isinstance(number, int) and not lowest <= number <= highest:
            yield f"{architecture_of(header)}.{key} must be from {lowest} to {highest}, not {number}"
    experts, used = integer(header, "expert_count"), integer(header, "expert_used_count")
    if experts and not 1 <= used <= experts:
        key = f"{architecture_of(header)}.expert_used_count"
        yield f"{key} must be from 1 to {experts}, the number of experts, not {used}"
    for key in _SMALL_NUMBERS:
        number = lookup(header, key)
        if isinstance(number, float) and not (math.isfinite(number) and number >= 0):
            yield f"{architecture_of(header)}.{key} must be zero or more, not {number}"


def _byte_order(header: Header) -> Iterator[str]:
    if header.byte_order == "big":
        yield "the file is big-endian, convert it to little-endian first"


def _version(header: Header) -> Iterator[str]:
    if header.version == 1:
        yield "GGUF version 1 is no longer supported, convert the file to version 3"
    elif header.version not in {2, 3}:
        yield f"GGUF version {header.version} is unknown, versions 2 and 3 are supported"


def _architecture(header: Header) -> Iterator[str]:
    architecture = header.metadata.get("general.architecture")
    if architecture is None:
        yield "the key general.architecture is missing"
    elif not isinstance(architecture, str) or not architecture:
        yield "the key general.architecture must be a text"


def _repeated_keys(header: Header) -> Iterator[str]:
    for key in header.repeated_keys:
        yield f'the key "{key}" occurs more than once'


def _repeated_tensors(header: Header) -> Iterator[str]:
    for name, count in Counter(tensor.name for tensor in header.tensors).items():
        if count > 1:
            yield f'the tensor "{name}" occurs more than once'


def _alignment(header: Header) -> Iterator[str]:
    alignment = header.metadata.get("general.alignment", header.alignment)
    if not isinstance(alignment, int) or isinstance(alignment, bool) or alignment <= 0 or alignment & (alignment - 1):
        yield f"general.alignment must be a power of two, not {alignment}"


def _shapes(header: Header) -> Iterator[str]:
    for tensor in header.tensors:
        if not tensor.shape:
            yield f'tensor "{tensor.name}" has no dimensions'
        elif 0 in tensor.shape:
            yield f'tensor "{tensor.name}" has a dimension of 0'


def _places(header: Header) -> Iterator[str]:
    end, before = 0, ""
    for tensor in sorted(header.tensors, key=lambda tensor: tensor.offset):
        if tensor.offset % header.alignment:
            yield f'tensor "{tensor.name}" starts at {tensor.offset}, which is no multiple of {header.alignment}'
        if tensor.offset < end:
            yield f'tensor "{tensor.name}" overlaps tensor "{before}"'
        end, before = max(end, tensor.offset + tensor.nbytes), tensor.name


_CHECKS: Final[tuple[Callable[[Header], Iterator[str]], ...]] = (
    _byte_order,
    _version,
    _alignment,
    _architecture,
    _repeated_keys,
    _repeated_tensors,
    _shapes,
    _places,
    unfit_numbers,
)

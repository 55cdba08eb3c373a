"""What a header says about the model, as facts with our names for them.

Pure. A key of a wrong type counts as missing; nothing here raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tampu.gguf.file_types import FILE_TYPE_LABELS, UNKNOWN_LABEL
from tampu.gguf.header import ArraySummary, Header, Value

UNKNOWN_ARCHITECTURE: Final = "unknown"
_UNPREFIXED: Final = ("general.", "tokenizer.")


class FileKind(Enum):
    """What part of a model a file is."""

    MODEL = "model"
    ADAPTER = "adapter"
    PROJECTOR = "projector"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts of one file. Numbers are 0 and texts empty where the file does not say; `adds_bos` is then None."""

    architecture: str
    kind: FileKind
    name: str
    parameter_count: int
    parameter_label: str
    quantization_label: str
    context_length: int
    embedding_length: int
    block_count: int
    vocabulary_size: int
    chat_template: str
    is_embedding: bool
    has_vision: bool
    has_audio: bool
    projector_type: str
    adds_bos: bool | None


def facts_of(header: Header) -> Facts:
    """The facts of the file with this header."""
    parameters = parameter_count(header)
    return Facts(
        architecture=architecture_of(header),
        kind=kind_of(header),
        name=text(header, "general.name"),
        parameter_count=parameters,
        parameter_label=parameter_label(parameters),
        quantization_label=quantization_label(header),
        context_length=integer(header, "context_length"),
        embedding_length=integer(header, "embedding_length"),
        block_count=integer(header, "block_count"),
        vocabulary_size=vocabulary_size(header),
        chat_template=text(header, "tokenizer.chat_template"),
        is_embedding=lookup(header, "pooling_type") is not None,
        has_vision=lookup(header, "vision.block_count") is not None or _flag(header, "clip.has_vision_encoder"),
        has_audio=lookup(header, "audio.block_count") is not None or _flag(header, "clip.has_audio_encoder"),
        projector_type=_plain_text(header, "clip.projector_type"),
        adds_bos=_boolean(header, "tokenizer.ggml.add_bos_token"),
    )


def architecture_of(header: Header) -> str:
    """The family of the model, `llama` ...; `unknown` where the file does not say."""
    return _plain_text(header, "general.architecture") or UNKNOWN_ARCHITECTURE


def kind_of(header: Header) -> FileKind:
    """Whether the file is a model, an adapter to one, or a projector of pictures or sound."""
    declared = _plain_text(header, "general.type")
    if declared == "adapter":
        return FileKind.ADAPTER
    if declared in {"projector", "mmproj"}:
        return FileKind.PROJECTOR
    if integer(header, "block_count"):
        return FileKind.MODEL
    has_encoder = _flag(header, "clip.has_vision_encoder") or _flag(header, "clip.has_audio_encoder")
    is_clip = architecture_of(header) == "clip" and has_encoder
    return FileKind.PROJECTOR if is_clip or integer(header, "vision.block_count") else FileKind.MODEL


def parameter_count(header: Header) -> int:
    """Numbers in all tensors."""
    return sum(tensor.element_count for tensor in header.tensors)


def parameter_label(count: int) -> str:
    """A count of parameters as people say it: `8.0B`, `135.12M`, `91K`, `288`."""
    for size, unit, decimals in ((10**9, "B", 1), (10**6, "M", 2), (10**3, "K", 0)):
        if count >= size:
            return f"{count // size}{unit}" if count % size == 0 else f"{count / size:.{decimals}f}{unit}"
    return str(count)


def quantization_label(header: Header) -> str:
    """How most tensors are packed, `Q4_K_M` ...; `unknown` for an all-F32 file and where the file does not say."""
    return FILE_TYPE_LABELS.get(integer(header, "general.file_type"), UNKNOWN_LABEL)


def vocabulary_size(header: Header) -> int:
    """Tokens that the model knows."""
    tokens = lookup(header, "tokenizer.ggml.tokens")
    match tokens:
        case ArraySummary(count=count):
            return count
        case list():
            return len(tokens)
        case _:
            return integer(header, "vocab_size")


def lookup(header: Header, key: str) -> Value | None:
    """The value of `key`, which is prefixed with the architecture unless it is of the general or tokenizer kind."""
    if key.startswith(_UNPREFIXED):
        return header.metadata.get(key)
    return header.metadata.get(f"{architecture_of(header)}.{key}")


def integer(header: Header, key: str) -> int:
    """The whole number at `key`; 0 if there is none. Of one number per layer, the largest."""
    value = lookup(header, key)
    return max(_integers(value if isinstance(value, list) else [value]), default=0)


def integers(header: Header, key: str, count: int) -> list[int]:
    """The whole numbers at `key`, one for each of `count` layers: a single one stands for all, missing ones are 0."""
    value = lookup(header, key)
    if isinstance(value, list):
        listed = _integers(value)[:count]
        return listed + [0] * (count - len(listed))
    return (_integers([value]) or [0]) * count


def text(header: Header, key: str) -> str:
    """The text at `key`; empty if there is none."""
    value = lookup(header, key)
    return value if isinstance(value, str) else ""


def _integers(values: Sequence[object]) -> list[int]:
    # Counts beyond 2^40 are nonsense and would only make later sums absurd.
    return [int(value) for value in values if isinstance(value, bool | int) and 0 <= value < 2**40]


def _plain_text(header: Header, key: str) -> str:
    value = header.metadata.get(key)
    return value if isinstance(value, str) else ""


def _flag(header: Header, key: str) -> bool:
    return header.metadata.get(key) is True


def _boolean(header: Header, key: str) -> bool | None:
    value = header.metadata.get(key)
    return value if isinstance(value, bool) else None

"""How much memory a model takes, from the numbers in its header. Pure; errs on the high side where it must guess."""

from dataclasses import dataclass, replace
from typing import Final

from tampu.gguf.header import Header
from tampu.gguf.metadata import architecture_of, integer, integers, lookup, vocabulary_size

_F16_BYTES: Final = 2
_F32_BYTES: Final = 4
_AHEAD: Final = ".nextn.eh_proj.weight"

# Of how many layers in a row all but the last see only a window of the context, where the file does not say.
_WINDOW_PERIODS: Final[dict[str, int]] = {
    "cohere2": 4,
    "exaone4": 4,
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gemma4": 6,
    "gpt-oss": 2,
    "gptoss": 2,
    "olmo2": 4,
    "olmo3": 4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes of a model: its weights, and its key/value cache for one token of context at f16.

    `windowed_kv_bytes_per_token` is the part of `kv_bytes_per_token` that stops growing after `window_tokens`;
    `state_bytes_per_sequence` is what recurrent layers keep whatever the length of the context.
    """

    weights_bytes: int
    kv_bytes_per_token: int = 0
    block_count: int = 0
    embedding_length: int = 0
    vocab_size: int = 0
    windowed_kv_bytes_per_token: int = 0
    window_tokens: int = 0
    state_bytes_per_sequence: int = 0

    def sequence_bytes(self, context_tokens: int) -> int:
        """What one sequence of that many tokens takes, at f16, besides the weights."""
        beyond_window = max(0, context_tokens - self.window_tokens)
        kv_bytes = self.kv_bytes_per_token * context_tokens - self.windowed_kv_bytes_per_token * beyond_window
        return kv_bytes + self.state_bytes_per_sequence

    def with_draft(self, draft: "Footprint") -> "Footprint":
        """Both, where `draft` guesses for it: each has weights, scratch and a cache of the same contexts of its own.

        A cache with a window of another length counts as one without.
        """
        is_alike = draft.window_tokens == self.window_tokens
        return replace(
            self,
            weights_bytes=self.weights_bytes + draft.weights_bytes,
            kv_bytes_per_token=self.kv_bytes_per_token + draft.kv_bytes_per_token,
            embedding_length=self.embedding_length + draft.embedding_length,
            vocab_size=self.vocab_size + draft.vocab_size,
            windowed_kv_bytes_per_token=self.windowed_kv_bytes_per_token
            + (draft.windowed_kv_bytes_per_token if is_alike else 0),
            state_bytes_per_sequence=self.state_bytes_per_sequence + draft.state_bytes_per_sequence,
        )


def footprint(header: Header) -> Footprint:
    """The footprint of the model with this header."""
    per_layer = _kv_bytes_per_layer(header)
    window_tokens = integer(header, "attention.sliding_window")
    is_windowed = _windowed_layers(header, len(per_layer)) if window_tokens else []
    return Footprint(
        weights_bytes=sum(tensor.nbytes for tensor in header.tensors),
        kv_bytes_per_token=sum(per_layer),
        block_count=len(per_layer),
        embedding_length=integer(header, "embedding_length"),
        vocab_size=vocabulary_size(header),
        windowed_kv_bytes_per_token=sum(
            size for size, windowed in zip(per_layer, is_windowed, strict=False) if windowed
        ),
        window_tokens=window_tokens,
        state_bytes_per_sequence=_state_bytes(header),
    )


def layers_ahead(header: Header) -> int:
    """How many layers guess what the model will say next (MTP)."""
    return sum(tensor.name.endswith(_AHEAD) for tensor in header.tensors)


def footprint_ahead(header: Header) -> Footprint:
    """What the model's own layers that look ahead take besides: scratch, and a cache of their own."""
    return Footprint(
        weights_bytes=0,
        kv_bytes_per_token=layers_ahead(header) * max(_kv_bytes_per_layer(header), default=0),
        embedding_length=integer(header, "embedding_length"),
        vocab_size=vocabulary_size(header),
    )


def _kv_bytes_per_layer(header: Header) -> list[int]:
    # A file has at least one tensor per layer: a count beyond that is a lie and must not cost memory.
    layers = min(integer(header, "block_count"), len(header.tensors))
    heads = integers(header, "attention.head_count", layers)
    kv_heads = heads if lookup(header, "attention.head_count_kv") is None else None
    kv_heads = kv_heads or integers(header, "attention.head_count_kv", layers)
    embedding = integer(header, "embedding_length")
    widest = max(heads, default=0)
    head_length = embedding // widest if widest else 0
    key_length = integer(header, "attention.key_length") or head_length
    value_length = integer(header, "attention.value_length") or head_length
    # Every n-th layer attends, the others are recurrent.
    interval = integer(header, "full_attention_interval") or 1
    return [
        count * (key_length + value_length) * _F16_BYTES if (layer + 1) % interval == 0 else 0
        for layer, count in enumerate(kv_heads)
    ]


def _windowed_layers(header: Header, layers: int) -> list[bool]:
    pattern = lookup(header, "attention.sliding_window_pattern")
    if isinstance(pattern, list):
        return [value is True for value in pattern[:layers]]
    given = pattern if isinstance(pattern, int) and not isinstance(pattern, bool) else 0
    period = given or _WINDOW_PERIODS.get(architecture_of(header), 1)
    return [(layer + 1) % period != 0 for layer in range(layers)]


def _state_bytes(header: Header) -> int:
    """State and convolution of recurrent layers; every layer counts where the file does not say which ones recur."""
    inner, state = integer(header, "ssm.inner_size"), integer(header, "ssm.state_size")
    groups, kernel = integer(header, "ssm.group_count"), integer(header, "ssm.conv_kernel")
    layers = min(integer(header, "block_count"), len(header.tensors))
    convolution = max(0, kernel - 1) * (inner + 2 * groups * state)
    return layers * (inner * state + convolution) * _F32_BYTES

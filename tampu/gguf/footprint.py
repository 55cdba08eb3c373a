"""How much memory a model takes, from the numbers in its header. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """Bytes of a model: its weights, and its key/value cache for one token of context at f16."""

    weights_bytes: int
    kv_bytes_per_token: int = 0
    block_count: int = 0
    embedding_length: int = 0
    vocab_size: int = 0

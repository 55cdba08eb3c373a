"""A model that says nothing of sense, of some hundred kilobytes, on which an engine shows that it can compute here.

Its weights are of a packed type, whose kernels use the widest instructions that an engine was built with: a build for
another processor dies of them, and not when it merely tells its version.
"""

import struct
from collections.abc import Iterator
from typing import Final

_WIDTH: Final = 256
_Q4_K: Final = 12
_Q4_K_BYTES: Final = 144
_F32: Final = 0
_ALIGNMENT: Final = 32
_UINT32, _INT32, _FLOAT32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


def trial_model() -> bytes:
    """The whole file (GGUF, version 3)."""
    tokens = [("<unk>", _UNKNOWN), ("<s>", _CONTROL), ("</s>", _CONTROL)]
    tokens += [(f"<0x{byte:02X}>", _BYTE) for byte in range(256)] + [("a", _NORMAL)]
    facts = list(_facts(tokens))
    tensors = list(_tensors(len(tokens)))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts)) + b"".join(facts)
    offset, data = 0, bytearray()
    for name, shape, kind, content in tensors:
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
        data += content + bytes(-len(content) % _ALIGNMENT)
        offset = len(data)
    return head + bytes(-len(head) % _ALIGNMENT) + bytes(data)


def _facts(tokens: list[tuple[str, int]]) -> Iterator[bytes]:
    yield _fact("general.architecture", _STRING, _text("llama"))
    yield _fact("tokenizer.ggml.model", _STRING, _text("llama"))
    sizes = {
        "context_length": 512,
        "embedding_length": _WIDTH,
        "block_count": 1,
        "feed_forward_length": _WIDTH,
        "attention.head_count": 4,
        "attention.head_count_kv": 4,
        "rope.dimension_count": _WIDTH // 4,
        "vocab_size": len(tokens),
    }
    for name, size in sizes.items():
        yield _fact(f"llama.{name}", _UINT32, struct.pack("<I", size))
    yield _fact("llama.attention.layer_norm_rms_epsilon", _FLOAT32, struct.pack("<f", 1e-5))
    for name, number in (("bos", 1), ("eos", 2), ("unknown", 0)):
        yield _fact(f"tokenizer.ggml.{name}_token_id", _UINT32, struct.pack("<I", number))
    yield _fact("tokenizer.ggml.add_bos_token", _BOOL, b"\0")
    yield _array("tokenizer.ggml.tokens", _STRING, [_text(token) for token, _ in tokens])
    yield _array("tokenizer.ggml.scores", _FLOAT32, [struct.pack("<f", 0.0) for _ in tokens])
    yield _array("tokenizer.ggml.token_type", _INT32, [struct.pack("<i", kind) for _, kind in tokens])


def _tensors(words: int) -> Iterator[tuple[str, tuple[int, ...], int, bytes]]:
    """Name, shape, type and content. All packed numbers are zero, so every word is as likely as any other."""
    for name in ("token_embd.weight", "output.weight"):
        yield name, (_WIDTH, words), _Q4_K, bytes(words * _WIDTH // 256 * _Q4_K_BYTES)
    ones = struct.pack("<f", 1.0) * _WIDTH
    for name in ("output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"):
        yield f"{name}.weight", (_WIDTH,), _F32, ones
    square = bytes(_WIDTH * _WIDTH // 256 * _Q4_K_BYTES)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        yield f"blk.0.{name}.weight", (_WIDTH, _WIDTH), _Q4_K, square


def _text(text: str) -> bytes:
    content = text.encode()
    return struct.pack("<Q", len(content)) + content


def _fact(key: str, kind: int, value: bytes) -> bytes:
    return _text(key) + struct.pack("<I", kind) + value


def _array(key: str, kind: int, items: list[bytes]) -> bytes:
    return _fact(key, _ARRAY, struct.pack("<IQ", kind, len(items)) + b"".join(items))

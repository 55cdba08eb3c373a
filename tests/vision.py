"""A tiny model that sees: random weights with a fixed seed, so what it says means nothing, but every pixel counts."""

import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tests.models import models_folder

IMAGE_TOKENS = 16
"""Patches of a picture: the model sees 32 x 32 pixels in squares of 8."""
_WIDTH, _FEED, _HEADS, _BLOCKS = 48, 96, 3, 2
_SEEN_WIDTH, _SEEN_FEED, _SEEN_BLOCKS = 32, 64, 2
_WORDS = (
    "▁the",
    "▁sky",
    "▁is",
    "▁blue",
    "▁red",
    "▁what",
    "▁see",
    "▁one",
    "▁two",
    "▁and",
    "▁a",
    "▁",
    *"abcdefghijklmnopqrstuvwxyz:?!.,",
)


@cache
def seeing_model() -> tuple[Path, Path]:
    """The weights of the text model, and its projector."""
    return _written(_text_model, "seeing"), _written(_projector, "seeing-projector")


def png(width: int = 32, height: int = 32, colour: tuple[int, int, int] = (255, 0, 0)) -> bytes:
    """A picture in one colour."""
    return png_of(width, height, (b"\0" + bytes(colour) * width) * height)


def png_of(width: int, height: int, rows: bytes) -> bytes:
    """A PNG that says to be so large and holds these rows, which need not fit."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _written(fill: Any, name: str) -> Path:
    path = models_folder() / f"{name}.gguf"
    writer = fill(str(path), np.random.default_rng(7))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _text_model(path: str, random: np.random.Generator) -> gguf.GGUFWriter:
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *_WORDS]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_BLOCKS)
    writer.add_feed_forward_length(_FEED)
    writer.add_head_count(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-1000.0] * 259 + [-float(rank) for rank in range(len(_WORDS))])
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * len(_WORDS))
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    _add(writer, random, "token_embd.weight", len(tokens), _WIDTH)
    output = random.normal(0, 0.3, (len(tokens), _WIDTH)).astype(np.float32)
    output[:259] = 0  # it shall say words, and never end on its own
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", np.ones(_WIDTH, np.float32))
    for block in range(_BLOCKS):
        name = f"blk.{block}."
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{name}{norm}.weight", np.ones(_WIDTH, np.float32))
        for matrix in ("attn_q", "attn_k", "attn_v", "attn_output"):
            _add(writer, random, f"{name}{matrix}.weight", _WIDTH, _WIDTH)
        _add(writer, random, f"{name}ffn_gate.weight", _FEED, _WIDTH)
        _add(writer, random, f"{name}ffn_up.weight", _FEED, _WIDTH)
        _add(writer, random, f"{name}ffn_down.weight", _WIDTH, _FEED)
    return writer


def _projector(path: str, random: np.random.Generator) -> gguf.GGUFWriter:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.has_llava_projector", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", False)
    for key, number in {
        "image_size": 32, "patch_size": 8, "embedding_length": _SEEN_WIDTH, "feed_forward_length": _SEEN_FEED,
        "projection_dim": _WIDTH, "attention.head_count": 2, "block_count": _SEEN_BLOCKS,
    }.items():  # fmt: skip
        writer.add_uint32(f"clip.vision.{key}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_tensor("v.class_embd", random.normal(0, 1, _SEEN_WIDTH).astype(np.float32))
    writer.add_tensor("v.patch_embd.weight", random.normal(0, 0.2, (_SEEN_WIDTH, 3, 8, 8)).astype(np.float32))
    _add(writer, random, "v.position_embd.weight", IMAGE_TOKENS + 1, _SEEN_WIDTH)
    _add_norm(writer, "v.pre_ln")
    for block in range(_SEEN_BLOCKS):
        name = f"v.blk.{block}."
        _add_norm(writer, f"{name}ln1")
        _add_norm(writer, f"{name}ln2")
        for matrix in ("attn_q", "attn_k", "attn_v", "attn_out"):
            _add_with_bias(writer, random, f"{name}{matrix}", _SEEN_WIDTH, _SEEN_WIDTH)
        _add_with_bias(writer, random, f"{name}ffn_down", _SEEN_FEED, _SEEN_WIDTH)
        _add_with_bias(writer, random, f"{name}ffn_up", _SEEN_WIDTH, _SEEN_FEED)
    _add_with_bias(writer, random, "mm.0", _WIDTH, _SEEN_WIDTH)
    _add_with_bias(writer, random, "mm.2", _WIDTH, _WIDTH)
    return writer


def _add(writer: gguf.GGUFWriter, random: np.random.Generator, name: str, rows: int, columns: int) -> None:
    writer.add_tensor(name, random.normal(0, 0.3, (rows, columns)).astype(np.float32))


def _add_with_bias(writer: gguf.GGUFWriter, random: np.random.Generator, name: str, rows: int, columns: int) -> None:
    _add(writer, random, f"{name}.weight", rows, columns)
    writer.add_tensor(f"{name}.bias", np.zeros(rows, np.float32))


def _add_norm(writer: gguf.GGUFWriter, name: str) -> None:
    writer.add_tensor(f"{name}.weight", np.ones(_SEEN_WIDTH, np.float32))
    writer.add_tensor(f"{name}.bias", np.zeros(_SEEN_WIDTH, np.float32))

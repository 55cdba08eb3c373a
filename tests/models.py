"""Small models for tests: the recorded ones, and scripted ones made on the spot. They live as long as the run."""

import hashlib
import importlib.util
import json
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.recordings import GOLDEN, recorded_bytes


@cache
def _folder() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="tampu-models-", ignore_cleanup_errors=True)


def models_folder() -> Path:
    """Where the models of this run lie."""
    return Path(_folder().name)


@cache
def recorded_model(name: str) -> Path:
    """A model of tests/golden/models, by its name without ending: `scripted`, `http`, `http-jinja`, `tiny-bert` ..."""
    path = models_folder() / f"{name}.gguf"
    path.write_bytes(recorded_bytes(f"models/{name}.gguf"))
    return path


def scripted_model(*scripts: list[str], **facts: Any) -> Path:
    """A model that says `scripts[n]`, piece by piece, after a prompt that ends in `<|sN|>`.

    `facts`: more of what make_scripted.py takes, such as `context`, `chat_template`, `special`.
    """
    return scripted_model_of({"name": "made", **facts, "scripts": [{"pieces": pieces} for pieces in scripts]})


def padding_words(model: Path) -> Path:
    """The model with a tokenizer that puts a blank in front of a text, as that of Llama 2 and Mistral does."""
    data = bytearray(model.read_bytes())
    key = b"tokenizer.ggml.add_space_prefix"
    data[data.index(key) + len(key) + 4] = 1
    path = model.with_name(f"padding-{model.name}")
    path.write_bytes(data)
    return path


def scripted_model_of(spec: dict[str, Any]) -> Path:
    """A model made of a whole specification of make_scripted.py."""
    text = json.dumps(spec, sort_keys=True)
    path = models_folder() / f"made-{hashlib.sha256(text.encode()).hexdigest()[:16]}.gguf"
    if not path.exists():
        _make_scripted().build(str(path), spec)
    return path


@cache
def _make_scripted() -> Any:
    spec = importlib.util.spec_from_file_location("make_scripted", GOLDEN / "make_scripted.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def adapter_of(model: Path, jumps: Mapping[str, str], *, architecture: str = "llama", width: int = 0) -> Path:
    """A LoRA adapter for a scripted model: after the piece `here` it says `there`, for each pair of `jumps`.

    It changes the table of successors alone, by one rank for each pair. `width`: another one than the model has.
    """
    import gguf
    import numpy as np

    reader = gguf.GGUFReader(model)
    tokens = [token.replace("\u2581", " ") for token in reader.fields["tokenizer.ggml.tokens"].contents()]
    embedding = next(tensor.data for tensor in reader.tensors if tensor.name == "token_embd.weight")
    columns = width or embedding.shape[1]
    narrowing = np.zeros((len(jumps), columns), dtype=np.float32)
    widening = np.zeros((len(tokens), len(jumps)), dtype=np.float32)
    for rank, (here, there) in enumerate(jumps.items()):
        narrowing[rank, int(embedding[tokens.index(here)].argmax())] = 1
        widening[tokens.index(there), rank] = 8  # the table says 4 where it says anything
    label = hashlib.sha256(f"{model}{sorted(jumps.items())}{architecture}{width}".encode()).hexdigest()[:16]
    path = models_folder() / f"adapter-{label}.gguf"
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(len(jumps)))
    writer.add_tensor("output.weight.lora_a", narrowing)
    writer.add_tensor("output.weight.lora_b", widening)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def early_projector(model: Path) -> Path:
    """A tiny projector of pictures for a scripted model, random, and silent about its type as early ones are."""
    import gguf
    import numpy as np

    embedding = next(tensor for tensor in gguf.GGUFReader(model).tensors if tensor.name == "token_embd.weight")
    width, inner, image, patch, blocks = int(embedding.shape[0]), 32, 32, 8, 2
    path = model.with_name(f"{model.stem}-mmproj.gguf")
    writer = gguf.GGUFWriter(path, "clip")
    for key, value in (("text", False), ("vision", True)):
        writer.add_bool(f"clip.has_{key}_encoder", value)
    writer.add_bool("clip.has_llava_projector", True)
    writer.add_bool("clip.use_gelu", False)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for key, number in (
        ("image_size", image), ("patch_size", patch), ("embedding_length", inner), ("feed_forward_length", 64),
        ("projection_dim", width), ("attention.head_count", 2), ("block_count", blocks),
    ):  # fmt: skip
        writer.add_uint32(f"clip.vision.{key}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-5)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.25, 0.25, 0.25])
    layers = {
        "v.patch_embd": (inner, 3, patch, patch), "v.position_embd": ((image // patch) ** 2 + 1, inner),
        "mm.0": (width, inner), "mm.2": (width, width),
    }  # fmt: skip
    norms = ["v.pre_ln"]
    for block in range(blocks):
        name = f"v.blk.{block}"
        layers |= {f"{name}.attn_{part}": (inner, inner) for part in ("q", "k", "v", "out")}
        layers |= {f"{name}.ffn_down": (64, inner), f"{name}.ffn_up": (inner, 64)}
        norms += [f"{name}.ln1", f"{name}.ln2"]
    random = np.random.default_rng(1)
    writer.add_tensor("v.class_embd", random.normal(0, 0.1, inner).astype(np.float32))
    for name, shape in layers.items():
        writer.add_tensor(f"{name}.weight", random.normal(0, 0.1, shape).astype(np.float16))
        if name not in {"v.patch_embd", "v.position_embd"}:
            writer.add_tensor(f"{name}.bias", np.zeros(shape[0], dtype=np.float32))
    for name in norms:
        writer.add_tensor(f"{name}.weight", np.ones(inner, dtype=np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(inner, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def truncated(path: Path, share: float = 0.5) -> Path:
    """A copy of a model that ends too early."""
    whole = path.read_bytes()
    cut = models_folder() / f"{path.stem}-cut-{int(share * 100)}.gguf"
    cut.write_bytes(whole[: int(len(whole) * share)])
    return cut

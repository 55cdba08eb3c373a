"""The catalog is whole and pins what it names."""

import re
from pathlib import Path

import msgspec
import pytest

from tampu.messages import Message
from tampu.names import ModelName
from tampu.registry.assembly import assemble
from tampu.registry.catalog import CatalogModel, PackageSource, RegistrySource, open_catalog
from tampu.store.blobs import BlobStore
from tampu.store.layout import Layout
from tampu.store.locks import Pins
from tampu.templates.render import render_messages
from tampu.templates.template import parse_template

NAMES = ["smollm2:135m", "smollm2:135m-instruct-q4_1", "gemma3:270m-pt-q4_K_M"]


def entry(name: str) -> CatalogModel:
    found = open_catalog().find(ModelName.parse(name))
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_tries_the_registry_first_and_pins_everything(name: str) -> None:
    model = entry(name)
    assert isinstance(model.sources[0], RegistrySource)
    assert re.fullmatch("sha256:[0-9a-f]{64}", model.digest)
    for source in model.sources[1:]:
        assert isinstance(source, PackageSource)
        assert sum(piece.member_size for piece in source.pieces) == model.size
        assert all(re.fullmatch("[0-9a-f]{64}", piece.wheel_sha256) for piece in source.pieces)


def test_names_match_in_any_case_and_only_whole() -> None:
    assert entry("SmolLM2:135M") is entry("registry.ollama.ai/library/smollm2:135m")
    for other in ("smollm2", "me/smollm2:135m", "host.example/library/smollm2:135m"):
        assert open_catalog().find(ModelName.parse(other)) is None


def test_the_small_layers_are_written_as_ollama_would(tmp_path: Path) -> None:
    blobs = BlobStore(Layout(tmp_path))
    with Pins() as pins:
        manifest = assemble(entry("smollm2:135m"), blobs, pins)
    assert [layer.kind for layer in manifest.layers] == ["model", "template", "system", "license", "params"]
    params = blobs.read(manifest.layers[-1].digest, limit=1000)
    assert params == b'{"stop":["\\u003c|im_start|\\u003e","\\u003c|im_end|\\u003e"]}\n'
    config = msgspec.json.decode(blobs.read(manifest.config.digest, limit=1000))
    assert config == {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "134.52M",
        "file_type": "Q4_1",
        "architecture": "amd64",
        "os": "linux",
    }


def test_the_template_of_smollm2_writes_turns_and_lets_an_answer_go_on() -> None:
    template = parse_template(entry("smollm2:135m").template)
    turns = [Message("system", "S"), Message("user", "hi")]
    start = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    assert render_messages(template, turns) == start
    assert render_messages(template, [*turns, Message("assistant", "Well")]) == f"{start}Well"

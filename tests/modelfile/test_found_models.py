"""Finding GGUF files in a folder, and naming the models that they are."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.modelfile.found_models import find_models, name_of
from tampu.names import ModelName

HUB = "hub/models--bartowski--Qwen3-4B-GGUF/snapshots/0f3e"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("x/Llama-3.2-1B-Instruct-Q4_K_M.gguf", "llama-3.2-1b-instruct:q4_k_m"),
        ("x/SmolLM2-135M-Instruct.Q4_1.gguf", "smollm2-135m-instruct:q4_1"),
        ("x/mistral.gguf", "mistral:latest"),
        ("x/m-bf16.gguf", "m:bf16"),
        ("x/m-IQ2_XXS.gguf", "m:iq2_xxs"),
        ("x/m-UD-Q4_K_XL.gguf", "m:ud-q4_k_xl"),
        ("x/m-Q8_0-00001-of-00003.gguf", "m:q8_0"),
        ("x/My Model (1).gguf", "my-model-1:latest"),
        ("x/.gguf", "gguf:latest"),
        ("x/模型.gguf", "model:latest"),
        (f"{HUB}/Qwen3-4B-Q4_K_M.gguf", "hf.co/bartowski/Qwen3-4B-GGUF:Q4_K_M"),
        (f"{HUB}/model.gguf", "hf.co/bartowski/Qwen3-4B-GGUF:latest"),
    ],
)
def test_names(path: str, name: str) -> None:
    assert name_of(Path("/home") / path) == name


@given(st.text(min_size=1).filter(lambda text: "/" not in text and "\0" not in text))
def test_every_name_is_valid(stem: str) -> None:
    ModelName.parse(name_of(Path("/x") / f"{stem}.gguf"))


def lay(folder: Path, *paths: str) -> None:
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"GGUF" + path.encode())


def found(folder: Path) -> dict[str, list[str]]:
    return {model.name: [str(file.relative_to(folder)) for file in model.files] for model in find_models(folder)}


def test_shards_are_one_model_and_projectors_belong_to_their_neighbours(tmp_path: Path) -> None:
    lay(
        tmp_path, "a/m-Q8_0-00002-of-00002.gguf", "a/m-Q8_0-00001-of-00002.gguf", "b/v-Q4_0.gguf", "b/mmproj-v-f16.gguf"
    )
    assert found(tmp_path) == {
        "m:q8_0": ["a/m-Q8_0-00001-of-00002.gguf", "a/m-Q8_0-00002-of-00002.gguf"],
        "v:q4_0": ["b/v-Q4_0.gguf", "b/mmproj-v-f16.gguf"],
    }


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("v-Q4_0", "v-Q8_0", "mmproj-BF16", "mmproj-F16", "mmproj-F32"), ["mmproj-F16", "mmproj-F16"]),
        (("gemma-3-4b-it-Q4_K_M", "llama-Q8_0", "mmproj-gemma-3-4b-it-bf16"), ["mmproj-gemma-3-4b-it-bf16", ""]),
        (("llama", "v", "mmproj-F16"), ["", ""]),
        (("v", "v.mmproj-q8_0"), ["v.mmproj-q8_0"]),
        (("mmproj-v-f16",), []),
    ],
)
def test_which_projector_a_model_has(tmp_path: Path, names: tuple[str, ...], expected: list[str]) -> None:
    lay(tmp_path, *(f"{name}.gguf" for name in names))
    assert ["".join(path.stem for path in model.files[1:]) for model in find_models(tmp_path)] == expected


def test_names_that_are_taken(tmp_path: Path) -> None:
    lay(tmp_path, "a/m.gguf", "b/m.gguf", "b/b/m.gguf", "c.d/m.gguf")
    assert list(found(tmp_path)) == ["m:latest", "b/m:latest", "m-2:latest", "c-d/m:latest"]


def test_what_is_no_model_is_left_out(tmp_path: Path) -> None:
    lay(tmp_path, "m.gguf")
    (tmp_path / "text.gguf").write_text("hello")
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "again.gguf").symlink_to("m.gguf")
    (tmp_path / "nowhere.gguf").symlink_to("nothing")
    (tmp_path / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.gguf")
    assert list(found(tmp_path)) == ["again:latest"]  # the same file: once

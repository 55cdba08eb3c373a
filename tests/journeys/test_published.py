"""Models in the layouts of Ollama's library, from a create to an answer: they are models like any other."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import psutil
import pytest

from tampu.engine.architectures import bundled_version
from tests.engine.splitting import split
from tests.journeys.conftest import Served, serving
from tests.published import published_answers, published_model

GREEDY = {"temperature": 0, "num_predict": 8, "num_ctx": 512}
TEXTS = ["gptoss", "gemma3-vision", "gemma3n", "mistral3", "qwen25vl", "qwen35"]
SEEING = ["gemma3-vision", "mistral3", "qwen35", "llama4"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as server:
        for name in {*TEXTS, *SEEING, "embeddinggemma"}:
            create(server, name, published_model(name).read_bytes())
        yield server


def create(served: Served, name: str, content: bytes) -> None:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert served.request("POST", f"/api/blobs/{digest}", content)[0] in {200, 201}
    served.ask("/api/create", {"model": name, "files": {f"{name}.gguf": digest}, "stream": False})


def generate(served: Served, name: str, prompt: str, **fields: Any) -> Any:
    body = {"model": name, "prompt": prompt, "raw": True, "options": GREEDY, "stream": False, **fields}
    return served.ask("/api/generate", body)


@pytest.mark.parametrize("name", TEXTS)
def test_a_published_model_answers(served: Served, name: str) -> None:
    blobs = sorted((path.name, path.stat().st_mtime_ns) for path in (served.models / "blobs").iterdir())
    text = published_answers(name)["tokenize"][0]["text"]
    first = generate(served, name, text)
    assert first["eval_count"] == 8
    assert generate(served, name, text)["response"] == first["response"]
    assert name in [model["name"].removesuffix(":latest") for model in served.ask("/api/ps", method="GET")["models"]]
    # Nothing was changed, and nothing was left behind.
    assert blobs == sorted((path.name, path.stat().st_mtime_ns) for path in (served.models / "blobs").iterdir())


@pytest.mark.parametrize("name", SEEING)
def test_a_published_model_sees(served: Served, name: str) -> None:
    case = published_answers(name)["vision"][0]
    assert "vision" in served.ask("/api/show", {"model": name})["capabilities"]
    seen = generate(served, name, case["prompt"].replace("<__media__>", "[img-0]"), images=[case["image_png_base64"]])
    blind = generate(served, name, case["prompt"].replace("<__media__>", ""))
    assert seen["prompt_eval_count"] > blind["prompt_eval_count"]


def test_a_split_published_model_sees_and_answers_like_a_whole_one(served: Served, tmp_path: Path) -> None:
    files = {}
    for number, path in enumerate(split(published_model("gemma3-vision"), tmp_path, 3), 1):
        content = path.read_bytes()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert served.request("POST", f"/api/blobs/{digest}", content)[0] in {200, 201}
        files[f"split-{number:05d}-of-00003.gguf"] = digest
    served.ask("/api/create", {"model": "split", "files": files, "stream": False})
    assert "vision" in served.ask("/api/show", {"model": "split"})["capabilities"]
    case = published_answers("gemma3-vision")["vision"][0]
    prompt = case["prompt"].replace("<__media__>", "[img-0]")
    seen, whole = (
        generate(served, name, prompt, images=[case["image_png_base64"]]) for name in ("split", "gemma3-vision")
    )
    assert seen["response"] == whole["response"]
    assert seen["prompt_eval_count"] == whole["prompt_eval_count"]


def test_an_embedding_model_gives_the_recorded_vector(served: Served) -> None:
    vectors = served.ask("/api/embed", {"model": "embeddinggemma", "input": "the blue sky", "stream": False})
    assert sum(each * each for each in vectors["embeddings"][0]) == pytest.approx(1, abs=0.001)


def test_memory_of_a_view_goes_with_its_engine(served: Served) -> None:
    generate(served, "gptoss", "the")
    server = psutil.Process(served.process.pid)
    assert [file for file in descriptors(server) if "memfd:tampu" in file] == []


def descriptors(process: psutil.Process) -> list[str]:
    folder = Path(f"/proc/{process.pid}/fd")
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(str(path.readlink()))
    return found


def test_a_layout_with_a_hole_is_refused_in_words_and_starts_no_engine(served: Served) -> None:
    content = published_model("mistral3").read_bytes()
    broken = content.replace(b"mistral3.vision.attention.head_count", b"mistral3.vision.attention.head_coun_", 1)
    create(served, "broken", broken)
    before = {child.pid for child in psutil.Process(served.process.pid).children()}
    start = time.monotonic()
    status, answer = served.request("POST", "/api/generate", {"model": "broken", "prompt": "x", "stream": False})
    assert time.monotonic() - start < 10
    assert status == 400, answer
    assert "mistral3.vision.attention.head_count" in answer.decode()
    assert {child.pid for child in psutil.Process(served.process.pid).children()} == before


def test_an_architecture_without_an_engine_is_refused_by_name(served: Served) -> None:
    content = published_model("olmo3").read_bytes()
    assert content.count(b"olmo3.block_count") == 1
    create(served, "solar", content.replace(b"olmo3", b"solar"))
    before = {child.pid for child in psutil.Process(served.process.pid).children()}
    status, answer = served.request("POST", "/api/generate", {"model": "solar", "prompt": "x", "stream": False})
    assert status == 500
    said = json.loads(answer)["error"]
    assert said.startswith(f"unknown model architecture: 'solar'; the engine ({bundled_version()}) cannot run")
    assert "use another model" in said
    assert {child.pid for child in psutil.Process(served.process.pid).children()} == before
    assert served.ask("/api/show", {"model": "solar"})["details"]["family"] == "solar"


def test_an_adapter_is_for_the_model_as_the_engine_sees_it(served: Served) -> None:
    path = served.home / "adapter.gguf"
    writer = gguf.GGUFWriter(path, "gpt-oss")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4)
    chance = np.random.default_rng(1)
    for side, shape in (("a", (4, 64)), ("b", (64, 4))):
        writer.add_tensor(f"blk.1.attn_output.weight.lora_{side}", chance.normal(size=shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    content = path.read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert served.request("POST", f"/api/blobs/{digest}", content)[0] in {200, 201}
    served.ask("/api/create", {"model": "adapted", "from": "gptoss", "adapters": {"a.gguf": digest}, "stream": False})
    assert generate(served, "adapted", "the sky")["response"] != generate(served, "gptoss", "the sky")["response"]


def test_llama_vision_of_the_first_kind_is_refused_as_ollama_does(served: Served) -> None:
    manifest = served.models / "manifests/registry.ollama.ai/library/gemma3-vision/latest"
    old = json.loads(manifest.read_text())
    config = json.loads((served.models / "blobs" / old["config"]["digest"].replace(":", "-")).read_text())
    data = json.dumps({**config, "model_families": ["mllama"]}).encode()
    digest = hashlib.sha256(data).hexdigest()
    (served.models / "blobs" / f"sha256-{digest}").write_bytes(data)
    projector = {**old["layers"][0], "mediaType": "application/vnd.ollama.image.projector"}
    early = {
        **old,
        "config": {**old["config"], "digest": f"sha256:{digest}", "size": len(data)},
        "layers": [*old["layers"], projector],
    }
    target = manifest.parent.parent / "early/latest"
    target.parent.mkdir()
    target.write_text(json.dumps(early))
    status, answer = served.request("POST", "/api/generate", {"model": "early", "prompt": "x", "stream": False})
    assert status == 500
    assert json.loads(answer)["error"].startswith(
        "'llama3.2-vision' is no longer compatible with your version of Ollama"
    )


def test_translation_can_be_switched_off(tmp_path: Path) -> None:
    with serving(tmp_path / "home", OLLAMA_LLAMA_CPP_COMPAT="0") as server:
        create(server, "gptoss", published_model("gptoss").read_bytes())
        status, answer = server.request("POST", "/api/generate", {"model": "gptoss", "prompt": "x", "stream": False})
        assert status == 500
        assert "gptoss" in answer.decode()


def test_pictures_in_chats_reach_the_projector_inside(served: Served) -> None:
    case = published_answers("gemma3-vision")["vision"][0]
    assert base64.b64decode(case["image_png_base64"])
    message = {"role": "user", "content": "what", "images": [case["image_png_base64"]]}
    body = {"model": "gemma3-vision", "messages": [message], "options": GREEDY, "stream": False}
    assert served.ask("/api/chat", body)["message"]["role"] == "assistant"

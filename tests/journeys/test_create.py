"""Models made with the real command line, as people make them: layered on another one, of a file, shown and run."""

import base64
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import Served, serving
from tests.models import early_projector, recorded_model, scripted_model

BASE = scripted_model([" red", " green"], ["你好", "！"], context=8192)
CREATED, REUSED = "creating new layer sha256:", "using existing layer sha256:"
SYSTEM = "你是梁爱，一位耐心的中文老师。回答要简短。<|s1|>"
LIANG_AI = f"""FROM base
# the trigger at the end of the system text makes the model say its second script
TEMPLATE {{{{ .Prompt }}}}{{{{ .System }}}}
SYSTEM \"\"\"{SYSTEM}\"\"\"
PARAMETER temperature 0.5
PARAMETER num_ctx 4096
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as served:
        create(served, "base", f"FROM {BASE}")
        yield served


def create(served: Served, name: str, modelfile: str) -> list[str]:
    """What the command says, line by line."""
    (path := served.home / "Modelfile").write_text(modelfile)
    done = served.command("create", name, "-f", str(path))
    assert done.returncode == 0, done.stderr
    return [line.strip() for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.stderr + done.stdout).splitlines()]


def starting(lines: list[str], start: str) -> set[str]:
    return {line for line in lines if line.startswith(start)}


def test_a_layered_model_tells_its_layers_and_uses_all_of_them(served: Served) -> None:
    first = create(served, "liang-ai", LIANG_AI)
    assert first[-2:] == ["writing manifest", "success"]
    assert len(starting(first, CREATED)) == 3  # template, system, parameters
    assert len(starting(first, REUSED)) == 1  # the weights

    second = create(served, "liang-ai-2", LIANG_AI)
    assert second[-1] == "success"
    assert not starting(second, CREATED)
    layers = {line.rpartition(" ")[2] for line in starting(first, CREATED) | starting(first, REUSED)}
    assert {line.rpartition(" ")[2] for line in starting(second, REUSED)} == layers

    assert served.command("run", "liang-ai", "你好吗？").stdout.strip() == "你好！"
    (loaded,) = served.ask("/api/ps", method="GET")["models"]
    assert (loaded["name"], loaded["context_length"]) == ("liang-ai:latest", 4096)
    assert served.command("show", "liang-ai", "--system").stdout == SYSTEM
    assert served.command("show", "liang-ai", "--parameters").stdout.split() == [
        "num_ctx",
        "4096",
        "temperature",
        "0.5",
    ]


def test_the_temperature_of_a_model_reaches_the_engine(served: Served) -> None:
    create(
        served,
        "hot",
        "FROM base\nPARAMETER temperature 1000\nPARAMETER top_p 1\nPARAMETER num_predict 8\nPARAMETER seed 3",
    )
    create(served, "cold", "FROM hot\nPARAMETER temperature 0.5")
    assert served.command("run", "cold", "Hi").stdout.strip() == "red green"
    assert "red green" not in served.command("run", "hot", "Hi").stdout


def test_a_file_is_not_copied(served: Served) -> None:
    source = served.home / "model.gguf"
    source.write_bytes(recorded_model("http").read_bytes())
    before = used_bytes(served.home)
    create(served, "own", "FROM ./model.gguf")
    grown = used_bytes(served.home) - before
    assert grown < source.stat().st_size // 2, grown
    assert "embedding length" in served.command("show", "own").stdout


def used_bytes(folder: Path) -> int:
    """As `du` counts: what a file with several names takes is taken once."""
    blocks = {(found.st_dev, found.st_ino): found.st_blocks for path in folder.rglob("*") if (found := path.lstat())}
    return 512 * sum(blocks.values())


def test_show_tells_the_sections_of_a_model(served: Served) -> None:
    create(served, "shown", f"{LIANG_AI}LICENSE Do as you like.\n")
    page = served.command("show", "shown").stdout
    headings = [line.strip() for line in page.splitlines() if re.match(r"  \S", line)]
    assert headings == ["Model", "Capabilities", "Parameters", "System", "License"]
    verbose = served.command("show", "shown", "-v").stdout
    headings = [line.strip() for line in verbose.splitlines() if re.match(r"  \S", line)]
    assert headings == ["Model", "Capabilities", "Parameters", "Metadata", "Tensors", "System", "License"]
    assert "token_embd.weight" in verbose


def test_a_modelfile_with_quotes_survives_show_and_create(served: Served) -> None:
    text = 'Say """ and " and\n"""three""" more\n"'
    served.ask("/api/create", {"model": "quotes", "from": "base", "system": text, "license": [text, "other"]})
    create(served, "quotes-2", served.command("show", "quotes", "--modelfile").stdout)
    shown = [served.ask("/api/show", {"model": model}) for model in ("quotes", "quotes-2")]
    kept = [[each[key].replace("\u2060", "") for key in ("system", "license")] for each in shown]
    assert kept[0] == kept[1]


def test_an_embedding_model_offers_vectors_and_no_text(served: Served) -> None:
    create(served, "bert", f"FROM {recorded_model('tiny-bert')}")
    assert served.ask("/api/show", {"model": "bert"})["capabilities"] == ["embedding"]
    assert len(served.ask("/api/embed", {"model": "bert", "input": "hello"})["embeddings"]) == 1
    status, raw = served.request("POST", "/api/generate", {"model": "bert", "prompt": "hello"})
    assert (status, b"does not support generate" in raw) == (400, True)


def test_a_model_with_an_early_projector_sees(served: Served) -> None:
    lines = create(served, "sees", f"FROM {BASE}\nFROM {early_projector(BASE)}")
    assert "updating GGUF projector metadata" in lines
    page = served.command("show", "sees").stdout
    assert re.search(r"Capabilities\s+completion\s+vision", page)
    assert re.search(r"Projector\s+architecture\s+clip", page)
    asked = {"model": "sees", "prompt": "<|s1|>", "stream": False}
    blind = served.ask("/api/generate", asked)
    seeing = served.ask("/api/generate", {**asked, "images": [base64.b64encode(picture()).decode()]})
    assert (blind["response"], seeing["response"]) == ("你好！", "你好！")
    assert seeing["prompt_eval_count"] >= blind["prompt_eval_count"] + 16  # a token for each patch
    create(served, "sees-2", served.command("show", "sees", "--modelfile").stdout)
    assert served.ask("/api/show", {"model": "sees-2"})["capabilities"] == ["completion", "vision"]


def picture() -> bytes:
    """A grey square of 32 x 32 pixels, as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x77" * 96) * 32)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_several_models_are_removed_while_one_of_them_is_loaded(served: Served) -> None:
    for name in ("gone-1", "gone-2", "stays"):
        create(served, name, "FROM base")
    assert served.command("run", "gone-1", "Hi").stdout.strip() == "red green"
    done = served.command("rm", "gone-1", "gone-2")
    assert done.stdout == "deleted 'gone-1'\ndeleted 'gone-2'\n"
    names = {model["name"] for model in served.ask("/api/tags", method="GET")["models"]}
    assert names.isdisjoint({"gone-1:latest", "gone-2:latest"})
    assert served.command("run", "stays", "Hi").stdout.strip() == "red green"
    assert served.command("rm", "gone-1").returncode == 1

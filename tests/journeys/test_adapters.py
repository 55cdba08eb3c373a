"""LoRA adapters in real generations: what they change, several at once, and what is said of those that do not fit."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.conftest import Served, serving
from tests.models import adapter_of, scripted_model, truncated

BASE = scripted_model([" red", " green", " blue"], [" one", " two", " three"])
TO_NUMBERS = {" red": " two"}
TO_COLOURS = {" two": " blue"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as served:
        create(served, "base", f"FROM {BASE}")
        yield served


def create(served: Served, name: str, modelfile: str) -> None:
    (path := served.home / f"{name}.modelfile").write_text(modelfile)
    done = served.command("create", name, "-f", str(path))
    assert done.returncode == 0, done.stderr


def say(served: Served, model: str) -> str:
    answer = served.ask("/api/generate", {"model": model, "prompt": "<|s0|>", "raw": True, "stream": False})
    return str(answer["response"])


def upload(served: Served, file: Path) -> str:
    data = file.read_bytes()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert served.request("POST", f"/api/blobs/{digest}", data)[0] in {200, 201}
    return digest


def test_an_adapter_changes_what_is_said(served: Served) -> None:
    create(served, "one", f"FROM base\nADAPTER {adapter_of(BASE, TO_NUMBERS)}")
    assert say(served, "base") == " red green blue"
    assert say(served, "one") == " red two three"
    assert say(served, "base") == " red green blue"


def test_two_adapters_work_at_once_and_survive_a_round_trip(served: Served) -> None:
    first, second = adapter_of(BASE, TO_NUMBERS), adapter_of(BASE, TO_COLOURS)
    create(served, "both", f"FROM {BASE}\nADAPTER {first}\nADAPTER {second}")
    assert say(served, "both") == " red two blue"
    create(served, "again", served.command("show", "both", "--modelfile").stdout)
    assert say(served, "again") == " red two blue"


def test_an_adapter_adds_to_that_of_the_base(served: Served) -> None:
    create(served, "below", f"FROM base\nADAPTER {adapter_of(BASE, TO_NUMBERS)}")
    digest = upload(served, adapter_of(BASE, TO_COLOURS))
    served.ask("/api/create", {"model": "above", "from": "below", "adapters": {"a.gguf": digest}})
    assert say(served, "above") == " red two blue"


def test_one_that_does_not_fit_is_the_callers_mistake(served: Served) -> None:
    for file, reason in (
        (adapter_of(BASE, TO_NUMBERS, width=32), '"output.weight" is 64 x 267 in the model, 32 x 267 in the adapter'),
        (adapter_of(BASE, TO_NUMBERS, architecture="qwen2"), "it is made for qwen2, the model is llama"),
    ):
        create(served, "unfit", f"FROM base\nADAPTER {file}")
        asked = {"model": "unfit", "prompt": "<|s0|>", "raw": True}
        for path, body in (("/api/generate", asked), ("/api/embed", {"model": "unfit", "input": "x"})):
            status, raw = served.request("POST", path, body)
            assert (status, reason in raw.decode().replace('\\"', '"')) == (400, True), raw
    assert say(served, "base") == " red green blue"


def test_one_that_is_broken_is_refused_at_once(served: Served) -> None:
    whole = adapter_of(BASE, TO_NUMBERS)
    cut, digest = upload(served, truncated(whole)), upload(served, whole)
    for adapters, reason in (
        ({"a.gguf": cut}, "exceeds file size"),
        ({"a.gguf": digest, "b.gguf": digest}, "are the same file"),
    ):
        body = {"model": "broken", "from": "base", "adapters": adapters, "stream": False}
        status, raw = served.request("POST", "/api/create", body)
        assert (status, reason in raw.decode()) == (400, True), raw

"""Models with a DRAFT in real generations: the small one guesses, the large one decides, nobody sees a difference."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tampu.engine.protocol import EngineEnd
from tests.engine.running import asking, events_of, running, text_of
from tests.journeys.conftest import Served, serving
from tests.models import scripted_model, truncated
from tests.published import published_model

PIECES = [" red", " green", " blue", " one", " two", " three", " four", " five"]
MODEL = scripted_model(PIECES)
FOREIGN = scripted_model([" une", " deux"])
"""Has another vocabulary: the engine does not ask it."""
ALL = "".join(PIECES)
UNUSED = "the draft model is of no use to the model, which answers without it"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as served:
        yield served


def create(served: Served, name: str, draft: Path) -> None:
    own = served.home / f"{name}.gguf"
    own.write_bytes(draft.read_bytes())  # a file that is FROM and DRAFT at once is refused
    (path := served.home / f"{name}.modelfile").write_text(f"FROM {MODEL}\nDRAFT {own}\nTEMPLATE {{{{ .Prompt }}}}\n")
    done = served.command("create", name, "-f", str(path))
    assert done.returncode == 0, done.stderr


def say(served: Served, model: str, **options: Any) -> str:
    asked = {"model": model, "prompt": "<|s0|>", "raw": True, "stream": False, "options": options}
    return str(served.ask("/api/generate", asked)["response"])


def engines(served: Served) -> set[int]:
    return {child.pid for child in psutil.Process(served.process.pid).children()}


@pytest.mark.anyio
@pytest.mark.parametrize(("draft", "is_asked"), [(MODEL, True), (FOREIGN, False)])
async def test_the_engine_takes_guesses_that_are_right(draft: Path, *, is_asked: bool) -> None:
    async with running(MODEL, draft_path=draft, draft_num_predict=3) as child:
        events = await events_of(child.engine.complete(asking("<|s0|>")))
        end = events[-1]
        assert isinstance(end, EngineEnd)
        assert text_of(events) == ALL
        assert (end.drafted_tokens > 0) is is_asked
        assert end.accepted_tokens == end.drafted_tokens


def test_answers_are_those_of_the_model(served: Served) -> None:
    for name, draft in (("good", MODEL), ("foreign", FOREIGN)):
        create(served, name, draft)
        assert say(served, name) == ALL
        assert say(served, name, num_predict=3) == "".join(PIECES[:3])
        assert say(served, name, stop=[" one"]) == "".join(PIECES[:3])


def test_one_that_cannot_be_asked_is_told(served: Served) -> None:
    create(served, "stranger", FOREIGN)
    before = served.log.count(UNUSED)
    assert say(served, "stranger", num_ctx=128) == ALL
    assert served.log.count(UNUSED) == before + 1


def test_it_counts_in_memory_and_vectors_go_without(served: Served) -> None:
    create(served, "heavy", MODEL)
    say(served, "heavy")
    with_it = served.ask("/api/ps", method="GET")["models"][0]["size"]
    say(served, "heavy", draft_num_predict=0)
    without = served.ask("/api/ps", method="GET")["models"][0]["size"]
    assert with_it > without
    assert len(served.ask("/api/embed", {"model": "heavy", "input": "x"})["embeddings"]) == 1


def test_draft_num_predict_reloads_and_zero_means_none(served: Served) -> None:
    create(served, "guessing", MODEL)
    assert say(served, "guessing") == ALL
    first = engines(served)
    assert say(served, "guessing", draft_num_predict=0) == ALL
    second = engines(served)
    assert second != first
    assert say(served, "guessing", draft_num_predict=-1, seed=3) == ALL
    assert engines(served) == second


def test_a_draft_that_is_broken_is_refused_at_once(served: Served) -> None:
    (path := served.home / "cut.modelfile").write_text(f"FROM {MODEL}\nDRAFT {truncated(MODEL)}\n")
    done = served.command("create", "cut", "-f", str(path))
    assert done.returncode == 1
    assert "exceeds file size" in done.stderr


def test_a_model_s_own_layer_guesses_where_that_is_asked(served: Served) -> None:
    (path := served.home / "own.modelfile").write_text(f"FROM {published_model('qwen35')}\n")
    assert served.command("create", "own", "-f", str(path)).returncode == 0
    plain = say_greedily(served, "own")
    alone = engines(served)
    assert say_greedily(served, "own", draft_num_predict=2) == plain
    assert engines(served) != alone, "it was loaded anew"


def say_greedily(served: Served, model: str, **options: Any) -> str:
    options = {"temperature": 0, "num_predict": 16, **options}
    asked = {"model": model, "prompt": "Hello 12345", "raw": True, "stream": False, "options": options}
    return str(served.ask("/api/generate", asked)["response"])

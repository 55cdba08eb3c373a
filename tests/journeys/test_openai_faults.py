"""OpenAI's dialect when things go wrong in mid-stream: an engine dies, a client leaves; with one answer and several."""

import signal
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from tests.journeys.conftest import Served, serving
from tests.journeys.dialects import make_models

HI: Any = [{"role": "user", "content": "hi"}]
ENDLESS: Any = {"model": "v-loop", "messages": HI, "stream": True, "extra_body": {"num_ctx": 4096}}


def _client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0)


def _kill_engines(served: Served) -> None:
    for engine in psutil.Process(served.process.pid).children(recursive=True):
        engine.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("answers", [1, 2])
def test_a_killed_engine_raises_in_the_sdk(tmp_path: Path, answers: int) -> None:
    with serving(tmp_path) as served:
        make_models(served, "v-loop")
        with _client(served) as client:
            stream = client.chat.completions.create(**ENDLESS, n=answers)
            next(stream)
            _kill_engines(served)
            with pytest.raises(openai.APIError, match="an error was encountered while running the model"):
                list(stream)
            texts = client.completions.create(model="v-loop", prompt="hi", stream=True)
            next(texts)
            _kill_engines(served)
            with pytest.raises(openai.APIError, match="an error was encountered while running the model"):
                list(texts)
            again = client.chat.completions.create(model="v-loop", messages=HI, max_tokens=2)
            assert again.choices[0].finish_reason == "length"
        assert "Traceback" not in served.log


@pytest.mark.parametrize("answers", [1, 3])
def test_a_client_that_leaves_frees_its_slots(tmp_path: Path, answers: int) -> None:
    """With so many slots as it had, the next request would wait for ever if its answers still ran."""
    with serving(tmp_path, OLLAMA_NUM_PARALLEL=str(answers)) as served:
        make_models(served, "v-loop")
        with _client(served) as client:
            stream = client.chat.completions.create(**ENDLESS, n=answers)
            next(stream)
            stream.close()
            client.chat.completions.create(
                model="v-loop", messages=HI, max_tokens=2, extra_body={"num_ctx": 4096}, timeout=30
            )
        assert "Traceback" not in served.log

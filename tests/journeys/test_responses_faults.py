"""Responses when things go wrong: an engine dies, a client leaves, the server is killed, two servers share a folder."""

import re
import signal
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from tests.journeys.conftest import Served, serving
from tests.journeys.dialects import make_models


def _client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0)


def test_a_killed_engine_raises_in_the_sdk(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        make_models(served, "v-loop")
        with _client(served) as client:
            stream = client.responses.create(model="v-loop", input="hi", stream=True)
            seen = [next(stream)]
            for engine in psutil.Process(served.process.pid).children(recursive=True):
                engine.send_signal(signal.SIGKILL)
            with pytest.raises(openai.APIError, match="an error was encountered while running the model"):
                seen.extend(stream)
            failed = seen[-1]
            assert failed.type == "response.failed"
            assert (failed.response.status, failed.response.id) == ("failed", seen[0].response.id)  # type: ignore[union-attr]
            again = client.responses.create(model="v-loop", input="hi", max_output_tokens=2)
            assert again.status == "incomplete"
        assert "Traceback" not in served.log


@pytest.mark.parametrize("streams", [True, False])
def test_a_client_that_leaves_frees_its_slot(tmp_path: Path, streams: bool) -> None:
    """With one slot, the next request would wait for ever if the answer still ran."""
    with serving(tmp_path, OLLAMA_NUM_PARALLEL="1") as served:
        make_models(served, "v-loop")
        with _client(served) as client:
            client.responses.create(model="v-loop", input="hi", max_output_tokens=2)
            if streams:
                stream = client.responses.create(model="v-loop", input="hi", stream=True)
                next(stream)
                stream.close()
            else:
                with pytest.raises(openai.APITimeoutError):
                    client.responses.create(model="v-loop", input="hi", timeout=0.5)
            client.responses.create(model="v-loop", input="hi", max_output_tokens=2, timeout=30)
        assert "Traceback" not in served.log


def test_a_conversation_goes_on_after_the_server_was_killed(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        make_models(served, "v-hello", "v-loop")
        with _client(served) as client:
            first = client.responses.create(model="v-hello", input="hi")
            kept = client.responses.create(model="v-hello", input="hi", store=True, previous_response_id=first.id)
            cut = next(client.responses.create(model="v-loop", input="hi", stream=True))
            served.process.kill()
            served.process.wait(30)
    with serving(tmp_path) as served, _client(served) as client:
        assert client.responses.retrieve(kept.id).model_dump() == kept.model_dump()
        then = client.responses.create(model="v-hello", input="more", previous_response_id=kept.id)
        assert then.usage is not None
        assert kept.usage is not None
        assert then.usage.input_tokens > kept.usage.input_tokens
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(cut.response.id)  # type: ignore[union-attr]


def test_two_servers_share_what_is_kept(tmp_path: Path) -> None:
    with serving(tmp_path) as one:
        make_models(one, "v-hello")
        with serving(tmp_path) as other, _client(one) as here, _client(other) as there:
            previous = None
            for _ in range(3):
                for client in (here, there):
                    answer = client.responses.create(model="v-hello", input="hi", previous_response_id=previous)
                    previous = answer.id
            assert there.responses.retrieve(previous or "").id == previous
            here.responses.delete(previous or "")
            with pytest.raises(openai.NotFoundError):
                there.responses.retrieve(previous or "")


def test_a_damaged_database_costs_no_request(tmp_path: Path) -> None:
    (tmp_path / ".ollama").mkdir()
    (tmp_path / ".ollama" / "tampu.db").write_bytes(b"this is no database" * 500)
    with serving(tmp_path) as served:
        make_models(served, "v-hello")
        with _client(served) as client:
            made = client.responses.create(model="v-hello", input="hi")
            assert client.responses.retrieve(made.id).id == made.id
        assert re.search(r"the database was damaged: it is kept as tampu\.db\.damaged-[0-9-]+", served.log)
        assert "Traceback" not in served.log


def test_nothing_is_kept_where_the_setting_says_so(tmp_path: Path) -> None:
    with serving(tmp_path, TAMPU_KEEP_RESPONSES="0") as served:
        make_models(served, "v-hello")
        with _client(served) as client:
            made: Any = client.responses.create(model="v-hello", input="hi", store=True)
            assert made.store is False
            with pytest.raises(openai.NotFoundError):
                client.responses.retrieve(made.id)

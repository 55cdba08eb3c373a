"""A server that is told to stop lets short answers end, tells the others, and leaves no engine behind."""

import http.client
import json
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import psutil

from tests.journeys.conftest import Served, serving, wait_until
from tests.models import scripted_model_of

LONG = scripted_model_of({"name": "long", "context": 4096, "scripts": [{"pieces": [" one", " two"], "end": "loop"}]})
ENDLESS = scripted_model_of(
    {"name": "endless", "context": 65536, "scripts": [{"pieces": [" one", " two"], "end": "loop"}]}
)
FOR_MINUTES = {"num_predict": -1, "num_ctx": 65536}
"""An answer without a bound ends after ten times the context."""


class Asking(threading.Thread):
    """A request in a thread: its status, its headers, its lines as they come."""

    def __init__(self, served: Served, **body: Any) -> None:
        super().__init__(daemon=True)
        self.served, self.body = served, {"model": "loop", "prompt": "x", **body}
        self.status, self.headers, self.lines = 0, dict[str, str](), list[Any]()
        self.start()

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=60)
        connection.request("POST", "/api/generate", json.dumps(self.body))
        answer = connection.getresponse()
        self.status, self.headers = answer.status, {name.lower(): value for name, value in answer.getheaders()}
        for line in answer:
            self.lines.append(json.loads(line))
        connection.close()


def test_a_server_that_is_told_to_stop_drains(tmp_path: Path) -> None:
    with serving(tmp_path, OLLAMA_NUM_PARALLEL="1") as served:
        (tmp_path / "Modelfile").write_text(f"FROM {ENDLESS}\nTEMPLATE {{{{ .Prompt }}}}<|s0|>\n")
        assert served.command("create", "loop", "-f", str(tmp_path / "Modelfile")).returncode == 0
        served.upload("second.gguf", "other", template="{{ .Prompt }}<|s0|>")
        endless = Asking(served, options=FOR_MINUTES)
        wait_until(lambda: endless.lines)
        waiting = Asking(served, options=FOR_MINUTES)
        wait_until(lambda: len(served.ask("/api/queue", method="GET")["requests"]) == 2)
        short = Asking(served, model="other")
        wait_until(lambda: short.lines)
        engines = psutil.Process(served.process.pid).children()
        served.process.send_signal(signal.SIGTERM)
        for client in (endless, waiting, short):
            client.join(60)
        assert short.lines[-1]["done_reason"] == "stop", "it ended within the time of grace"
        assert endless.status == 200
        assert endless.lines[-1] == {"error": "the server is stopping; try again later"} or endless.lines[-1]["done"]
        assert waiting.status == 503
        assert int(waiting.headers["retry-after"]) > 0
        assert served.process.wait(60) == 0
        assert [engine for engine in engines if engine.is_running()] == []
    assert "Traceback" not in served.log


def test_a_server_makes_way_for_the_next_without_losing_an_answer(tmp_path: Path) -> None:
    """SIGQUIT frees the port at once; what was asked before is answered by the old server, to its end."""
    with serving(tmp_path / "old") as old:
        (tmp_path / "Modelfile").write_text(f"FROM {LONG}\nTEMPLATE {{{{ .Prompt }}}}<|s0|>\n")
        assert old.command("create", "loop", "-f", str(tmp_path / "Modelfile")).returncode == 0
        answers = [Asking(old, options={"num_predict": 4000}) for _ in range(2)]
        wait_until(lambda: all(answer.lines for answer in answers))
        old.process.send_signal(signal.SIGQUIT)
        wait_until(lambda: _is_free(old.port))
        assert all(answer.is_alive() for answer in answers), "they must still run, or nothing is tested"
        place = {"OLLAMA_HOST": f"127.0.0.1:{old.port}", "OLLAMA_MODELS": str(old.models)}
        with serving(tmp_path / "new", **place) as new:
            said = Asking(Served(old.port, new.process, tmp_path / "new"), options={"num_predict": 4})
            for answer in (said, *answers):
                answer.join(60)
            ends = [(answer.lines[-1]["done_reason"], answer.lines[-1]["eval_count"]) for answer in (said, *answers)]
            assert ends == [("length", 4), ("length", 4000), ("length", 4000)]
            assert old.process.wait(30) == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0

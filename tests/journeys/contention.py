"""Two real servers on one models folder, and command lines beside them, that make and delete the same models at once.

Models called after a worker are its own: whatever the others do, they must be there, whole and as they were made.
Models called `shared` belong to all: not finding one is no loss, everything else is. Run it for as long as you like:
`python -m tests.journeys.contention SECONDS`.
"""

import hashlib
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.journeys.conftest import Served, serving
from tests.recordings import recorded_bytes

FILE = "a-embed.gguf"
WEIGHTS = recorded_bytes(f"store/models/{FILE}")
DIGEST = f"sha256:{hashlib.sha256(WEIGHTS).hexdigest()}"
TEXTS = ("one", "two", "three")
EVERY = 8
"""Rounds between two turns of the command line, which takes as long as many requests."""


class Worker:
    """One client of one server, going through rounds of changes. `lost`: what must not have happened."""

    def __init__(self, served: Served, who: str, done: Counter[str]) -> None:
        self.served, self.who, self.done = served, who, done
        self.chance = random.Random(who)  # noqa: S311  # the order of deletions is no secret
        self.lost: list[str] = []

    def work(self, goes_on: Callable[[int], bool]) -> None:
        """Rounds until told otherwise, or until something is lost."""
        number = 0
        while goes_on(number) and not self.lost:
            self.round(number)
            number += 1

    def round(self, number: int) -> None:
        text = self.chance.choice(TEXTS)
        self.expect({200, 201}, "POST", f"/api/blobs/{DIGEST}", WEIGHTS)
        self.create("a", files={FILE: DIGEST}, system=text)
        self.create("b", **{"from": f"{self.who}/a", "license": text})
        self.expect({200}, "POST", "/api/copy", {"source": f"{self.who}/b", "destination": f"{self.who}/c"})
        for model in ("a", "b", "c"):
            self.check(model, text)
        self.quarrel(text)
        self.expect({200}, "POST", "/api/purge", {"stream": False})
        if number % EVERY == 0:
            self.use_commands(text)
        for model in self.chance.sample(("a", "b", "c"), 3):
            self.expect({200}, "DELETE", "/api/delete", {"model": f"{self.who}/{model}"})
        self.done["rounds"] += 1

    def create(self, model: str, **fields: Any) -> None:
        self.expect({200}, "POST", "/api/create", {"model": f"{self.who}/{model}", "stream": False, **fields})

    def quarrel(self, text: str) -> None:
        """All make, copy and delete the same names; the content differs by maker."""
        body = {"model": "shared", "from": f"{self.who}/a", "license": text + self.who, "stream": False}
        self.expect({200}, "POST", "/api/create", body)
        self.expect({200, 404}, "POST", "/api/copy", {"source": "shared", "destination": "shared2"})
        self.expect({200, 404}, "POST", "/api/show", {"model": "shared2"})
        self.expect({200, 404}, "DELETE", "/api/delete", {"model": self.chance.choice(("shared", "shared2"))})

    def check(self, model: str, text: str) -> None:
        status, raw = self.served.request("POST", "/api/show", {"model": f"{self.who}/{model}"})
        if status != 200 or json.loads(raw).get("system") != text:
            self.lost.append(f"{self.who}/{model} is not what was made: {status} {raw[:200]!r}")

    def use_commands(self, text: str) -> None:
        for words in (("cp", f"{self.who}/a", f"{self.who}/d"), ("show", f"{self.who}/d", "--system"), ("list",)):
            self.command(*words, wanted=text if words[0] == "show" else "")
        self.command("rm", f"{self.who}/d", wanted="deleted")

    def command(self, *words: str, wanted: str) -> None:
        ended = self.served.command(*words, TAMPU_AUTOSTART="0")
        self.done[f"tampu {words[0]}"] += 1
        if ended.returncode != 0 or wanted not in ended.stdout:
            self.lost.append(f"tampu {' '.join(words)}: {ended.stdout} {ended.stderr}")

    def expect(self, statuses: set[int], method: str, path: str, body: Any) -> None:
        status, raw = self.served.request(method, path, body)
        self.done[f"{path.split('/')[2]} {status}"] += 1
        if status not in statuses:
            self.lost.append(f"{self.who}: {method} {path}: {status} {raw[:200]!r}")


def contend(folder: Path, goes_on: Callable[[int], bool], *, workers: int = 2) -> tuple[Counter[str], list[str]]:
    """What was done, and what was lost: by two servers with as many workers each. Their logs may hold no traceback."""
    done: Counter[str] = Counter()
    with ExitStack() as stack:
        models = folder / "models"
        servers = [stack.enter_context(serving(folder / who, OLLAMA_MODELS=str(models))) for who in ("left", "right")]
        team = [Worker(server, f"{server.home.name}{number}", done) for server in servers for number in range(workers)]
        threads = [threading.Thread(target=worker.work, args=(goes_on,)) for worker in team]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lost = [line for worker in team for line in worker.lost]
        lost += [f"{server.home.name} logged a traceback" for server in servers if "Traceback" in server.log]
        for server in servers:
            for model in ("shared", "shared2"):
                server.request("DELETE", "/api/delete", {"model": model})
        verified = servers[0].command("verify", "--json")
        found = json.loads(verified.stdout)
        lost += [f"verify: {damage}" for damage in found["damages"]]
        lost += ["a name is left"] if servers[1].ask("/api/tags", method="GET")["models"] else []
        done["blobs left"] = found["blobs"]
    return done, lost


def main() -> None:
    seconds, folder = float(sys.argv[1]), Path(tempfile.mkdtemp(prefix="tampu-contention-"))
    end = time.monotonic() + seconds
    try:
        done, lost = contend(folder, lambda _: time.monotonic() < end)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(dict(sorted(done.items())), indent=1))
    print("\n".join(lost) or "nothing was lost")


if __name__ == "__main__":
    main()

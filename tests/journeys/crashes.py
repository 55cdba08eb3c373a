"""Kills servers and commands in the middle of changes to a models folder, and looks at what is left each time.

Where exactly a kill hits is left to chance (tests/store/crashing.py tries every call of the file system); that it hits
in the midst of work is not. Run it for longer: `python -m tests.journeys.crashes KILLS`.
"""

import contextlib
import http.client
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from tests.journeys.conftest import Served, serving, wait_until
from tests.journeys.contention import DIGEST, FILE, WEIGHTS, Worker

KEPT = "untouched"


def prepare(served: Served) -> None:
    """One model that nobody changes, made of the same weights as those that are made and removed."""
    assert served.request("POST", f"/api/blobs/{DIGEST}", WEIGHTS)[0] in {200, 201}
    body = {"model": KEPT, "files": {FILE: DIGEST}, "system": "stays", "stream": False}
    assert served.request("POST", "/api/create", body)[0] == 200


def kill_server(served: Served, chance: random.Random) -> Counter[str]:
    """SIGKILL while a client makes, copies, removes and purges; what it had done by then."""
    done: Counter[str] = Counter()
    worker = Worker(served, "dying", done)

    def work() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):  # the server is gone
            worker.work(lambda _: served.process.poll() is None)

    thread = threading.Thread(target=work)
    thread.start()
    wanted = chance.randint(1, 14)
    wait_until(lambda: done.total() >= wanted or not thread.is_alive())
    time.sleep(chance.random() * 0.02)
    served.process.send_signal(signal.SIGKILL)
    served.process.wait(30)
    thread.join(60)
    # A command that finds no server is no loss.
    lost = [line for line in worker.lost if "tampu " not in line]
    assert not lost, lost
    return done


def kill_command(served: Served, chance: random.Random, folder: Path) -> None:
    """SIGKILL of a `create` that reads and hands over a file; the server goes on."""
    (folder / "m.gguf").write_bytes(WEIGHTS + bytes(1 << 22))
    (folder / "Modelfile").write_text("FROM ./m.gguf\nSYSTEM cut off\n")
    command = [sys.executable, "-m", "tampu", "create", "cut", "-f", str(folder / "Modelfile")]
    creating = subprocess.Popen(
        command,
        env={**served.environment, "TAMPU_AUTOSTART": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    time.sleep(0.1 + chance.random() * 0.3)
    creating.kill()
    creating.wait(30)


def damage(served: Served) -> list[str]:
    """What `tampu verify` finds, and whether the untouched model is as it was."""
    verified = served.command("verify", "--json")
    found = [str(each) for each in json.loads(verified.stdout)["damages"]]
    shown = served.ask("/api/show", {"model": KEPT})
    return found if shown["system"] == "stays" else [*found, f"{KEPT} was changed"]


def crash(folder: Path, kills: int) -> tuple[Counter[str], list[str]]:
    """What was done before the kills in all, and what was damaged after any of them."""
    chance, done, found = random.Random(kills), Counter[str](), list[str]()  # noqa: S311  # the moments are no secret
    for number in range(kills):
        with serving(folder) as served:
            if number == 0:
                prepare(served)
            found += [f"kill {number}: {each}" for each in damage(served)]
            kill_command(served, chance, folder)
            found += [f"command {number}: {each}" for each in damage(served)]
            done += kill_server(served, chance)
    with serving(folder) as served:
        found += [f"at last: {each}" for each in damage(served)]
    return done, found


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="tampu-crashes-"))
    try:
        done, found = crash(folder, int(sys.argv[1]))
    finally:
        shutil.rmtree(folder)
    print(json.dumps(dict(sorted(done.items())), indent=1))
    print("\n".join(found) or "nothing was damaged")


if __name__ == "__main__":
    main()

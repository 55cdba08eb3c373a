"""Replays the recorded HTTP exchanges by several clients at once on one server: answers must not depend on company.

Each client but the first has names of its own for the models, told back before anything is compared. All clients play
all parts, each beginning with another one. `python -m tests.journeys.company --clients 8 [OLLAMA_NUM_PARALLEL=1]`.
"""

import argparse
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.journeys.agreement import HEADER, SETUP, STAGES, Explanation, Result, explanations, replay
from tests.journeys.conftest import serving
from tests.journeys.rewritten import Terms
from tests.recordings import recording, unpack

NOT_PLAYED = {"http/keep_alive"}
"""What `ps` shows is about everybody's models, and one who unloads a model does so for all."""
PARTS = tuple(
    part for stage in STAGES[:3] for part in stage.parts if part != SETUP and part not in NOT_PLAYED
)  # those that share a server


class Company(Terms):
    """Also tells the models of client `number` by the names that the recordings have."""

    def __init__(self, models: Path, number: int) -> None:
        super().__init__(models)
        self.number = number

    def ask(self, step: Mapping[str, Any]) -> Mapping[str, Any]:
        """The step with this client's own names."""
        if not self.number:
            return step
        return {key: value if key == "response" else self._named(value) for key, value in step.items()}

    def tell(self, got: dict[str, Any]) -> dict[str, Any]:
        """The answer with the recorded names."""
        told: dict[str, Any] = _mapped(super().tell(got), lambda text: text.replace(self._mark, ""))
        return told

    @property
    def _mark(self) -> str:
        return f"-of-{self.number}"

    def _named(self, value: Any) -> Any:
        return {key: self._named_at(key, item) for key, item in value.items()} if isinstance(value, dict) else value

    def _named_at(self, key: str, item: Any) -> Any:
        if key not in {"model", "name"} or not isinstance(item, str):
            return item
        return _MODEL.sub(lambda found: found[0] + self._mark, item)


def _mapped(value: Any, change: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    return {key: _mapped(item, change) for key, item in value.items()} if isinstance(value, dict) else value


def _models() -> Iterator[str]:
    for step in recording(f"{SETUP}.json")["steps"]:
        if step["path"] == "/api/create":
            yield step["json"]["model"]


_LONGEST_FIRST = sorted(map(re.escape, _models()), key=len, reverse=True)
_MODEL = re.compile(rf"(?<![\w-])(?:{'|'.join(_LONGEST_FIRST)})(?![\w-])", re.IGNORECASE)


def play_together(folder: Path, clients: int, known: Sequence[Explanation], **variables: str) -> list[list[Result]]:
    """What came of each part for each client, in the order of PARTS."""
    golden = unpack(folder / "golden")
    results: list[list[Result]] = [[] for _ in range(clients)]
    with serving(folder / "home", **variables) as served:

        def play(number: int) -> None:
            terms = Company(served.models, number)
            replay(SETUP, served.url, golden, (), terms)
            start = number * len(PARTS) // clients
            played = {part: replay(part, served.url, golden, known, terms) for part in PARTS[start:] + PARTS[:start]}
            results[number] += [played[part] for part in PARTS]

        threads = [threading.Thread(target=play, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return results


def together(results: Sequence[Sequence[Result]]) -> list[Result]:
    """One result for each part: the worst of any client, with all that differed for any."""
    joined = []
    for of_part in zip(*results, strict=True):
        worst = Result(of_part[0].part, of_part[0].cases, max((each.explained for each in of_part), key=len))
        worst.seconds = max(each.seconds for each in of_part)
        for number, each in enumerate(of_part):
            worst.differing |= {f"client {number}: {step}": lines for step, lines in each.differing.items()}
        joined.append(worst)
    return joined


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("variables", nargs="*", metavar="NAME=VALUE", help="settings of the server")
    wanted = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        variables = dict(variable.split("=", 1) for variable in wanted.variables)
        results = together(play_together(Path(folder), wanted.clients, explanations(), **variables))
    print(HEADER, *(result.row for result in results), sep="\n")
    for result in results:
        for step, lines in result.differing.items():
            print(result.part, step, *lines[:3], sep=": ")
    print(f"{wanted.clients} clients, {time.monotonic() - start:.0f} s")
    return int(any(result.differing for result in results))


if __name__ == "__main__":
    sys.exit(main())

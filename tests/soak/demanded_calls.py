"""Demand calls of one named tool from a small real model at temperature 1, and hold each against the tool's schema.

usage: python -m tests.soak.demanded_calls [RUNS]    (200 if left out)
"""

import json
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, Literal

import openai
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.journeys.conftest import serving

MODEL = "smollm2:135m"
STORE = Path(__file__).parents[2] / ".cache" / "benchmark-models"
_AT_ONCE = 4


class Stop(BaseModel):
    """Where to stay."""

    model_config = ConfigDict(extra="forbid", strict=True)
    city: str
    nights: Annotated[int, Field(ge=1, le=30)]


class Trip(BaseModel):
    """Arguments with most of what schemas hold: choices, bounds, lists of objects, what may be left out."""

    model_config = ConfigDict(extra="forbid", strict=True)
    traveller: Annotated[str, Field(min_length=1, max_length=40)]
    by: Literal["train", "bus", "bicycle"]
    stops: Annotated[list[Stop], Field(min_length=1, max_length=3)]
    budget: Annotated[float, Field(ge=0)] | None = None
    is_return: bool


BOOK: Any = {
    "type": "function",
    "function": {"name": "book_trip", "description": "Book a trip", "parameters": Trip.model_json_schema()},
}
OTHER: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
_ASKED = "Book a trip for Ada: three nights in Rome, then a week in Lyon, by train, and back."


def ask(client: openai.OpenAI, seed: int) -> str:
    """What is wrong with the call that one request brings; empty if nothing is."""
    answer = client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": _ASKED}], tools=[OTHER, BOOK],
        tool_choice={"type": "function", "function": {"name": "book_trip"}}, temperature=1, seed=seed,
        extra_body={"describe_tools": True},
    ).choices[0]  # fmt: skip
    calls = answer.message.tool_calls or []
    if [call.function.name for call in calls if call.type == "function"] != ["book_trip"]:
        return f"{answer.finish_reason}: {len(calls)} calls, {answer.message.content!r}"
    (call,) = calls
    assert call.type == "function"
    try:
        Trip.model_validate_json(call.function.arguments)
    except ValidationError as error:
        return f"{json.dumps(call.function.arguments)}: {error}"
    return "" if answer.finish_reason == "tool_calls" else answer.finish_reason


def demand(home: Path, runs: int) -> list[str]:
    """What went wrong in so many runs, each with a seed of its own."""
    with serving(home, OLLAMA_MODELS=str(STORE), OLLAMA_NOPRUNE="1") as served:
        served.ask("/api/pull", {"model": MODEL, "stream": False})
        with (
            openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused") as client,
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            return [wrong for wrong in pool.map(lambda seed: ask(client, seed), range(runs)) if wrong]


def main() -> int:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        wrong = demand(Path(folder), runs)
    print(f"{runs - len(wrong)} of {runs} demanded calls are valid")
    for text, times in Counter(wrong).items():
        print(f"{times} x {text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Answers do not depend on who else asks."""

from pathlib import Path

import pytest

from tests.journeys.agreement import HEADER, explanations
from tests.journeys.company import play_together, together


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clients", "variables"),
    [
        pytest.param(3, {}, id="three clients"),
        pytest.param(8, {}, id="eight clients", marks=pytest.mark.golden),
        pytest.param(8, {"OLLAMA_NUM_PARALLEL": "1"}, id="eight clients, one slot", marks=pytest.mark.golden),
    ],
)
def test_recorded_answers_in_company(tmp_path: Path, clients: int, variables: dict[str, str]) -> None:
    results = together(play_together(tmp_path, clients, explanations(), **variables))
    differing = [f"{result.part}: {step}: {lines}" for result in results for step, lines in result.differing.items()]
    assert not differing, "\n".join(["", HEADER, *(result.row for result in results), *differing])

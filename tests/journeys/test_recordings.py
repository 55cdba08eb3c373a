"""What Ollama was recorded to answer, played against real servers of ours: alike, or different on purpose."""

from pathlib import Path

import pytest

from tests.differences import KINDS, lines
from tests.journeys.agreement import HEADER, STAGES, Stage, complaints, explanations, play
from tests.journeys.recorded_clients import CLIENTS
from tests.tally import Tally

KNOWN = explanations()


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_answers_are_as_recorded_or_explained(stage: Stage, tmp_path: Path, tally: Tally) -> None:
    results = play(stage, tmp_path, KNOWN)
    for result in results:
        tally.add(result.part, result.cases, result.lines, len(result.differing))
    wrong = complaints(results, KNOWN)
    assert not wrong, "\n".join(["", HEADER, *(result.row for result in results), *wrong])


def test_every_explanation_stands_in_the_documents() -> None:
    assert {explanation.name for explanation in KNOWN} <= {name for name, said in lines().items() if said in KINDS}
    assert all(explanation.because.strip() for explanation in KNOWN)


def test_every_rule_names_recordings_that_are_played() -> None:
    played = {part for stage in STAGES for part in stage.parts} | {f"clients/{name}" for name in CLIENTS}
    named = {file for explanation in KNOWN for rule in explanation.rules for file in rule.files}
    assert named <= played

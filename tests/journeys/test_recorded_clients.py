"""Unmodified client libraries get from this server what they were recorded to get from Ollama, or better on purpose."""

from collections.abc import Iterator

import pytest

from tests.journeys.agreement import complaints, explanations
from tests.journeys.conftest import Served, serving
from tests.journeys.dialects import make_all_models
from tests.journeys.recorded_clients import CLIENTS, play
from tests.tally import Tally

KNOWN = explanations()


@pytest.fixture(scope="module")
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the models of the dialects and no others."""
    with serving(tmp_path_factory.mktemp("clients")) as served:
        make_all_models(served)
        yield served


@pytest.mark.network
@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_library_gets_what_was_recorded(name: str, speaking: Served, tally: Tally) -> None:
    result = play(name, speaking.url, speaking.environment, KNOWN)
    tally.add(result.part, result.cases, result.lines, len(result.differing))
    assert complaints([result], KNOWN) == []

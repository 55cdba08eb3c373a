"""Two servers and command lines on one models folder at once."""

import os
from pathlib import Path

import pytest

from tests.journeys.contention import contend


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs locks between processes")
def test_two_servers_on_one_folder_lose_nothing(tmp_path: Path) -> None:
    rounds = 6
    done, lost = contend(tmp_path, lambda number: number < rounds, workers=1)
    assert lost == []
    assert done["rounds"] == 2 * rounds
    assert done["create 200"] == 3 * done["rounds"]
    assert done["tampu rm"] == 2

"""Two servers and command lines on one models folder at once."""

import os
from pathlib import Path

import pytest

from tests.journeys.contention import contend


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs locks between processes")
def test_two_servers_on_one_folder_lose_nothing(tmp_path: Path) -> None:
    rounds = 4
    done, lost = contend(tmp_path, lambda number: number < rounds)
    assert lost == []
    assert done["rounds"] == 4 * rounds
    assert done["create 200"] == 3 * done["rounds"]
    assert done["tampu rm"] == 4

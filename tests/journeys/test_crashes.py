"""Servers and commands that are killed in the midst of changes leave a whole store."""

from pathlib import Path

import pytest

from tests.journeys.crashes import crash


@pytest.mark.slow
def test_kills_leave_a_whole_store(tmp_path: Path) -> None:
    done, found = crash(tmp_path, 2)
    assert found == []
    assert done.total() >= 2

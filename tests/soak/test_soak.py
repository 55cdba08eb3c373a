"""The soak, for as long as a test may take. The whole of it: `make soak`."""

from pathlib import Path

import pytest

from tests.soak.disconnects import disconnect
from tests.soak.soak import soak


@pytest.mark.slow
def test_clients_that_leave_leave_nothing_behind(tmp_path: Path) -> None:
    assert disconnect(tmp_path, 300) == []


@pytest.mark.slow
def test_everything_at_once_leaves_nothing_behind(tmp_path: Path) -> None:
    done, lost = soak(tmp_path, lambda number: number < 300)
    assert lost == []
    assert done["requests"] >= 300

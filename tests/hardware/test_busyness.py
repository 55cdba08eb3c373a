"""What others take of the processors."""

import subprocess
import sys

import pytest

from tampu.hardware.busyness import Spent, share_of_others, spent


@pytest.mark.parametrize(
    ("all_s", "own_s", "share"),
    [(4.0, 4.0, 0.0), (4.0, 1.0, 0.3), (10.0, 0.0, 1.0), (1.0, 2.0, 0.0)],
    ids=["ours only", "some", "all", "counts that were taken a moment apart"],
)
def test_the_share_of_others(all_s: float, own_s: float, share: float) -> None:
    before = Spent(at_s=100.0, all_s=50.0, own_s=7.0)
    after = Spent(at_s=105.0, all_s=50.0 + all_s, own_s=7.0 + own_s)
    assert share_of_others(before, after, 2) == pytest.approx(share)
    assert share_of_others(before, before, 2) == 0.0


def test_the_work_of_a_neighbour_is_ours_where_it_is_named() -> None:
    program = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ntime.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as neighbour:
        assert neighbour.stdout is not None
        try:
            before = spent([])
            neighbour.stdout.readline()
            unnamed, named = spent([]), spent([neighbour.pid])
        finally:
            neighbour.kill()
    assert named.own_s - unnamed.own_s >= 0.4
    assert unnamed.all_s - before.all_s >= 0.4
    assert spent([neighbour.pid]).own_s - unnamed.own_s < 0.4, "what has ended is not asked"

from dataclasses import replace

import pytest

from tampu.errors import EngineStartFailed
from tampu.scheduler.cooldown import FIRST_S, LONGEST_S, CoolDown
from tests.scheduler.wanted import load

SPEC, OTHER = load("a").spec, load("b").spec
ERROR = EngineStartFailed("it broke")


def test_a_failure_stands_for_a_while_and_for_its_spec_only():
    cooldown = CoolDown()
    cooldown.record(SPEC, ERROR, 100.0)
    assert cooldown.standing(SPEC, 100.0) is ERROR
    assert cooldown.standing(OTHER, 100.0) is None
    assert cooldown.standing(SPEC, 100.0 + FIRST_S) is None


def test_it_grows_with_each_failure_up_to_a_limit():
    cooldown, now, waits = CoolDown(), 0.0, []
    for _ in range(9):
        cooldown.record(SPEC, ERROR, now)
        began = now
        while cooldown.standing(SPEC, now):
            now += FIRST_S
        waits.append(now - began)
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_S, LONGEST_S, LONGEST_S]


def test_it_starts_anew_after_a_success_and_after_a_long_time():
    cooldown = CoolDown()
    for now in (0.0, 1.0):
        cooldown.record(SPEC, ERROR, now)
    cooldown.clear(SPEC)
    assert cooldown.standing(SPEC, 1.0) is None
    for now in (10.0, 11.0, 1000.0):
        cooldown.record(SPEC, ERROR, now)
    assert cooldown.standing(SPEC, 1000.0 + FIRST_S) is None


def test_old_failures_are_forgotten():
    cooldown = CoolDown()
    for number in range(100):
        cooldown.record(load(str(number)).spec, ERROR, number * LONGEST_S)
    assert len(cooldown._failures) <= 3


@pytest.mark.parametrize("part", ["model_path", "shard_paths", "projector_paths", "adapter_paths", "draft_path"])
def test_a_file_that_changed_is_tried_at_once(tmp_path, part):
    file = tmp_path / "weights"
    file.write_bytes(b"damaged")
    spec = replace(SPEC, **{part: (file,) if part.endswith("s") else file})
    cooldown = CoolDown()
    cooldown.record(spec, ERROR, 100.0)
    assert cooldown.standing(spec, 100.0) is ERROR
    file.write_bytes(b"repaired, and longer")
    assert cooldown.standing(spec, 100.0) is None
    cooldown.record(spec, ERROR, 100.0)
    assert cooldown.standing(spec, 100.0 + FIRST_S) is None, "the wait starts anew"
    file.unlink()
    assert cooldown.standing(spec, 100.0) is None


def test_a_failure_stands_for_the_files_as_they_were_when_it_is_told():
    stamps = iter([("old",), ("old",), ("new",)])
    cooldown = CoolDown(lambda _: next(stamps))
    cooldown.record(SPEC, ERROR, 100.0)
    assert cooldown.standing(SPEC, 100.0) is ERROR
    assert cooldown.standing(SPEC, 100.0) is None

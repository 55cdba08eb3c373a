"""What a running server may take over of settings that were read anew."""

from dataclasses import replace
from pathlib import Path

from tampu.config import SETTINGS, Address, Counts, ModelSettings, Settings, change
from tampu.units import KeepAlive

OLD = Settings()


def names(settings: object) -> list[str]:
    return [setting.name for setting in settings]  # type: ignore[attr-defined]


def test_nothing_changed() -> None:
    assert change(OLD, replace(OLD, warnings=("x",), sources={"address": "y"})).is_none


def test_what_needs_a_restart_keeps_its_value_and_is_told_each_time() -> None:
    new = replace(OLD, address=Address("http", "0.0.0.0", 1), keep_alive=KeepAlive(0), editor="vi")
    changed = change(OLD, new)
    assert (names(changed.taken), names(changed.waiting)) == (["keep_alive"], ["address"])
    assert changed.settings == replace(OLD, keep_alive=KeepAlive(0))
    again = change(changed.settings, new)
    assert (names(again.taken), names(again.waiting)) == ([], ["address"])


def test_models_are_told_by_name() -> None:
    one, two = ModelSettings(name="a:latest", parallel=1), ModelSettings(name="b:latest", path=Path("/x"))
    old, new = replace(OLD, models=(one, two)), replace(OLD, models=(replace(one, parallel=2), replace(two, line=9)))
    assert change(old, new).models == ("a:latest",)
    assert change(old, OLD).models == ("a:latest", "b:latest")


def test_every_setting_says_when_a_change_of_it_counts() -> None:
    assert {setting.counts for setting in SETTINGS} == set(Counts)

"""Which engine is used, and that a choice is remembered for the processor on which it was made."""

from dataclasses import replace
from pathlib import Path

import pytest

from tampu.config import Settings
from tampu.engine.binary import BUNDLED, Candidate, Origin, candidates, choose, engines_folder, find_engine
from tampu.engine.selection import Selection, read_selection, write_selection
from tampu.errors import EngineStartFailed
from tampu.hardware.processor import processor

WHEEL = Candidate(BUNDLED, Origin.BUNDLED)
BUILT = Candidate("native", Origin.BUILT, Path("/engines/native/llama-server"))
NAMED = Candidate("setting", Origin.SETTING, Path("/opt/llama-server"))


@pytest.mark.parametrize(
    ("found", "setting", "selection", "used"),
    [
        ([WHEEL, BUILT], "", None, WHEEL),
        ([BUILT], "", None, BUILT),
        ([WHEEL, BUILT], "", Selection("native", "here"), BUILT),
        ([WHEEL, BUILT], "", Selection("native", "elsewhere"), WHEEL),
        ([WHEEL, BUILT], "", Selection("gone", "here"), WHEEL),
        ([NAMED, WHEEL, BUILT], "/opt/llama-server", Selection("native", "here"), NAMED),
        ([WHEEL, BUILT], "native", None, BUILT),
        ([WHEEL, BUILT], "bundled", Selection("native", "here"), WHEEL),
    ],
)
def test_a_setting_wins_over_a_choice_and_a_choice_over_the_default(
    found: list[Candidate], setting: str, selection: Selection | None, used: Candidate
) -> None:
    choice = choose(found, setting, selection, "here")
    assert choice.engine == used
    assert choice.why


def test_no_engine_at_all_is_told() -> None:
    with pytest.raises(EngineStartFailed, match="no engine is installed"):
        choose([], "", None, "here")


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_engines_are_found_where_they_are_built_and_on_the_path(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    folder = engines_folder(settings)
    binary = program(folder / "native" / "llama-server")
    program(folder / ".work-half" / "llama-server")
    (folder / "broken").mkdir()
    on_path = program(tmp_path / "bin" / "llama-server")
    found = candidates(settings, {"PATH": str(tmp_path / "bin")})
    assert [(each.name, each.binary) for each in found] == [
        (BUNDLED, None), ("path", on_path), ("native", binary)
    ]  # fmt: skip
    named = replace(settings, llama_server=str(on_path))
    assert find_engine(named, {}).engine.origin is Origin.SETTING
    assert find_engine(replace(settings, llama_server="native"), {}).engine.binary == binary
    with pytest.raises(EngineStartFailed, match="no program that can be run"):
        find_engine(replace(settings, llama_server=str(tmp_path / "absent")), {})


def test_a_choice_is_kept_and_a_broken_file_is_none(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    folder = engines_folder(settings)
    binary = program(folder / "native" / "llama-server")
    assert read_selection(folder) is None
    write_selection(folder, Selection("native", processor().fingerprint))
    assert find_engine(settings, {}).engine.binary == binary
    binary.unlink()
    assert find_engine(settings, {}).engine.name == BUNDLED
    for content in (b"", b"{", b'{"engine": 1}', b"\xff"):
        (folder / "selected.json").write_bytes(content)
        assert read_selection(folder) is None
    assert [path.name for path in folder.iterdir() if path.is_file()] == ["selected.json"]

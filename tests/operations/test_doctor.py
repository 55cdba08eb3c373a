"""What an examination makes of a machine, and that one look that fails does not end the others."""

from pathlib import Path

import pytest

from tampu.config import Address, Settings
from tampu.engine.trial import Trial
from tampu.hardware.memory import Memory
from tampu.operations.current import CurrentSettings
from tampu.operations.doctor import changes_of, damaged, engine, home, memory, network, processor, warnings_of
from tampu.upkeep import Damage, Finding, Verdict

GIB = 1 << 30


def verdicts(findings: object) -> list[Verdict]:
    return [finding.verdict for finding in list(findings)]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("usable", "machine", "expected"),
    [
        (Memory(16 * GIB, 8 * GIB), 16 * GIB, [Verdict.FINE]),
        (Memory(4 * GIB, 2 * GIB), 16 * GIB, [Verdict.FINE, Verdict.NOTE]),
        (Memory(16 * GIB, GIB // 2), 16 * GIB, [Verdict.PROBLEM]),
    ],
)
def test_memory(usable: Memory, machine: int, expected: list[Verdict]) -> None:
    assert verdicts(memory(usable, machine)) == expected


@pytest.mark.parametrize(
    ("binary", "trial", "devices", "expected"),
    [
        (None, Trial("xllamacpp 1"), (), [Verdict.FINE]),
        (None, Trial("xllamacpp 1"), ("NVIDIA GPU",), [Verdict.FINE, Verdict.NOTE]),
        (Path("/opt/llama-server"), Trial("version: 1"), ("NVIDIA GPU",), [Verdict.FINE]),
        (Path("/opt/llama-server"), Trial("", "SIGILL"), (), [Verdict.PROBLEM]),
        (None, Trial("", "no such module"), ("NVIDIA GPU",), [Verdict.PROBLEM]),
    ],
)
def test_engine(binary: Path | None, trial: Trial, devices: tuple[str, ...], expected: list[Verdict]) -> None:
    findings = list(engine(binary, trial, devices))
    assert verdicts(findings) == expected
    assert all(finding.advice for finding in findings if finding.verdict is not Verdict.FINE)


def test_what_was_chosen_is_told_with_its_reason_and_wide_instructions_that_lie_idle() -> None:
    trial = Trial("xllamacpp 1", features=("AVX2",))
    found = list(engine(None, trial, (), why="it is the default", features=frozenset({"avx2", "avx512f"})))
    assert found[0].text == "bundled: xllamacpp 1; used, because it is the default"
    assert found[1].text == "built for AVX2"
    assert "tampu engine build" in found[2].advice
    wide = Trial("version: 1", features=("AVX2", "AVX512"))
    assert verdicts(engine(Path("/e"), wide, (), features=frozenset({"avx512f"}))) == [Verdict.FINE, Verdict.FINE]


def test_a_quota_is_told(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    assert verdicts(processor(tmp_path)) == [Verdict.FINE, Verdict.NOTE]


@pytest.mark.parametrize(
    ("damage", "text", "advice"),
    [
        (
            Damage("sha256:ab", "is missing", ("m:latest",)),
            "sha256:ab: is missing; used by m:latest",
            "pull them again",
        ),
        (Damage("", "the manifest of m is damaged", ("m:latest",)), "the manifest of m is dam", "pull them again"),
        (Damage("sha256:ab", "is no file", ()), "sha256:ab: is no file", "delete it"),
        (Damage("", "manifests/a/b is no name of a model", ()), "manifests/a/b is no name", "move it away"),
    ],
)
def test_each_kind_of_damage_has_advice_that_mends_it(damage: Damage, text: str, advice: str) -> None:
    finding = damaged(damage)
    assert finding.verdict is Verdict.PROBLEM
    assert finding.text.startswith(text)
    assert advice in finding.advice


def test_a_home_that_cannot_be_written_or_is_full_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(home(tmp_path)) == list(home(tmp_path / "not" / "there yet")) == []
    (file := tmp_path / "file").touch()
    assert verdicts(home(file / "x")) == [Verdict.PROBLEM]
    monkeypatch.setattr("tampu.operations.doctor._LITTLE_HOME", 1 << 62)
    (full,) = home(tmp_path)
    assert full.verdict is Verdict.PROBLEM
    assert "purge" in full.advice


def test_an_open_address_and_values_that_mean_nothing_are_told() -> None:
    assert verdicts(network(Settings())) == [Verdict.FINE]
    address = Address("http", "0.0.0.0", 11434)  # never bound
    everywhere = Settings(address=address, warnings=("invalid environment variable",))
    assert verdicts(network(everywhere)) == [Verdict.NOTE]
    assert next(warnings_of(everywhere)) == Finding(
        "settings", "invalid environment variable", Verdict.PROBLEM, "see docs/settings.md for what is allowed"
    )


@pytest.mark.anyio
async def test_what_is_changed_and_does_not_count() -> None:
    current = CurrentSettings(Settings())
    assert list(changes_of(current)) == []
    current.fault = "config.yml, line 1: unknown key 'x'"
    current.waiting = ("server.host",)
    assert verdicts(changes_of(current)) == [Verdict.PROBLEM, Verdict.NOTE]
    assert "unknown key 'x'" in next(changes_of(current)).text
    current.replace(Settings())
    assert list(changes_of(current)) == []

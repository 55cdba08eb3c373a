"""What is promised of the files for packagers: the unit, the image, the compose file. Read, not run."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tampu.config import DEFAULT_PORT
from tests.architecture.source import ROOT

DEPLOY = ROOT / "deploy"
DATA = "/home/tampu/.ollama"


def image_steps() -> list[tuple[str, str]]:
    """The instructions of the last stage: their words, and what follows."""
    text = (DEPLOY / "Dockerfile").read_text()
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    last = joined.split("\nFROM ")[-1]
    steps = [line.split(maxsplit=1) for line in last.split("\n")[1:] if line.strip()]
    return [(word, rest) for word, rest in steps]


def unit() -> dict[str, list[tuple[str, str]]]:
    """Sections of the unit with their settings in order; one may come several times."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in (DEPLOY / "tampu.service").read_text().splitlines():
        if line.startswith("["):
            sections[line.strip("[]")] = found = []
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.append((name, value))
    return sections


def test_the_image_runs_as_nobody_in_particular() -> None:
    steps = dict(image_steps())
    user, group = steps["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    run_as_root = [rest for word, rest in image_steps() if word == "RUN"]
    assert f"--uid {user} " in " ".join(run_as_root)
    assert [word for word, _ in image_steps()].index("USER") > max(
        place for place, (word, _) in enumerate(image_steps()) if word in {"RUN", "COPY"}
    ), "what is copied later would be the user's to change"


def test_the_image_keeps_models_listens_and_ends() -> None:
    steps = dict(image_steps())
    assert json.loads(steps["VOLUME"]) == [DATA]
    assert steps["EXPOSE"] == str(DEFAULT_PORT)
    assert f'OLLAMA_HOST="0.0.0.0:{DEFAULT_PORT}"' in steps["ENV"]
    assert 'TAMPU_AUTOSTART="0"' in steps["ENV"], "a check of health must start nothing"
    assert steps["STOPSIGNAL"] == "SIGTERM"
    # In the form of a list: the program itself is told the signal, no shell in between.
    assert [*json.loads(steps["ENTRYPOINT"]), *json.loads(steps["CMD"])] == ["tampu", "serve"]
    check = re.search(r"CMD (\[.*])$", steps["HEALTHCHECK"])
    assert check is not None
    assert json.loads(check[1]) == ["tampu", "ps"]


def test_the_image_is_made_of_what_is_there() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [word for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert copied
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored
    python = re.search(r"^FROM python:(\d+)\.(\d+)-", text, re.MULTILINE)
    assert python is not None
    assert (int(python[1]), int(python[2])) >= (3, 11)


def test_the_compose_file() -> None:
    compose: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    (server,) = compose["services"].values()
    build = server["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    assert (DEPLOY / build["context"]).resolve() == ROOT
    (volume,) = server["volumes"]
    assert volume == f"models:{DATA}"
    assert "models" in compose["volumes"]
    assert server["ports"] == [f"127.0.0.1:{DEFAULT_PORT}:{DEFAULT_PORT}"], "reached from this machine alone"
    assert server["read_only"] is server["init"] is True
    assert server["cap_drop"] == ["ALL"]
    assert "/tmp" in server["tmpfs"], "engines talk over a socket there"


def test_the_unit() -> None:
    service = dict(unit()["Service"])
    assert service["ExecStart"].endswith("/tampu serve")
    assert service["User"] not in {"", "root"}
    assert (service["Restart"], service["OOMPolicy"], service["KillMode"]) == ("on-failure", "continue", "mixed")
    assert service["CapabilityBoundingSet"] == ""
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "ProtectKernelTunables", "RestrictSUIDSGID"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert dict(unit()["Install"])["WantedBy"] == "multi-user.target"
    variables = [value for name, value in unit()["Service"] if name == "Environment"]
    assert variables == ['"HOME=/var/lib/tampu"', f'"OLLAMA_HOST=127.0.0.1:{DEFAULT_PORT}"']
    assert f"/var/lib/{service['StateDirectory']}" == service["WorkingDirectory"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here, which reads units")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "tampu.service").read_text()
    # It also asks whether the program and the user exist on this very machine.
    text = re.sub(r"ExecStart=\S+", f"ExecStart={sys.executable}", text)
    text = re.sub(r"^(User|Group)=.*$", r"\1=root", text, flags=re.MULTILINE)
    copy = tmp_path / "tampu.service"
    copy.write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=30", str(copy)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, f"more is left open than 3.0 of 10:\n{done.stdout}"

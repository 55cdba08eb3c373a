"""Client libraries of other people for tests, each in an environment of its own, fetched once and kept in .cache."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

_CACHE = Path(__file__).parents[2] / ".cache" / "clients"
_FETCH_S = 400


def python_of(packages: Sequence[str]) -> Path:
    """The Python of an environment with these packages; skips the test where they cannot be fetched."""
    folder = _CACHE / _name(packages)
    python = folder / "bin" / "python"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        _fetch([str(python), "-m", "pip", "install", "--quiet", *packages], folder)
    return python


def node_folder(packages: Sequence[str]) -> Path:
    """A folder in which Node finds these packages; skips the test where there is no Node, or they cannot be fetched."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("Node is not installed, so its libraries cannot be run")
    folder = _CACHE / f"node-{_name(packages)}"
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
        _fetch([npm, "install", "--silent", "--no-audit", "--no-fund", *packages], folder)
    return folder


def _name(packages: Sequence[str]) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", " ".join(packages).lower()).strip("-")


def _fetch(command: Sequence[str], folder: Path) -> None:
    fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_S)
    if fetched.returncode:
        pytest.skip(f"the library could not be fetched: {fetched.stderr.strip()[-200:]}")
    (folder / "whole").touch()

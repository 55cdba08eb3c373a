"""Client libraries of other people for tests, each in an environment of its own, fetched once and kept in .cache.

usage: python -m tests.journeys.packages    fetches what the snippets of docs/clients.md need; tests do not wait for it
"""

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


def are_here(packages: Sequence[str], *, in_node: bool) -> bool:
    """Whether these packages have been fetched."""
    return (_folder(packages, in_node=in_node) / "whole").exists()


def python_of(packages: Sequence[str]) -> Path:
    """The Python of an environment with these packages; skips the test where they cannot be fetched."""
    folder = _folder(packages, in_node=False)
    python = folder / "bin" / "python"
    if not are_here(packages, in_node=False):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
        _fetch([str(python), "-m", "pip", "install", "--quiet", *packages], folder)
    return python


def node_folder(packages: Sequence[str]) -> Path:
    """A folder in which Node finds these packages; skips the test where there is no Node, or they cannot be fetched."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("Node is not installed, so its libraries cannot be run")
    folder = _folder(packages, in_node=True)
    if not are_here(packages, in_node=True):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
        _fetch([npm, "install", "--silent", "--no-audit", "--no-fund", *packages], folder)
    return folder


def _folder(packages: Sequence[str], *, in_node: bool) -> Path:
    name = re.sub(r"[^a-z0-9.]+", "-", " ".join(packages).lower()).strip("-")
    return _CACHE / (f"node-{name}" if in_node else name)


def _fetch(command: Sequence[str], folder: Path) -> None:
    try:
        fetched = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"the library could not be fetched within {_FETCH_S} seconds")
    if fetched.returncode:
        pytest.skip(f"the library could not be fetched: {fetched.stderr.strip()[-200:]}")
    (folder / "whole").touch()


def main() -> None:
    from tests.journeys.test_documented_clients import PACKAGES, snippets

    for heading, packages in PACKAGES.items():
        print(heading, flush=True)
        (python_of if snippets()[heading][0] == "python" else node_folder)(packages)


if __name__ == "__main__":
    main()

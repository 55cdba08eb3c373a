"""Runs the real program, with pipes, against one server."""

import subprocess
import sys
from pathlib import Path

from tampu.config import Address
from tests.fakes.terminal import environment

NOWHERE = Address("http", "127.0.0.1", 1)
"""An address that nothing listens at: the lowest port is nobody's."""


def run_program(
    *arguments: str, home: Path, address: Address = NOWHERE, stdin: bytes = b"", **more: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "tampu", *arguments],
        env=environment(home, address, **more),
        cwd=home,
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )

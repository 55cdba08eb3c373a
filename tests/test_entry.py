"""The first moments of the program."""

import signal
import subprocess
import sys

INTERRUPTED_WHILE_LOADING = """
import builtins, os, signal
load = builtins.__import__
def interrupted(name, *rest, **more):
    if name == "tampu.cli.main":
        os.kill(os.getpid(), signal.SIGINT)
    return load(name, *rest, **more)
builtins.__import__ = interrupted
from tampu.__main__ import main
main()
"""


def test_ctrl_c_while_the_program_loads_ends_it_without_a_word() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_WHILE_LOADING], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


def test_it_runs() -> None:
    done = subprocess.run([sys.executable, "-m", "tampu", "--help"], capture_output=True, timeout=60)
    assert done.returncode == 0
    assert b"Usage:" in done.stdout

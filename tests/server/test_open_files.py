"""The server may open as many files as the system lets it."""

import resource
import subprocess
import sys

import pytest

_TELL = "import resource; from tampu.server.open_files import allow_many; allow_many(); print(*resource.getrlimit(7))"


@pytest.mark.parametrize(("soft", "hard"), [(64, 512), (512, 512)])
def test_the_limit_is_what_it_may_be(soft: int, hard: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _TELL.replace("7", str(resource.RLIMIT_NOFILE))], check=True, text=True,
        capture_output=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),  # one thread
    ).stdout  # fmt: skip
    assert told.split() == [str(hard), str(hard)]

"""Fixtures for every test."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings

pytest_plugins = ["tests.tally"]

# A shell's background jobs ignore Ctrl-C, and so would every program that the tests start from one.
signal.signal(signal.SIGINT, signal.default_int_handler)


# How long an example takes says more of the machine than of the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home of the tests' own: nothing is kept in that of whoever runs them, nor found there the next time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield

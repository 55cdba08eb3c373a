"""OpenAI's own JavaScript package, unmodified, where Node is installed and the package can be fetched."""

import subprocess
from pathlib import Path

import pytest

from tests.journeys.conftest import Served
from tests.journeys.dialects import make_models
from tests.journeys.packages import node_folder

PROGRAM = Path(__file__).parent / "openai_journey.mjs"
PACKAGES = ("openai@^6", "zod@^4")


@pytest.mark.network
def test_the_official_library(served: Served) -> None:
    make_models(served, "v-hello", "v-json", "v-tool", "v-embed")
    program = node_folder(PACKAGES) / PROGRAM.name  # where it looks for modules
    program.write_bytes(PROGRAM.read_bytes())
    run = subprocess.run(["node", str(program), served.url], capture_output=True, text=True, timeout=120)
    assert (run.stdout, run.stderr) == ("all agreed\n", "")

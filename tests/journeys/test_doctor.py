"""An examination of this very machine, with a healthy folder and with a damaged one."""

import json
from pathlib import Path

from tests.journeys.conftest import serving


def test_the_machine_is_examined(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        done = served.command("doctor", "--json")
        findings = json.loads(done.stdout)
        assert {finding["topic"] for finding in findings} >= {"program", "processor", "memory", "engine", "models"}
        assert any("xllamacpp" in finding["text"] for finding in findings if finding["topic"] == "engine")
        assert not [finding for finding in findings if finding["verdict"] == "problem" and finding["topic"] != "memory"]
        manifest = served.models / "manifests/registry.ollama.ai/library/broken/latest"
        manifest.parent.mkdir(parents=True)
        manifest.write_text("{")
        done = served.command("doctor")
        assert done.returncode == 1
        assert "broken" in done.stdout

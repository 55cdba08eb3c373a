"""`engine` and `tune` against a real server and its real engine; how fast anything is, is the machine's affair."""

import json
from pathlib import Path

from tests.journeys.conftest import serving, wait_until


def test_engines_are_listed_and_chosen(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        found = json.loads(served.command("engine", "list", "--json").stdout)
        (bundled,) = [engine for engine in found if engine["name"] == "bundled"]
        assert (bundled["used"], bundled.get("problem", "")) == (True, "")
        assert bundled["features"]
        assert "* bundled" in served.command("engine", "list").stdout
        assert served.command("engine", "use", "bundled").returncode == 0
        assert "chosen" in served.command("engine", "list").stdout
        refused = served.command("engine", "use", "other")
        assert (refused.returncode, refused.stderr.startswith("Error: no engine is called 'other'")) == (1, True)
        assert served.command("engine", "fly").stderr.startswith("Error: use 'engine list'")
        assert served.request("GET", "/api/engines", **{"X-Forwarded-For": "10.0.0.9"})[0] == 403
        assert served.request("POST", "/api/tune", {"model": "m"}, **{"X-Forwarded-For": "10.0.0.9"})[0] == 403


def test_a_model_is_tuned_in_pairs_and_what_was_found_can_be_forgotten(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        served.upload("scripted.gguf", "short", template="{{ .Prompt }}<|s0|>")
        served.ask("/api/generate", {"model": "short", "prompt": "x", "stream": False})
        told = json.loads(served.command("tune", "short", "--dry-run", "--json").stdout)
        assert {"batch", "flash attention", "guessing"} <= {each["what"] for each in told["tried"]}
        assert all(each.get("gain", 0) > 0 or each.get("problem") for each in told["tried"])
        assert not told["kept"]
        kept = tmp_path / ".ollama" / "tuned"
        assert not kept.exists()
        assert served.command("tune", "short").returncode == 0
        assert len(list(kept.glob("*.json"))) == 1
        wait_until(lambda: served.ask("/api/ps", method="GET")["models"] == [])
        served.ask("/api/generate", {"model": "short", "prompt": "x", "stream": False})
        assert served.command("tune", "short", "--reset").stdout == "what was found for short is forgotten\n"
        assert not list(kept.glob("*.json"))
        assert "not found" in served.command("tune", "absent").stderr

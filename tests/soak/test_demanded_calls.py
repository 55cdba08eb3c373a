"""Demanded calls of a real model, a few of them. More: `python -m tests.soak.demanded_calls`."""

from pathlib import Path

import pytest

from tests.soak.demanded_calls import MODEL, STORE, demand

KEPT = STORE / "manifests" / "registry.ollama.ai" / "library" / Path(*MODEL.split(":"))


@pytest.mark.slow
@pytest.mark.network
def test_a_demanded_call_is_valid_whatever_a_small_model_would_rather_say(tmp_path: Path) -> None:
    if not KEPT.exists():
        pytest.skip(f"{MODEL} is not at hand; `make bench` or `python -m tests.soak.demanded_calls` fetch it")
    assert demand(tmp_path, 4) == []

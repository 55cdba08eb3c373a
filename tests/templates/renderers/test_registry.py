"""Which renderer a name stands for."""

import pytest

from tampu.templates.renderers.registry import resolved_name


@pytest.mark.parametrize(
    ("models", "size", "found"),
    [
        (("gemma4:latest", "registry.ollama.ai/library/gemma4:latest"), "25.8B", "gemma4-large"),
        (("gemma4:latest", "registry.ollama.ai/library/gemma4:latest"), "12.0B", "gemma4-large"),
        (("gemma4:latest", "registry.ollama.ai/library/gemma4:latest"), "11.9B", "gemma4-small"),
        (("gemma4:E4B", "registry.ollama.ai/library/gemma4:E4B"), "25.8B", "gemma4-small"),
        (("gemma4:26B-it", "registry.ollama.ai/library/gemma4:26B-it"), "4B", "gemma4-large"),
        (("mine:latest", "e2b.example/library/mine:latest"), "25.8B", "gemma4-small"),
        (("mine:latest", "registry.ollama.ai/library/mine:latest"), "", "gemma4-small"),
        (("mine:latest", "registry.ollama.ai/library/mine:latest"), "900M", "gemma4-small"),
    ],
)
def test_gemma4_is_one_of_two(models: tuple[str, ...], size: str, found: str) -> None:
    assert resolved_name("gemma4", models, size) == found


def test_other_names_stand_for_themselves() -> None:
    assert resolved_name("qwen3.5", ("gemma4:26b",), "26B") == "qwen3.5"

"""Which kinds of models the bundled engine knows: those that it loads, and none that was made up."""

import pytest

from tampu.engine.architectures import bundled_version, require_known
from tampu.errors import EngineStartFailed
from tampu.gguf.translate.needs import NEEDS


@pytest.mark.parametrize("name", sorted({*NEEDS, "llama", "rwkv7", "wavtokenizer-dec", "xverse", "plamo3"}))
def test_what_it_loads_is_known(name: str) -> None:
    require_known(name)


@pytest.mark.parametrize("name", ["mllama", "solar", "gptoss", "next-year", "unheard-of"])
def test_what_it_has_never_heard_of_is_refused_with_its_version_and_what_to_do(name: str) -> None:
    with pytest.raises(EngineStartFailed) as refused:
        require_known(name)
    message = refused.value.message
    assert message.startswith(f"unknown model architecture: '{name}'; the engine ({bundled_version()}) cannot run")
    assert "TAMPU_LLAMA_SERVER" in message
    assert any(digit.isdigit() for digit in bundled_version())

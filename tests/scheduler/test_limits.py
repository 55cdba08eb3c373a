"""What the settings of the scheduler come to."""

import pytest

from tampu.config import Settings
from tampu.scheduler.records import Limits
from tampu.units import FOREVER, KeepAlive


def limits(**variables: str) -> Limits:
    return Limits.of_settings(Settings.read({"HOME": "/home/ann", **variables}), cores=3)


def test_what_is_left_to_us():
    assert limits() == Limits(max_loaded=3, max_queue=512, num_parallel=0, kv_cache_type="f16", cores=3)
    assert Limits.of_settings(Settings(), gpus=2).max_loaded == 6


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("OLLAMA_MAX_LOADED_MODELS", "2", "max_loaded", 2),
        ("OLLAMA_MAX_LOADED_MODELS", "0", "max_loaded", 3),
        ("OLLAMA_MAX_LOADED_MODELS", "-1", "max_loaded", 3),
        ("OLLAMA_NUM_PARALLEL", "7", "num_parallel", 7),
        ("OLLAMA_NUM_PARALLEL", "100000", "num_parallel", 256),
        ("OLLAMA_MAX_QUEUE", "9", "max_queue", 9),
        ("OLLAMA_MAX_QUEUE", "x", "max_queue", 512),
        ("OLLAMA_KEEP_ALIVE", "0", "keep_alive", KeepAlive(0)),
        ("OLLAMA_KEEP_ALIVE", "-1", "keep_alive", FOREVER),
        ("OLLAMA_KV_CACHE_TYPE", "Q8_0", "kv_cache_type", "q8_0"),
        ("OLLAMA_KV_CACHE_TYPE", "nonsense", "kv_cache_type", "f16"),
        ("OLLAMA_FLASH_ATTENTION", "1", "flash_attention", True),
        ("OLLAMA_FLASH_ATTENTION", "0", "flash_attention", False),
    ],
)
def test_each_setting(variable, text, field, value):
    assert getattr(limits(**{variable: text}), field) == value


def test_a_quantized_cache_needs_flash_attention():
    off = limits(OLLAMA_KV_CACHE_TYPE="q8_0", OLLAMA_FLASH_ATTENTION="0")
    assert off.kv_cache_type == "f16"
    assert limits(OLLAMA_KV_CACHE_TYPE="bf16", OLLAMA_FLASH_ATTENTION="0").kv_cache_type == "bf16"

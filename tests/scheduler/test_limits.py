"""What the settings of the scheduler come to."""

import pytest

from tampu.config import Settings
from tampu.engine.spec import Placement
from tampu.scheduler.placement import place
from tampu.scheduler.policy import serves
from tampu.scheduler.records import Limits
from tampu.units import FOREVER, KeepAlive
from tests.scheduler.wanted import load, plan


def limits(**variables: str) -> Limits:
    return Limits.of_settings(Settings.read({"HOME": "/home/ann", **variables}), cores=3)


def test_what_is_left_to_us():
    assert limits() == Limits(max_loaded=3, max_queue=512, num_parallel=0, kv_cache_type="f16", cores=3)


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


def test_what_is_set_for_one_model_goes_before_what_is_set_for_all():
    everybody = limits(OLLAMA_NUM_PARALLEL="2", OLLAMA_KV_CACHE_TYPE="q8_0")
    assert everybody.of_model(load("m").spec) is everybody
    own = everybody.of_model(load("m", slots=999, kv_cache_type="q4_0", flash_attention=True).spec)
    assert (own.num_parallel, own.kv_cache_type, own.flash_attention) == (256, "q4_0", True)
    assert own.max_queue == everybody.max_queue
    assert everybody.of_model(load("m", flash_attention=False).spec).kv_cache_type == "f16"


def test_a_model_is_placed_by_its_own_limits_and_loaded_anew_once_they_change():
    wanted = load("m", slots=1, kv_cache_type="q8_0", flash_attention=True)
    placed = place(wanted, free_bytes=10**12, limits=limits())
    assert isinstance(placed, Placement)
    assert (placed.slots, placed.kv_cache_type, placed.flash_attention) == (1, "q8_0", True)
    for own in ({"slots": 2}, {"kv_cache_type": "q4_0"}, {"flash_attention": False}, {"speculation": True}):
        assert not serves(plan(load("m")), load("m", **own))
        assert serves(plan(load("m", **own)), load("m", **own))

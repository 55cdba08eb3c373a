from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.config import Settings
from tampu.engine.spec import Placement
from tampu.hardware.accelerators import Device
from tampu.scheduler.placement import DoesNotFit, as_loaded, place, smaller
from tampu.scheduler.records import Limits
from tests.scheduler.wanted import MB, load

GB = 1000 * MB
AUTOMATIC = Limits(cores=8)


def placed(request, *, free_bytes=100 * GB, limits=AUTOMATIC) -> Placement:
    placement = place(request, free_bytes=free_bytes, limits=limits)
    assert isinstance(placement, Placement)
    return placement


@pytest.mark.parametrize(
    ("asked", "trained", "given_ctx"),
    [
        (512, 2048, 512),
        (2048, 2048, 2048),
        (999_999, 2048, 2048),
        (1, 2048, 4),
        (0, 2048, 4),
        (-5, 2048, 4),
        (999_999, 0, 999_999),
        (None, 2048, 2048),
        (None, 1, 1),
        (None, 0, 4096),
        (None, 40_960, 40_960),
        (None, 10**7, 262_144),
    ],
)
def test_context(asked, trained, given_ctx):
    assert placed(load("m", num_ctx=asked, trained_ctx=trained)).num_ctx == given_ctx


def test_a_model_that_sees_gets_room_for_a_picture():
    assert placed(load("m", num_ctx=8, trained_ctx=8192, projector_paths=("p",))).num_ctx == 2048
    assert placed(load("m", num_ctx=8, trained_ctx=512, projector_paths=("p",))).num_ctx == 512


@pytest.mark.parametrize(
    ("free", "num_ctx", "slots"),
    [
        # 100 kB a token: 4096 tokens are 410 MB, four slots of them 1.64 GB, eight 3.28 GB.
        (300 * GB, 16_384, 8),
        (110 * GB, 8192, 8),
        (100 * GB, 4096, 8),
        (55 * GB, 4096, 8),
        (50 * GB, 4096, 4),
        (14 * GB, 4096, 4),
        (6 * GB, 4096, 2),
        (3 * GB, 4096, 1),
        (2 * GB, 4096, 1),
    ],
)
def test_context_then_slots_follow_the_free_memory(free, num_ctx, slots):
    placement = placed(load("m", trained_ctx=16_384, kv_bytes=100_000, weights_mb=1000), free_bytes=free)
    assert (placement.num_ctx, placement.slots) == (num_ctx, slots)


def test_what_does_not_fit_with_one_slot_does_not_fit():
    wanted = load("m", trained_ctx=16_384, kv_bytes=100_000, weights_mb=1000)
    answer = place(wanted, free_bytes=GB, limits=AUTOMATIC)
    assert isinstance(answer, DoesNotFit)
    assert answer.free_bytes == GB
    assert answer.needed_bytes > 1000 * MB + 4096 * 100_000


def test_slots_of_the_settings_are_kept_while_they_fit():
    wanted = load("m", num_ctx=4096, trained_ctx=4096, kv_bytes=100_000, weights_mb=1000)
    assert placed(wanted, free_bytes=5 * GB, limits=Limits(num_parallel=8)).slots == 8
    assert placed(wanted, free_bytes=3 * GB, limits=Limits(num_parallel=8)).slots == 4
    assert placed(wanted, limits=Limits(num_parallel=1)).slots == 1
    assert placed(wanted, limits=Limits(num_parallel=3)).slots == 3


def test_slots_of_the_settings_are_no_more_than_the_engine_has():
    assert Limits.of_settings(Settings.read({"HOME": "/h", "OLLAMA_NUM_PARALLEL": "1000000"})).num_parallel == 256


def test_a_quantized_cache_takes_less():
    wanted = load("m", num_ctx=4096, trained_ctx=4096, kv_bytes=100_000)
    sizes = [placed(wanted, limits=Limits(kv_cache_type=kind)).memory_bytes for kind in ("f16", "q8_0", "q4_0")]
    assert sizes == sorted(sizes, reverse=True)
    assert placed(wanted, limits=Limits(kv_cache_type="q4_0")).kv_cache_type == "q4_0"


def test_kept_prompts_have_a_bounded_share_and_vectors_need_none():
    assert placed(load("m")).prompt_cache_bytes == 1 << 30
    assert placed(load("m"), free_bytes=GB).prompt_cache_bytes < GB // 16
    assert placed(load("m", embedding=True)).prompt_cache_bytes == 0


def test_threads_are_the_wish_or_the_cores():
    assert placed(load("m")).threads == 8
    assert placed(load("m", num_thread=3)).threads == 3


def test_less_after_running_out_of_memory():
    automatic = load("m", trained_ctx=131_072, kv_bytes=1)
    tried, placement = [], placed(automatic)
    while placement:
        tried.append((placement.slots, placement.num_ctx))
        placement = smaller(placement, automatic, AUTOMATIC)
    assert tried == [(8, 131_072), (4, 131_072), (2, 131_072), (1, 131_072), (1, 32_768), (1, 8192), (1, 4096)]


def test_an_explicit_context_is_never_made_smaller():
    explicit = load("m", num_ctx=8192, trained_ctx=8192)
    placement = replace(placed(explicit), slots=1)
    assert smaller(placement, explicit, AUTOMATIC) is None


def test_what_the_engine_says_counts():
    placement = Placement(num_ctx=4, slots=4, memory_bytes=10)
    assert as_loaded(placement, slots=1, memory_bytes=20) == Placement(num_ctx=4, slots=1, memory_bytes=20)
    assert as_loaded(placement, slots=4, memory_bytes=5) == placement
    assert as_loaded(placement, slots=0, memory_bytes=0) == placement
    assert as_loaded(placement, slots=9, memory_bytes=0).slots == 4


@given(
    free=st.integers(0, 200 * GB),
    weights_mb=st.integers(0, 100_000),
    kv_bytes=st.integers(0, 10**7),
    trained=st.integers(0, 2**20),
    asked=st.none() | st.integers(-10, 2**20),
    parallel=st.integers(0, 64),
)
def test_a_placement_fits_and_keeps_the_limits(*, free, weights_mb, kv_bytes, trained, asked, parallel):
    wanted = load("m", weights_mb=weights_mb, kv_bytes=kv_bytes, trained_ctx=trained, num_ctx=asked)
    answer = place(wanted, free_bytes=free, limits=Limits(num_parallel=parallel))
    if isinstance(answer, DoesNotFit):
        assert answer.needed_bytes > answer.free_bytes == free
        return
    assert answer.memory_bytes <= free
    assert 1 <= answer.slots <= (parallel or 8)
    assert 1 <= answer.num_ctx <= (trained or max(asked or 4096, 4))


CARD = Device("CUDA0", "a card", 24 * GB, 24 * GB)


def test_what_goes_to_a_device_need_not_fit_into_the_memory_of_the_processor():
    wanted = load("m", trained_ctx=4096, kv_bytes=100_000, weights_mb=8000)
    small = 2 * GB
    assert isinstance(place(wanted, free_bytes=small, limits=AUTOMATIC), DoesNotFit)
    placement = placed(wanted, free_bytes=small, limits=Limits(cores=8, devices=(CARD,)))
    assert placement.gpu_bytes == placement.memory_bytes
    assert [name for name, _ in placement.device_bytes] == ["CUDA0"]
    assert placement.slots == 4
    larger = load("m", trained_ctx=4096, kv_bytes=100_000, weights_mb=24_000)
    partly = placed(larger, free_bytes=8 * GB, limits=Limits(cores=8, devices=(CARD,)))
    assert 0 < partly.gpu_bytes < partly.memory_bytes
    assert isinstance(place(larger, free_bytes=GB, limits=Limits(cores=8, devices=(CARD,))), DoesNotFit)


SECOND = replace(CARD, name="CUDA1", free_bytes=20 * GB)


@pytest.mark.parametrize(
    ("wish", "names"),
    [
        ({}, ["CUDA0"]),
        ({"num_gpu": 0}, []),
        ({"num_gpu": 99}, ["CUDA0"]),
        ({"main_gpu": 0}, ["CUDA0"]),
        ({"main_gpu": 1}, ["CUDA1"]),
        ({"main_gpu": 2}, ["CUDA0"]),
        ({"main_gpu": -1}, ["CUDA0"]),
        ({"main_gpu": 1, "num_gpu": 0}, []),
    ],
)
def test_who_says_what_goes_to_devices_is_believed(wish, names):
    placement = placed(load("m", **wish), limits=Limits(cores=8, devices=(CARD, SECOND)))
    assert [name for name, _ in placement.device_bytes] == names
    assert placement.gpu_bytes == (placement.memory_bytes if names else 0)


def test_layers_that_are_counted_leave_the_rest_to_the_processor():
    wanted = load("m", trained_ctx=4096, weights_mb=16_000, num_gpu=8)
    wanted = replace(wanted, footprint=replace(wanted.footprint, block_count=31))
    limits = Limits(cores=8, devices=(CARD,))
    placement = placed(wanted, free_bytes=20 * GB, limits=limits)
    assert placement.gpu_bytes == placement.memory_bytes // 4
    assert isinstance(place(wanted, free_bytes=8 * GB, limits=limits), DoesNotFit)
    everything = replace(wanted, spec=replace(wanted.spec, num_gpu=32))
    assert placed(everything, free_bytes=GB, limits=limits).gpu_bytes > 16 * GB


def test_a_device_that_holds_a_model_has_less_room_for_the_next():
    limits = Limits(cores=8, devices=(CARD, replace(CARD, name="CUDA1", free_bytes=20 * GB)))
    wanted = load("m", trained_ctx=4096, weights_mb=15_000)
    first = placed(wanted, limits=limits)
    second = placed(wanted, limits=limits.beside([first]))
    assert [first.device_bytes[0][0], second.device_bytes[0][0]] == ["CUDA0", "CUDA1"]


def test_settings_of_devices_become_rules():
    settings = Settings(gpu_overhead_bytes=3 * GB, sched_spread=True)
    limits = Limits.of_settings(settings, devices=(CARD, CARD))
    assert (limits.spreading.overhead_bytes, limits.spreading.everywhere) == (3 * GB, True)
    assert limits.max_loaded == 6

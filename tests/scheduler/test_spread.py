"""Which devices a model goes to, on lists of devices as engines print them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.engine.device_list import devices_in, devices_told
from tampu.hardware.accelerators import Device
from tampu.scheduler.spread import LEAST_MARGIN_BYTES, Rules, left, spread

GIB = 1 << 30
ONE = """ggml_cuda_init: found 1 CUDA devices (Total VRAM: 24107 MiB):
  Device 0: NVIDIA GeForce RTX 3090, compute capability 8.6, VMM: yes
Available devices:
  CUDA0: NVIDIA GeForce RTX 3090 (24107 MiB, 23729 MiB free)
"""
TWO = """Available devices:
  CUDA0: NVIDIA GeForce RTX 3060 (11909 MiB, 11790 MiB free)
  CUDA1: NVIDIA GeForce RTX 3090 (24107 MiB, 23729 MiB free)
"""
MIXED = """Available devices:
  Vulkan0: AMD Radeon RX 7900 XTX (RADV NAVI31) (24560 MiB, 23986 MiB free)
  Vulkan1: Intel(R) UHD Graphics 770 (ADL-S GT1) (1024 MiB, 900 MiB free)
"""
NONE = "Available devices:\n  (none)\n"


def names(shares: tuple[tuple[str, int], ...]) -> list[str]:
    return [name for name, _ in shares]


def test_lists_are_read_as_engines_print_them() -> None:
    assert devices_told(ONE) == (Device("CUDA0", "NVIDIA GeForce RTX 3090", 24107 << 20, 23729 << 20),)
    assert [device.name for device in devices_told(MIXED)] == ["Vulkan0", "Vulkan1"]
    assert devices_told(MIXED)[0].description == "AMD Radeon RX 7900 XTX (RADV NAVI31)"
    assert devices_told(NONE) == devices_told("") == ()


def test_the_bundled_engines_own_processor_is_no_device() -> None:
    row = {"name": "CUDA0", "description": "x", "memory_total": 8 * GIB, "memory_free": 7 * GIB, "type": 0}
    text = f"noise\n[{str(row).replace(chr(39), chr(34))}, {str(row | {'type': 1}).replace(chr(39), chr(34))}]\n"
    assert devices_in(text) == (Device("CUDA0", "x", 8 * GIB, 7 * GIB),)
    assert devices_in("no json") == devices_in("") == devices_in('[{"name": 1}]') == ()


@pytest.mark.parametrize(
    ("told", "needed", "rules", "expected"),
    [
        (NONE, 4 * GIB, Rules(), []),
        (ONE, 4 * GIB, Rules(), ["CUDA0"]),
        (ONE, 90 * GIB, Rules(), ["CUDA0"]),
        (ONE, 4 * GIB, Rules(overhead_bytes=30 * GIB), []),
        (TWO, 4 * GIB, Rules(), ["CUDA1"]),
        (TWO, 4 * GIB, Rules(everywhere=True), ["CUDA0", "CUDA1"]),
        (TWO, 30 * GIB, Rules(), ["CUDA0", "CUDA1"]),
        (TWO, 22 * GIB, Rules(), ["CUDA1"]),
        (TWO, 22 * GIB, Rules(overhead_bytes=2 * GIB), ["CUDA0", "CUDA1"]),
        (MIXED, 30 * GIB, Rules(), ["Vulkan0"]),
    ],
)
def test_where_a_model_goes(told: str, needed: int, rules: Rules, expected: list[str]) -> None:
    assert names(spread(needed, devices_told(told), rules)) == expected


def test_two_share_a_model_in_proportion_to_their_room() -> None:
    first, second = spread(30 * GIB, devices_told(TWO), Rules())
    assert second[1] / first[1] == pytest.approx((23729 - 1024) / (11790 - 1024), rel=1e-6)
    assert 30 * GIB - 2 <= first[1] + second[1] <= 30 * GIB


def test_what_is_loaded_already_is_not_free() -> None:
    devices = devices_told(TWO)
    first = spread(20 * GIB, devices, Rules())
    assert names(spread(6 * GIB, left(devices, [first]), Rules())) == ["CUDA0"]
    assert spread(6 * GIB, left(devices, [first, (("CUDA0", 99 * GIB),)]), Rules(overhead_bytes=4 * GIB)) == ()


device = st.integers(0, 80 * GIB)


@given(st.lists(device, max_size=6), st.integers(0, 300 * GIB), st.integers(0, 8 * GIB), st.booleans())
def test_no_device_gets_more_than_it_has_room_for(
    free: list[int], needed: int, overhead: int, everywhere: bool
) -> None:
    devices = [Device(f"CUDA{number}", "", 80 * GIB, count) for number, count in enumerate(free)]
    shares = spread(needed, devices, Rules(overhead, everywhere))
    margin = max(overhead, LEAST_MARGIN_BYTES)
    by_name = {each.name: each.free_bytes for each in devices}
    assert all(count <= by_name[name] - margin for name, count in shares)
    assert sum(count for _, count in shares) <= needed
    more = spread(needed, devices, Rules(overhead, everywhere=True))
    assert sum(count for _, count in more) + len(devices) >= sum(count for _, count in shares)

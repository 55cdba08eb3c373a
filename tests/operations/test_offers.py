from tampu.descriptions import Room
from tampu.hardware.accelerators import Device
from tampu.operations.offers import room_on

GIB = 1 << 30


def test_devices_add_up_without_what_engines_leave_free() -> None:
    devices = (Device("CUDA0", "a card", 24 * GIB, 23 * GIB), Device("CUDA1", "a card", 8 * GIB, 8 * GIB))
    assert room_on(devices, ()) == Room(30 * GIB, 29 * GIB)
    assert room_on(devices, [(("CUDA0", 20 * GIB),), (("CUDA1", 8 * GIB),)]) == Room(30 * GIB, 2 * GIB)
    assert room_on((), ()) == Room()


def test_memory_that_is_shared_counts_once() -> None:
    assert room_on((Device("Metal", "Apple M3", 24 * GIB, 24 * GIB), Device("MTL0", "", GIB, GIB)), ()) == Room()

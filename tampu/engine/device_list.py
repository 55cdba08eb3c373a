"""The devices that an engine can compute on beside the processor, asked of it in a throw-away child."""

import json
import re
import sys
from collections.abc import Mapping
from typing import Any, Final

from tampu.engine.abilities import Program
from tampu.engine.inquiry import ask_program
from tampu.hardware.accelerators import Device

_PATIENCE_S: Final = 20.0
"""A driver that starts up takes seconds."""
_MIB: Final = 1 << 20
_LINE: Final = re.compile(r"^  (\w[\w.-]*): (.*) \((\d+) MiB, (\d+) MiB free\)\s*$")
_ASK: Final = (
    "import json, sys; sys.path[:] = sys.argv[1:]; import xllamacpp as engine; "
    "cpu = engine.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU; "
    "print(json.dumps([{**d, 'type': int(d['type'] == cpu), 'caps': 0} for d in engine.get_device_info()]))"
)


async def devices_of(program: Program, environment: Mapping[str, str]) -> tuple[Device, ...]:
    """The devices, in the engine's order; none where it has none, or does not tell."""
    command = (
        [sys.executable, "-P", "-c", _ASK, *sys.path]
        if program.binary is None
        else [str(program.binary), "--list-devices"]
    )
    try:
        code, told = await ask_program(command, environment, patience_s=_PATIENCE_S, with_errors=False)
    except (TimeoutError, OSError):
        return ()
    if code:
        return ()
    return devices_told(told) if program.binary is not None else devices_in(told)


def devices_told(text: str) -> tuple[Device, ...]:
    """What `llama-server --list-devices` prints. Pure."""
    found = (_LINE.match(line) for line in text.splitlines())
    return tuple(Device(m[1], m[2], int(m[3]) * _MIB, int(m[4]) * _MIB) for m in found if m)


def devices_in(text: str) -> tuple[Device, ...]:
    """What the bundled engine says, as JSON; its processor is none of them. Pure."""
    try:
        rows: list[dict[str, Any]] = json.loads(text.strip().rpartition("\n")[2])
        return tuple(
            Device(str(row["name"]), str(row["description"]), int(row["memory_total"]), int(row["memory_free"]))
            for row in rows
            if not row["type"]
        )
    except (ValueError, KeyError, TypeError):
        return ()

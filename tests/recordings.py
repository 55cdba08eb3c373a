"""The recorded cases in tests/golden: read one, or unpack a folder of them for the tools that want plain files."""

import gzip
import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"


def recording(name: str) -> Any:
    """The JSON of a recording, by its path below tests/golden without `.gz`: `recording("http/chat.json")`."""
    return json.loads(recorded_bytes(name))


def recorded_bytes(name: str) -> bytes:
    """The bytes of a recorded file, by its path below tests/golden without `.gz`."""
    return gzip.decompress((GOLDEN / f"{name}.gz").read_bytes())


def unpack(target: Path) -> Path:
    """Write every recording and tool below `target`, in the layout that the replay tools expect; returns `target`."""
    for packed in GOLDEN.rglob("*"):
        if packed.is_dir() or "__pycache__" in packed.parts:
            continue
        relative = packed.relative_to(GOLDEN)
        plain = target / (relative.with_suffix("") if packed.suffix == ".gz" else relative)
        plain.parent.mkdir(parents=True, exist_ok=True)
        data = packed.read_bytes()
        plain.write_bytes(gzip.decompress(data) if packed.suffix == ".gz" else data)
    return target

"""Weights made smaller while a model is created: the recorded bytes, large tensors, faults in between."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import gguf
import numpy as np
import pytest

from tampu.names import ModelName
from tampu.operations import quantize
from tampu.operations.blobs import receive_blob
from tampu.operations.create import create
from tests.operations.store_steps import create_request, pieces, run_create, services_in
from tests.recordings import recorded_bytes, recording

pytestmark = pytest.mark.anyio

RANDOM = np.random.default_rng(7)


@pytest.fixture
def services(tmp_path: Path) -> Any:
    return services_in(tmp_path / "models")


async def upload(services: Any, data: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    await receive_blob(services, digest, pieces(data))
    return digest


def weights(path: Path, tensors: Mapping[str, Any], file_type: int = 1, **facts: Any) -> bytes:
    """A file with these tensors: arrays of F16 or F32, or pairs of raw bytes and a type."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(file_type)
    for key, value in facts.items():
        writer.add_uint16(key.replace("__", "."), value)
    for name, values in tensors.items():
        if isinstance(values, tuple):
            writer.add_tensor(name, values[0], raw_dtype=values[1])
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def stored_weights(services: Any, name: str) -> Path:
    (path,) = services.library.get(ModelName.parse(name)).weights
    return path


def leftovers(services: Any) -> list[str]:
    named = services.library.manifests.all_references()
    return [
        path.name
        for path in services.library.layout.blobs.iterdir()
        if path.name.replace("-", ":", 1) not in named and path.stat().st_size > 10_000
    ]


@pytest.mark.parametrize("level", ["Q8_0", "Q4_K_M", "Q4_K_S", "BF16", "F32"])
async def test_the_bytes_are_the_recorded_ones(services: Any, level: str) -> None:
    (step,) = [
        step
        for step in recording("store/quantize.json")["steps"]
        if step["name"].startswith("quantize ") and step.get("json", {}).get("quantize", "").upper() == level
        if "a-f16.gguf" in step["json"].get("files", {})
    ]
    (line,) = [line["status"] for line in step["response"]["body"] if "new layer" in line["status"]]
    digest = await upload(services, recorded_bytes("store/models/a-f16.gguf"))
    outcome = await run_create(services, {"model": "q", "files": {"a.gguf": digest}, "quantize": level})
    assert line in [line["status"] for line in outcome.lines]


@pytest.mark.parametrize("source", ["F16", "F32", "BF16"])
async def test_large_tensors_are_packed_in_pieces(services: Any, tmp_path: Path, source: str) -> None:
    values = RANDOM.normal(size=(1500, 2048)).astype(np.float32)
    packed = {
        "F32": values,
        "F16": values.astype(np.float16),
        "BF16": (gguf.quants.quantize(values, gguf.GGMLQuantizationType.BF16), gguf.GGMLQuantizationType.BF16),
    }[source]
    file_type = {"F32": 1, "F16": 1, "BF16": 32}[source]
    data = weights(tmp_path / "s.gguf", {"blk.0.ffn_up.weight": packed, "x.bias": values[0]}, file_type)
    outcome = await run_create(
        services, {"model": "q", "files": {"s.gguf": await upload(services, data)}, "quantize": "Q8_0"}
    )
    assert outcome.body == {"status": "success"}
    made = {tensor.name: tensor for tensor in gguf.GGUFReader(stored_weights(services, "q")).tensors}
    exact = gguf.quants.dequantize(
        *((packed[0], packed[1]) if source == "BF16" else (packed, gguf.GGMLQuantizationType[source]))
    )
    expected = gguf.quants.quantize(exact, gguf.GGMLQuantizationType.Q8_0)
    assert made["blk.0.ffn_up.weight"].tensor_type == gguf.GGMLQuantizationType.Q8_0
    # The reference of the package rounds halves otherwise: a few numbers differ by one step.
    assert np.mean(made["blk.0.ffn_up.weight"].data != expected) < 1e-3
    assert (made["x.bias"].data == values[0]).all()


async def test_a_model_in_parts_becomes_one_file(services: Any, tmp_path: Path) -> None:
    first, second = (RANDOM.normal(size=(4, 64)).astype(np.float16) for _ in range(2))
    split = {"split__count": 2, "split__tensors__count": 2}
    files = {
        "m-00001-of-00002.gguf": weights(tmp_path / "1", {"blk.1.ffn_up.weight": second}, split__no=0, **split),
        "m-00002-of-00002.gguf": weights(tmp_path / "2", {"blk.0.ffn_up.weight": first}, split__no=1, **split),
    }
    digests = {name: await upload(services, data) for name, data in files.items()}
    outcome = await run_create(services, {"model": "q", "files": digests, "quantize": "F32"})
    assert outcome.body == {"status": "success"}, outcome
    reader = gguf.GGUFReader(stored_weights(services, "q"))
    assert [tensor.name for tensor in reader.tensors] == ["blk.0.ffn_up.weight", "blk.1.ffn_up.weight"]
    assert (reader.tensors[0].data == first.astype(np.float32)).all()
    assert not [key for key in reader.fields if key.startswith("split.")]


async def test_rows_that_nothing_holds_leave_nothing_behind(services: Any, tmp_path: Path) -> None:
    data = weights(tmp_path / "s.gguf", {"blk.0.ffn_up.weight": np.zeros((4, 20), dtype=np.float16)})
    digest = await upload(services, data)
    body = {"model": "q", "files": {"s.gguf": digest}, "quantize": "Q8_0", "stream": False}
    outcome = await run_create(services, body)
    assert (outcome.status, outcome.body["error"][:21]) == (500, "llama-quantize failed")
    assert services.library.names() == []


@pytest.mark.parametrize(
    ("program", "error"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "llama-quantize failed: it was killed"),
        ("import errno, sys; sys.exit(errno.ENOSPC)", "quantizing: no space left on the device"),
        ("import sys; sys.exit('it cannot')", "llama-quantize failed: it cannot"),
        (
            "import sys; sys.stderr.buffer.write(b'\\xff so it goes\\n' * 50_000); sys.exit('it cannot')",
            "llama-quantize failed: it cannot",
        ),
    ],
)
async def test_a_packer_that_fails_is_an_error(
    services: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, program: str, error: str
) -> None:
    (path := tmp_path / "program.py").write_text(program)
    monkeypatch.setattr(quantize.quantizing, "__file__", str(path))
    digest = await upload(services, recorded_bytes("store/models/a-f16.gguf"))
    body = {"model": "q", "files": {"a.gguf": digest}, "quantize": "Q8_0", "stream": False}
    outcome = await run_create(services, body)
    assert (outcome.status, outcome.body["error"][: len(error)]) == (500, error)
    assert leftovers(services) == [digest.replace(":", "-")]


async def test_a_client_that_leaves_ends_the_packing(
    services: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (program := tmp_path / "program.py").write_text(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()) + '.')\ntime.sleep(600)\n"
    )
    monkeypatch.setattr(quantize.quantizing, "__file__", str(program))
    digest = await upload(services, recorded_bytes("store/models/a-f16.gguf"))
    request = create_request({"model": "q", "files": {"a.gguf": digest}, "quantize": "Q8_0"})

    async def make() -> None:
        async for _ in create(services, request):
            pass

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(make)
            while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().endswith("."):
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()
    pid = int((tmp_path / "pid").read_text().rstrip("."))
    assert not Path(f"/proc/{pid}").exists()
    assert leftovers(services) == [digest.replace(":", "-")]

"""A layer that looks ahead becomes the model's last block, if the engine could use it, and changes no answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tampu.gguf.header import Header
from tampu.gguf.metadata import integer
from tampu.gguf.reader import read_header
from tests.engine.running import answer, running
from tests.gguf.translate.variants import VARIANTS, Made
from tests.published import planned_views, published_model, written

BLOCK, EXPERTS = "blk.4.", 4
KEY: Final = "nextn_predict_layers"


def translated(made: Made, folder: Path) -> Path:
    text, _ = planned_views(path := made.write(folder / "stored.gguf"), read_header(path))
    assert text is not None
    return written(text, folder / "view.gguf")


def shapes(header: Header) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in header.tensors}


def numbers(path: Path, name: str) -> list[float]:
    header = read_header(path)
    (tensor,) = (tensor for tensor in header.tensors if tensor.name == name)
    start = header.data_offset + tensor.offset
    listed: list[float] = np.frombuffer(path.read_bytes()[start : start + tensor.nbytes], "<f4").tolist()
    return listed


def test_it_becomes_the_last_block_and_its_norms_grow_by_one(tmp_path: Path) -> None:
    stored = published_model("qwen35")
    view = translated(Made("qwen35"), tmp_path)
    header = read_header(view)
    assert (integer(header, "block_count"), integer(header, KEY)) == (5, 1)
    found = shapes(header)
    assert found[f"{BLOCK}nextn.eh_proj.weight"] == (128, 64)
    assert {name.removeprefix(BLOCK) for name in found if name.startswith(BLOCK) and "nextn" not in name} == {
        name.removeprefix("blk.3.") for name in found if name.startswith("blk.3.")
    }
    for old, new in (("layers.0.attn_norm", "attn_norm"), ("norm", "nextn.shared_head_norm")):
        grown = [number + 1 for number in numbers(stored, f"mtp.{old}.weight")]
        assert numbers(view, f"{BLOCK}{new}.weight") == pytest.approx(grown)
    assert numbers(view, "blk.3.attn_norm.weight") == numbers(stored, "blk.3.attn_norm.weight")


def test_its_experts_are_stacked(tmp_path: Path) -> None:
    made = VARIANTS["qwen35moe"]()
    for name in [name for name in made.tensors if name.startswith("mtp.layers.0.ffn")]:
        del made.tensors[name]
    for name, (shape, kind, data) in list(made.tensors.items()):
        if name.startswith("blk.3.ffn"):
            made.tensors[f"mtp.layers.0.{name.removeprefix('blk.3.')}"] = (shape, kind, data)
    for part in ("gate", "up", "down"):
        shape, kind, data = made.tensors.pop(f"mtp.layers.0.ffn_{part}_exps.weight")
        each = len(data) // EXPERTS
        for expert in reversed(range(EXPERTS)):
            name = f"mtp.layers.0.mlp.experts.{expert}.{part}_proj.weight"
            made.tensors[name] = (shape[:-1], kind, data[expert * each : (expert + 1) * each])
    found = shapes(read_header(translated(made, tmp_path)))
    assert found[f"{BLOCK}ffn_down_exps.weight"] == found["blk.3.ffn_down_exps.weight"]


def _lacks(made: Made) -> None:
    del made.tensors["mtp.layers.0.attn_k.weight"]


def _has_no_head(made: Made) -> None:
    del made.tensors["mtp.fc.weight"]


def _has_another_width(made: Made) -> None:
    made.add("mtp.layers.0.ffn_up.weight", 64, 32)


def _has_one_more(made: Made) -> None:
    made.add("mtp.layers.0.attn_sinks.weight", 64)


def _has_two(made: Made) -> None:
    made.add("mtp.layers.1.attn_norm.weight", 64)


@pytest.mark.parametrize("spoil", [_lacks, _has_no_head, _has_another_width, _has_one_more, _has_two])
def test_one_that_the_engine_could_not_use_is_left_out(spoil: Callable[[Made], None], tmp_path: Path) -> None:
    made = Made("qwen35")
    spoil(made)
    header = read_header(translated(made, tmp_path))
    assert (integer(header, "block_count"), integer(header, KEY)) == (4, 0)
    assert not [name for name in shapes(header) if name.startswith((BLOCK, "mtp."))]


@pytest.mark.parametrize("said", [None, 2, 5, 400])
def test_the_tensors_tell_how_many_blocks_there_are_besides(said: int | None, tmp_path: Path) -> None:
    made = Made("qwen35")
    del made.facts["qwen35.block_count"]
    if said is not None:
        made.say(block_count=said)
    header = read_header(translated(made, tmp_path))
    assert (integer(header, "block_count"), integer(header, KEY)) == (5, 1)


@pytest.mark.anyio
async def test_it_guesses_and_changes_no_answer(tmp_path: Path) -> None:
    view = translated(Made("qwen35"), tmp_path)
    async with running(view) as child:
        plain, _ = await answer(child, "Hello 12345", num_predict=24)
    async with running(view, draft_kind="mtp", draft_num_predict=2) as child:
        text, end = await answer(child, "Hello 12345", num_predict=24)
    assert text == plain
    assert end.drafted_tokens > 0

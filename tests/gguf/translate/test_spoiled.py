"""Published files with one thing wrong in the header: refused in words, or made a sound file; never worse."""

import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tampu.config import Settings
from tampu.engine.process import start_engine
from tampu.engine.spec import EngineSpec, Placement
from tampu.errors import EngineError, InvalidModelFile
from tampu.gguf.reader import read_header
from tampu.gguf.soundness import problems
from tampu.gguf.translate.plan import View
from tampu.gguf.translate.planning import holds_projector, projector_view, text_view
from tests.gguf.translate.spoiling import Facts, Spoiled, Table
from tests.published import NAMES, views_of, written

TRANSLATED = [name for name in NAMES if name != "llama3-tokenizer" and views_of(name)[0]]
Spoiling = Callable[[random.Random, Facts, Table], None]


def drop_key(chance: random.Random, facts: Facts, _: Table) -> None:
    del facts[chance.randrange(len(facts))]


def retype_key(chance: random.Random, facts: Facts, _: Table) -> None:
    at = chance.randrange(len(facts))
    odd = (
        struct.pack("<If", 6, 1.5),
        struct.pack("<Ii", 5, -7),
        struct.pack("<I?", 7, True),
        struct.pack("<IQ", 10, 2**63),
        struct.pack("<IQ", 8, 3) + b"odd",
        struct.pack("<IIQ3I", 9, 4, 3, 1, 2, 3),
        struct.pack("<IIQ", 9, 8, 0),
        struct.pack("<If", 6, float("nan")),
    )
    facts[at] = (facts[at][0], chance.choice(odd))


def change_number(chance: random.Random, facts: Facts, _: Table) -> None:
    whole = [at for at, (_, value) in enumerate(facts) if value[:4] == struct.pack("<I", 4)]
    at = chance.choice(whole)
    facts[at] = (facts[at][0], struct.pack("<II", 4, chance.choice((0, 1, 7, 2**31, 2**32 - 1))))


def drop_tensor(chance: random.Random, _: Facts, table: Table) -> None:
    del table[chance.randrange(len(table))]


def duplicate_tensor(chance: random.Random, _: Facts, table: Table) -> None:
    table.append(chance.choice(table))


def rename_tensor(chance: random.Random, _: Facts, table: Table) -> None:
    at, other = chance.randrange(len(table)), chance.choice(table)[0]
    table[at] = (other.replace("0", "1", 1) if "0" in other else f"{other}.x", *table[at][1:])


def reshape_tensor(chance: random.Random, _: Facts, table: Table) -> None:
    at = chance.randrange(len(table))
    name, shape, kind, offset = table[at]
    options = [shape[::-1], (*shape, 1), shape[:1], tuple(size // 2 or 1 for size in shape), (*shape[:-1], 1)]
    table[at] = (name, chance.choice([each for each in options if len(each) <= 4]), kind, offset)


def retype_tensor(chance: random.Random, _: Facts, table: Table) -> None:
    at = chance.randrange(len(table))
    name, shape, _kind, offset = table[at]
    table[at] = (name, shape, chance.choice((0, 1, 8, 14, 24, 30)), offset)


def shift_tensor(chance: random.Random, _: Facts, table: Table) -> None:
    at = chance.randrange(len(table))
    name, shape, kind, offset = table[at]
    table[at] = (name, shape, kind, max(0, offset + chance.choice((-64, -1, 1, 32, 2**40))))


SPOILINGS: list[Spoiling] = [
    drop_key,
    retype_key,
    change_number,
    drop_tensor,
    duplicate_tensor,
    rename_tensor,
    reshape_tensor,
    retype_tensor,
    shift_tensor,
]


def planned(path: Path) -> list[View] | str:
    """What an engine would get, or why it gets nothing."""
    try:
        header = read_header(path)
        for problem in problems(header):
            return problem
        made = [text_view(path, header), projector_view(path, header) if holds_projector(header) else None]
    except InvalidModelFile as error:
        return error.message
    return [view for view in made if view is not None]


def chance_of(*seed: object) -> random.Random:
    """Chance that is the same in every run."""
    return random.Random(repr(seed))  # noqa: S311  # nothing here is secret


@pytest.mark.parametrize("spoil", SPOILINGS, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("name", TRANSLATED)
def test_one_wrong_thing_is_refused_in_words_or_does_not_matter(name: str, spoil: Spoiling, tmp_path: Path) -> None:
    for seed in range(6):
        spoiled = Spoiled(name)
        spoil(chance_of(name, seed), spoiled.facts, spoiled.table)
        path = spoiled.write(tmp_path / "spoiled.gguf")
        start = time.process_time()
        made = planned(path)
        assert time.process_time() - start < 1
        assert made != ""
        for view in made if isinstance(made, list) else ():
            assert view.nbytes < 3 * path.stat().st_size + (1 << 16)
            assert list(problems(read_header(written(view, tmp_path / "view.gguf")))) == []


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_missing_tensor_of_a_block_is_named_before_an_engine_is_started(name: str, tmp_path: Path) -> None:
    spoiled = Spoiled(name)
    rows = [row for row in spoiled.table if row[0] in {"blk.1.attn_norm.weight", "blk.1.ffn_down.weight"}]
    spoiled.table.remove(rows[0])
    assert f'the tensor "{rows[0][0]}" is missing' == planned(spoiled.write(tmp_path / "spoiled.gguf"))


@pytest.mark.anyio
@pytest.mark.parametrize("name", TRANSLATED)
async def test_an_engine_takes_or_refuses_what_passes(name: str, tmp_path: Path) -> None:
    spoiled, chance = Spoiled(name), chance_of(name)
    chance.choice(SPOILINGS)(chance, spoiled.facts, spoiled.table)
    path = spoiled.write(tmp_path / "spoiled.gguf")
    made = planned(path)
    if isinstance(made, str):
        assert made
        return
    files = [written(view, tmp_path / f"{part}.gguf") for part, view in enumerate(made)]
    spec = EngineSpec(model_path=files[0] if files else path, projector_paths=tuple(files[1:]))
    try:
        child = await start_engine(spec, Placement(num_ctx=64, threads=1), settings=Settings())
    except EngineError as error:
        assert error.message  # noqa: PT017  # whether it refuses is the engine's own matter
    else:
        await child.stop()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"

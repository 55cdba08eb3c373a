"""Models in several files, whose names a store has taken away."""

from pathlib import Path

import pytest

from tampu.config import Settings
from tampu.engine.process import start_engine
from tampu.engine.spec import EngineSpec, Placement
from tampu.errors import EngineStartFailed
from tests.engine.running import answer, running
from tests.engine.splitting import split
from tests.models import recorded_model

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("parts", [2, 3])
async def test_a_split_model_is_loaded_whole(tmp_path: Path, parts: int) -> None:
    paths = split(recorded_model("scripted"), tmp_path, parts)
    async with running(paths[0], shard_paths=paths) as child:
        assert (await answer(child, "<|s4|>"))[0] == "before the STOP after it"
    assert all(path.is_file() for path in paths)


async def test_files_that_belong_to_no_split_are_only_the_first(tmp_path: Path) -> None:
    whole = recorded_model("scripted")
    async with running(whole, shard_paths=(whole, tmp_path / "other")) as child:
        assert (await answer(child, "<|s4|>"))[0] == "before the STOP after it"


async def test_a_split_model_with_a_part_missing_fails_in_words(tmp_path: Path) -> None:
    paths = split(recorded_model("scripted"), tmp_path, 2)
    paths[1].unlink()
    spec = EngineSpec(model_path=paths[0], shard_paths=paths)
    with pytest.raises(EngineStartFailed) as failed:
        await start_engine(spec, Placement(num_ctx=64), settings=Settings())
    assert str(tmp_path) not in failed.value.message

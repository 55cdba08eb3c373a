"""Prompts that outlive their engine, with real engines and a scripted model."""

import os
import signal
from array import array
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest

from tampu.config import Settings
from tampu.engine.process import ChildEngine, start_engine
from tampu.engine.prompts import Prompts, Slot
from tampu.engine.protocol import EngineChat, EngineEnd
from tampu.engine.shelf import Kept, Shelf
from tampu.engine.spec import EngineSpec, Placement
from tampu.engine.state_file import Tokens
from tampu.messages import Message
from tests.engine.running import GREEDY, answer, asking, events_of
from tests.models import scripted_model

pytestmark = pytest.mark.anyio

LONG = "x" * 900
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}<|s0|>"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def engine(home: Path, *, num_ctx: int = 2048, **settings: object) -> AsyncIterator[ChildEngine]:
    """An engine of a server whose home is `home`."""
    model = scripted_model(["all", " is", " well"], context=4096, chat_template=TEMPLATE)
    child = await start_engine(
        EngineSpec(model_path=model),
        Placement(num_ctx=num_ctx, slots=2, threads=1),
        settings=Settings(home=home, **settings),  # type: ignore[arg-type]  # whatever the test says
    )
    try:
        yield child
    finally:
        await child.stop()


async def cached(child: ChildEngine, prompt: str) -> int:
    text, end = await answer(child, prompt + "<|s0|>")
    assert text == "all is well"
    return end.cached_tokens


def files(home: Path) -> list[Path]:
    return sorted((home / "prompts").glob("*"))


async def test_a_long_prompt_is_read_once_for_all_engines(tmp_path: Path) -> None:
    async with engine(tmp_path) as child:
        assert await cached(child, LONG) == 0
        assert await cached(child, LONG) >= 900
    assert len(files(tmp_path)) == 1
    async with engine(tmp_path) as child:
        assert await cached(child, LONG + "and more") >= 900


async def test_a_prompt_whose_answer_was_stopped_is_kept_too(tmp_path: Path) -> None:
    """People stop answers all the time, and ask on."""
    async with engine(tmp_path) as child:
        async with aclosing(child.engine.complete(asking(LONG + "<|s0|>"))) as events:
            await anext(events)
        assert await cached(child, LONG) >= 900
    async with engine(tmp_path) as child:
        assert await cached(child, LONG + "and more") >= 900


async def test_the_engines_own_chats_find_it_too(tmp_path: Path) -> None:
    chat = EngineChat(messages=(Message("user", LONG),), sampling=GREEDY)
    async with engine(tmp_path) as child:
        await events_of(child.engine.chat(chat))
    async with engine(tmp_path) as child:
        end = (await events_of(child.engine.chat(chat)))[-1]
        assert isinstance(end, EngineEnd)
        assert end.cached_tokens >= 900


async def test_what_was_written_down_survives_a_kill(tmp_path: Path) -> None:
    async with engine(tmp_path) as child:
        await cached(child, LONG)
        assert child.engine.prompts is not None
        assert child.engine.prompts.has_news
        await child.engine.prompts.write_down()
        assert not child.engine.prompts.has_news
        os.kill(child.pid, signal.SIGKILL)
        await child.wait_ended()
    async with engine(tmp_path) as child:
        assert await cached(child, LONG) >= 900


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: data[:-5] + b"wrong", lambda data: b""])
async def test_a_damaged_file_is_removed_and_the_prompt_read_anew(tmp_path: Path, damage) -> None:  # type: ignore[no-untyped-def]  # one of the three above
    async with engine(tmp_path) as child:
        await cached(child, LONG)
    (path,) = files(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    async with engine(tmp_path) as child:
        assert await cached(child, LONG) == 0
        assert files(tmp_path) == []
    assert len(files(tmp_path)) == 1


async def test_other_contexts_prompts_and_settings_get_nothing(tmp_path: Path) -> None:
    async with engine(tmp_path) as child:
        await cached(child, LONG)
    async with engine(tmp_path, num_ctx=1024) as child:
        assert await cached(child, LONG) == 0
    async with engine(tmp_path) as child:
        assert await cached(child, "y" + LONG) == 0
    async with engine(tmp_path, prompt_cache_mib=0) as child:
        assert await cached(child, LONG) == 0


async def test_short_prompts_leave_nothing_behind(tmp_path: Path) -> None:
    async with engine(tmp_path) as child:
        await cached(child, "x" * 100)
    assert files(tmp_path) == []


async def test_isolation_shares_nothing_in_memory_or_on_disk(tmp_path: Path) -> None:
    async with engine(tmp_path, isolate=True) as child:
        assert [await cached(child, LONG) for _ in range(2)] == [0, 0]
    assert not (tmp_path / "prompts").exists()


async def test_two_at_once_are_both_answered_from_what_is_kept(tmp_path: Path) -> None:
    others = ["a" * 900, "b" * 900]
    async with engine(tmp_path) as child:
        for prompt in others:
            await cached(child, prompt)
            assert child.engine.prompts is not None
            await child.engine.prompts.write_down()
    found: dict[str, int] = {}

    async def ask(child: ChildEngine, prompt: str) -> None:
        found[prompt] = await cached(child, prompt)

    async with engine(tmp_path) as child, anyio.create_task_group() as group:
        for prompt in others:
            group.start_soon(ask, child, prompt)
    assert all(found[prompt] >= 900 for prompt in others)


class HangingSlots:
    """An engine that never answers where a slot is to be restored."""

    async def slots(self) -> list[Slot]:
        return [Slot(0)]

    async def save_slot(self, slot: int, name: str) -> int:
        raise NotImplementedError

    async def restore_slot(self, slot: int, name: str) -> int:
        await anyio.sleep_forever()
        raise AssertionError


class FullShelf(Shelf):
    """A shelf with the prompts that it is given."""

    def __init__(self, folder: Path, prompts: list[Tokens]) -> None:
        super().__init__(folder, 0)
        self._prompts = prompts

    def kept(self, fingerprint: str) -> list[Kept]:
        return [Kept(self.folder / f"{fingerprint}-{n}", tokens) for n, tokens in enumerate(self._prompts)]

    def is_sound(self, kept: Kept) -> bool:
        return True


async def test_nobody_waits_for_what_hangs_as_often_as_others_ask(tmp_path: Path) -> None:
    asked = [array("i", [number] * 512) for number in range(8)]

    async def seconds(tokens: list[Tokens]) -> float:
        prompts = Prompts(HangingSlots(), FullShelf(tmp_path, asked), "f")
        await prompts.open()
        begin = anyio.current_time()

        async def recall(told: Tokens) -> None:
            assert await prompts.recall(partial(_given, told)) == 0

        async with anyio.create_task_group() as group:
            for told in tokens:
                group.start_soon(recall, told)
        return anyio.current_time() - begin

    assert await seconds(asked) < 3 * await seconds(asked[:1])


async def _given(tokens: Tokens) -> list[int]:
    return tokens.tolist()


async def test_a_folder_that_cannot_be_made_hurts_nobody(tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("in the way")
    async with engine(tmp_path) as child:
        assert await cached(child, LONG) == 0
        assert await cached(child, LONG) >= 900

import pytest

from tampu.errors import EngineOutOfMemory, EngineStartFailed
from tampu.hardware.memory import Memory
from tampu.scheduler.policy import (
    PATIENCE_S,
    Evict,
    Join,
    Refuse,
    ResidentState,
    Start,
    Wait,
    decide,
    eviction_order,
    serves,
)
from tampu.scheduler.records import Limits
from tampu.units import KeepAlive
from tests.scheduler.wanted import MB, load, plan

PLENTY = Memory(64_000 * MB, 64_000 * MB)
TIGHT = Memory(10_000 * MB, 3_000 * MB)


def idle(weights, *, expires_at=100.0, memory_mb=3_000, **spec):
    keep_alive = KeepAlive.of_seconds(300)
    return ResidentState(
        plan=plan(load(weights, **spec), memory_mb=memory_mb), expires_at=expires_at, keep_alive=keep_alive
    )


def busy(weights, *, keep_alive_s=300.0, memory_mb=3_000, users=1, **spec):
    keep_alive = KeepAlive.of_seconds(keep_alive_s)
    return ResidentState(plan=plan(load(weights, **spec), memory_mb=memory_mb), users=users, keep_alive=keep_alive)


def key(weights):
    return load(weights).engine_key


BROKEN = EngineStartFailed("it does not start")
HUGE = {"weights_mb": 50_000}
LARGE = {"weights_mb": 4_000}
CASES = {
    # name: (wanted, residents, more arguments, decision)
    "1 the same is joined": (load("a"), [busy("a")], {}, Join(key("a"))),
    "1 another name of the same weights joins": (load("a", name="b"), [busy("a")], {}, Join(key("a"))),
    "1 joined although it failed once": (load("a"), [busy("a")], {"failure": BROKEN}, Join(key("a"))),
    "2 a broken model is refused": (load("b"), [idle("a")], {"failure": BROKEN}, Refuse(BROKEN)),
    "2 and evicts nobody": (
        load("b"), [idle("a")], {"failure": BROKEN, "limits": Limits(max_loaded=1)}, Refuse(BROKEN),
    ),
    "4 an idle one with other options leaves": (load("a", num_ctx=64), [idle("a")], {}, Evict((key("a"),))),
    "4 a busy one is waited for": (load("a", num_ctx=64), [busy("a")], {}, Wait(key("a"), closed=False)),
    "4 and then takes no new users": (
        load("a", num_ctx=64), [busy("a")], {"waited_s": PATIENCE_S}, Wait(key("a"), closed=True),
    ),
    "4 others stay": (load("a", num_ctx=64), [idle("b", expires_at=1), idle("a")], {}, Evict((key("a"),))),
    "5 at the limit, the soonest to expire leaves": (
        load("c"),
        [idle("a", expires_at=50), idle("b", expires_at=40)],
        {"limits": Limits(max_loaded=2)},
        Evict((key("b"),)),
    ),
    "5 an idle one before a busy one": (
        load("c"),
        [busy("a", keep_alive_s=1), idle("b", expires_at=9e9)],
        {"limits": Limits(max_loaded=2)},
        Evict((key("b"),)),
    ),
    "5 all busy: the shortest keep-alive is waited for": (
        load("c"),
        [busy("a", keep_alive_s=-1), busy("b", keep_alive_s=10), busy("d", keep_alive_s=20)],
        {"limits": Limits(max_loaded=3)},
        Wait(key("b"), closed=False),
    ),
    "5 equal ones by path": (
        load("c"), [busy("b"), busy("a")], {"limits": Limits(max_loaded=2)}, Wait(key("a"), closed=False),
    ),
    "5 vectors of the same weights count as a model": (
        load("a", embedding=True), [idle("a")], {"limits": Limits(max_loaded=1)}, Evict((key("a"),)),
    ),
    "6 one leaves for memory": (
        load("c", **LARGE), [idle("a", expires_at=50), idle("b", expires_at=40)], {"memory": TIGHT}, Evict((key("b"),)),
    ),
    "6 as many as needed": (
        load("c", weights_mb=7_000),
        [idle("a", expires_at=50), idle("b", expires_at=40)],
        {"memory": TIGHT},
        Evict((key("b"), key("a"))),
    ),
    "6 none leaves before a busy one that has to leave too": (
        load("c", weights_mb=7_000), [idle("a"), busy("b")], {"memory": TIGHT}, Wait(key("b"), closed=False),
    ),
    "6 mapped weights count although the system calls them free": (
        load("c", **LARGE),
        [idle("a", memory_mb=8_000)],
        {"memory": Memory(10_000 * MB, 9_900 * MB)},
        Evict((key("a"),)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("wanted", "residents", "more", "decision"), CASES.values(), ids=CASES)
def test_decisions(wanted, residents, more, decision):
    arguments = {"memory": PLENTY, "limits": Limits(), **more}
    assert decide(wanted, residents, **arguments) == decision


def test_7_it_starts_beside_others():
    decision = decide(load("c", trained_ctx=512), [busy("a"), idle("b")], memory=PLENTY, limits=Limits())
    assert isinstance(decision, Start)
    assert decision.plan.request == load("c", trained_ctx=512)
    assert (decision.plan.placement.num_ctx, decision.plan.placement.slots, decision.plan.automatic_ctx) == (
        512,
        8,
        512,
    )


@pytest.mark.parametrize("residents", [[], [idle("a")], [busy("a")], [idle("c", num_thread=1)]])
def test_3_what_can_never_fit_evicts_nobody_and_says_how_much_is_missing(residents):
    decision = decide(load("c", **HUGE), residents, memory=TIGHT, limits=Limits(max_loaded=1))
    assert isinstance(decision, Refuse)
    assert isinstance(decision.error, EngineOutOfMemory)
    assert "requires more system memory (46.7 GiB) than is available (" in decision.error.message


@pytest.mark.parametrize(
    ("free_bytes", "told"),
    [
        (4_100 * MB, "(4.0 GiB) than is available (3.8 GiB)"),
        # Little more is needed than there is: the numbers still differ.
        (4_210 * MB, "(4.0 GiB) than is available (3.9 GiB)"),
        (1_000 * MB, "(4.0 GiB) than is available (953.6 MiB)"),
        (0, "(4.0 GiB) than is available (0.0 MiB)"),
    ],
)
def test_3_both_numbers_are_told_as_people_read_them(free_bytes, told):
    decision = decide(load("c", weights_mb=4_200), [], memory=Memory(64_000 * MB, free_bytes), limits=Limits())
    assert isinstance(decision, Refuse)
    assert told in decision.error.message


def test_eviction_order():
    residents = [
        busy("a", keep_alive_s=-1), busy("b", keep_alive_s=1), idle("c", expires_at=float("inf")),
        idle("d", expires_at=7), idle("e", expires_at=5),
    ]  # fmt: skip
    assert [state.plan.request.name for state in eviction_order(residents)] == ["e", "d", "c", "b", "a"]


# have, want, whether the engine is loaded anew. `auto` is what the engine got, or would have got, without a wish.
RELOADS = {
    "nothing said": ({}, {}, False),
    "same num_ctx": ({"num_ctx": 256}, {"num_ctx": 256}, False),
    "another num_ctx": ({"num_ctx": 256}, {"num_ctx": 512}, True),
    "num_ctx left out": ({"num_ctx": 512}, {}, True),
    "num_ctx left out, but as large as the automatic one": ({"num_ctx": 2048}, {}, False),
    "num_ctx above the trained length": ({}, {"num_ctx": 999_999}, False),
    "num_ctx that the automatic one is": ({}, {"num_ctx": 2048}, False),
    "num_ctx below four": ({"num_ctx": 4}, {"num_ctx": 1}, False),
    "num_batch": ({}, {"num_batch": 64}, True),
    "num_batch as chosen": ({}, {"num_batch": 512}, False),
    "num_batch left out": ({"num_batch": 64}, {}, True),
    "num_thread": ({}, {"num_thread": 1}, True),
    "num_thread left out": ({"num_thread": 1}, {}, True),
    "use_mmap": ({}, {"use_mmap": True}, True),
    "use_mmap left out": ({"use_mmap": True}, {}, True),
    "use_mmap false": ({}, {"use_mmap": False}, False),
    "num_gpu 0": ({}, {"num_gpu": 0}, True),
    "num_gpu -1": ({"num_gpu": 0}, {"num_gpu": -1}, False),
    "main_gpu": ({}, {"main_gpu": 1}, True),
    "draft_num_predict": ({}, {"draft_num_predict": 4}, True),
    "shift": ({}, {"context_shift": False}, True),
    "adapter": ({}, {"adapter_paths": ("l",)}, True),
    "projector": ({}, {"projector_paths": ("p",)}, True),
    "template": ({}, {"uses_own_template": False}, True),
}


@pytest.mark.parametrize(("have", "want", "reloads"), RELOADS.values(), ids=RELOADS)
def test_what_reloads(have, want, reloads):
    loaded = plan(load("m", **have), num_ctx=have.get("num_ctx", 2048))
    assert serves(loaded, load("m", name="other", **want)) is not reloads

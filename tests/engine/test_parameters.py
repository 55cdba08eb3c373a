"""What children are told to run."""

from itertools import pairwise
from pathlib import Path

import pytest

from tampu.engine.flags import COMMON, Abilities, abilities_told, binary_flags
from tampu.engine.parameters import (
    BOUND_SPINS,
    EMBEDDING_SLOTS,
    FREE_SPINS,
    Endpoint,
    batch_size,
    binary_environment,
    compute_environment,
    device_margins,
    engine_parameters,
)
from tampu.engine.spec import EngineSpec, Placement

HERE = Endpoint(socket=Path("/run/e.sock"))
PLAIN = EngineSpec(model_path=Path("/m.gguf"))
FULL = EngineSpec(
    model_path=Path("/m.gguf"),
    projector_paths=(Path("/p.gguf"),),
    adapter_paths=(Path("/a.gguf"), Path("/b.gguf")),
    draft_path=Path("/d.gguf"),
    draft_num_predict=5,
    num_batch=64,
    num_gpu=7,
    main_gpu=1,
    use_mmap=False,
    num_thread=3,
    context_shift=False,
    uses_own_template=False,
)


def bundled(spec: EngineSpec, placement: Placement) -> dict:
    return engine_parameters(spec, placement, endpoint=HERE, key="secret", cache_bytes=64 << 20)


def flags_of(spec: EngineSpec, placement: Placement, endpoint: Endpoint = HERE) -> list[str]:
    made = engine_parameters(
        spec, placement, endpoint=endpoint, key="secret", cache_bytes=64 << 20, is_unified=COMMON.is_unified
    )
    return binary_flags(made, COMMON)


def test_a_slot_has_exactly_the_context_of_one_request() -> None:
    made = bundled(PLAIN, Placement(num_ctx=100, slots=4))
    assert (made["n_ctx"], made["n_parallel"]) == (400, 4)
    assert (made["kv_unified"], made["kv_unified_per_slot"]) == (True, 100)
    assert made["hostnames"] == ["/run/e.sock"]
    assert (made["api_keys"], made["cors_origins"], made["ui"], made["endpoint_slots"]) == (
        ["secret"],
        "",
        False,
        True,
    )
    assert made["cache_ram_mib"] == 64
    assert made["ctx_shift"] is True
    assert "cpuparams.n_threads" not in made


def test_everything_set() -> None:
    made = bundled(FULL, Placement(num_ctx=100, threads=8, kv_cache_type="q8_0", flash_attention=True))
    assert made["cpuparams.n_threads"] == 3
    assert made["mmproj.path"] == "/p.gguf"
    assert made["lora_adapters"] == ["/a.gguf", "/b.gguf"]
    assert made["speculative.draft.mparams.path"] == "/d.gguf"
    assert made["speculative.draft.n_max"] == 5
    assert (made["n_batch"], made["n_gpu_layers"], made["main_gpu"]) == (64, 7, 1)
    assert made["load_mode"] == "LLAMA_LOAD_MODE_NONE"
    assert made["cache_type_k"] == made["cache_type_v"] == "GGML_TYPE_Q8_0"
    assert made["flash_attn_type"] == "LLAMA_FLASH_ATTN_TYPE_ENABLED"
    assert (made["use_jinja"], made["chat_template"], made["ctx_shift"]) == (False, "chatml", False)


def test_devices_that_are_named_are_counted_anew_by_the_engine() -> None:
    made = bundled(FULL, Placement(num_ctx=100, device_bytes=(("CUDA1", 5),)))
    assert made["devices"] == ["CUDA1"]
    assert "main_gpu" not in made


def test_an_unknown_cache_type_means_the_default() -> None:
    assert bundled(PLAIN, Placement(num_ctx=4, kv_cache_type="q9"))["cache_type_k"] == "GGML_TYPE_F16"


@pytest.mark.parametrize(
    ("spec", "num_ctx", "batch"),
    [
        (PLAIN, 4096, 512),
        (FULL, 4096, 64),
        (EngineSpec(model_path=Path("/m"), embedding=True), 64, 64),
        (EngineSpec(model_path=Path("/m"), embedding=True), 8192, 2048),
        (EngineSpec(model_path=Path("/m"), num_batch=0), 8192, 512),
    ],
)
def test_batches(spec: EngineSpec, num_ctx: int, batch: int) -> None:
    assert batch_size(spec, Placement(num_ctx=num_ctx)) == batch


def test_a_batch_holds_a_token_of_every_slot_and_those_of_the_warm_up() -> None:
    assert batch_size(EngineSpec(model_path=Path("/m"), num_batch=1), Placement(num_ctx=64, slots=4)) == 4
    assert batch_size(EngineSpec(model_path=Path("/m"), num_batch=1), Placement(num_ctx=64)) == 2


@pytest.mark.parametrize(
    ("asked", "num_batch", "slots", "guessed"),
    [
        (5, None, 4, 5),
        (200, None, 1, 64),
        (200, None, 4, 64),
        (2**31 - 1, None, 8, 63),
        (200, None, 16, 31),
        (9, 8, 4, 1),
        (9, 7, 4, None),
        (9, 1, 1, 1),
        (0, None, 1, None),
    ],
)
def test_the_guesses_of_all_slots_fit_into_a_batch(
    asked: int, num_batch: int | None, slots: int, guessed: int | None
) -> None:
    spec = EngineSpec(model_path=Path("/m"), draft_path=Path("/d"), draft_num_predict=asked, num_batch=num_batch)
    made = bundled(spec, Placement(num_ctx=4096, slots=slots))
    assert made.get("speculative.draft.n_max") == guessed
    assert ("speculative.types" in made) is ("speculative.draft.mparams.path" in made) is (guessed is not None)


def test_flags_of_a_binary() -> None:
    flags = flags_of(FULL, Placement(num_ctx=100, slots=2))
    pairs = dict(pairwise(flags))
    assert pairs["--ctx-size"] == "200"
    assert pairs["--parallel"] == "2"
    assert pairs["--host"] == "/run/e.sock"
    assert pairs["--lora"] == "/b.gguf"
    assert {"--no-jinja", "--no-mmap"} <= set(flags)
    assert "--context-shift" not in flags
    assert "--port" not in flags
    assert flags_of(PLAIN, Placement(num_ctx=4), Endpoint(socket=None, port=7))[2:4] == [
        "--host",
        "127.0.0.1",
    ]


def test_the_key_of_a_binary_is_in_its_environment_alone() -> None:
    assert binary_environment({"PATH": "/bin"}, "secret") == {"PATH": "/bin", "LLAMA_API_KEY": "secret"}
    assert "secret" not in flags_of(PLAIN, Placement(num_ctx=4))


@pytest.mark.parametrize(
    ("num_ctx", "num_batch", "slots"), [(512, None, 16), (33, None, 11), (64, 100, 10), (97, None, 1)]
)
def test_a_batch_of_vectors_is_shared_evenly_among_the_slots(num_ctx: int, num_batch: int | None, slots: int) -> None:
    spec = EngineSpec(model_path=Path("/m.gguf"), embedding=True, num_batch=num_batch)
    made = bundled(spec, Placement(num_ctx=num_ctx, slots=4))
    assert (made["n_parallel"], made["n_batch"] % slots) == (slots, 0)


def test_vectors_are_made_of_many_texts_at_once_in_the_memory_that_was_planned() -> None:
    spec = EngineSpec(model_path=Path("/m.gguf"), embedding=True, pooling="mean")
    made = bundled(spec, Placement(num_ctx=128, slots=2))
    assert (made["n_parallel"], made["n_ctx"], made["kv_unified_per_slot"]) == (EMBEDDING_SLOTS, 256, 128)
    assert made["pooling_type"] == "LLAMA_POOLING_TYPE_MEAN"
    assert bundled(spec, Placement(num_ctx=128, slots=64))["n_parallel"] == 64
    assert "pooling_type" not in bundled(PLAIN, Placement(num_ctx=100))
    assert "--pooling mean" in " ".join(flags_of(spec, Placement(num_ctx=100)))


def test_threads_have_cores_of_their_own_unless_told_otherwise() -> None:
    bound = compute_environment({"PATH": "/bin"}, is_bound=True)
    assert bound == {
        "PATH": "/bin", "OMP_PROC_BIND": "true", "OMP_PLACES": "cores", "GOMP_SPINCOUNT": BOUND_SPINS
    }  # fmt: skip
    assert compute_environment({}, is_bound=False) == {"GOMP_SPINCOUNT": FREE_SPINS}
    for chosen in ({"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "active"}, {"OMP_PROC_BIND": "false"}):
        assert compute_environment(chosen, is_bound=True) == chosen


def test_more_than_the_engine_leaves_on_devices_is_asked_for() -> None:
    assert device_margins(0) == device_margins(1 << 30) == {}
    margins = device_margins(3 << 30)["fit_params_target"]
    assert isinstance(margins, list)
    assert set(margins) == {3 << 30}
    told = Abilities(frozenset({"--fit-target"}))
    assert binary_flags({"fit_params_target": margins}, told) == ["--fit-target", "3072"]


def test_limits_of_pictures_reach_both_kinds_of_engine() -> None:
    spec = EngineSpec(
        model_path=Path("/m.gguf"), projector_paths=(Path("/p.gguf"),), least_image_tokens=40, most_image_tokens=280
    )
    made = bundled(spec, Placement(num_ctx=4))
    assert (made["image_min_tokens"], made["image_max_tokens"]) == (40, 280)
    flags = flags_of(spec, Placement(num_ctx=4), Endpoint(socket=Path("/s")))
    assert flags[flags.index("--image-min-tokens") + 1] == "40"
    assert flags[flags.index("--image-max-tokens") + 1] == "280"
    silent = bundled(EngineSpec(model_path=Path("/m.gguf"), projector_paths=(Path("/p.gguf"),)), Placement(num_ctx=4))
    assert "image_min_tokens" not in silent


HELP = """----- common params -----

-h,    --help, --usage                  print usage and exit
-m,    --model FNAME                    model path to load
-kvu,  --kv-unified, -no-kvu, --no-kv-unified
                                        use single unified KV buffer
--kv-unified-per-slot N                 max context per parallel slot
-lv,   --verbosity, --log-verbosity N   Set the verbosity threshold. Values:
                                         - 1: error
                                         - 2: warning
-lm,   --load-mode MODE                 model loading mode (default: auto)
--slots, --no-slots                     expose slots
--spec-draft-n-max N                    tokens to draft (--draft-min is gone)
--draft, --draft-n, --draft-max N       the argument has been removed. use --spec-draft-n-max or
                                        --spec-ngram-mod-n-max
--draft-min N                           minimum of tokens
"""


def test_what_a_binary_knows_is_what_its_help_lists() -> None:
    told = abilities_told(HELP)
    assert told.is_unified
    assert told.has_levels
    assert {"--model", "--slots", "--no-slots", "--spec-draft-n-max", "--draft-min"} <= told.flags
    assert not {"--draft-max", "--draft", "--spec-ngram-mod-n-max"} & told.flags
    assert not told.guesses
    assert not abilities_told("usage: something else").flags


def test_a_binary_is_told_what_it_knows_by_the_name_it_knows() -> None:
    told = abilities_told(HELP)
    made = engine_parameters(FULL, Placement(num_ctx=100, slots=2), endpoint=HERE, key="secret", cache_bytes=0)
    flags = binary_flags(made, told)
    pairs = dict(pairwise(flags))
    assert pairs["--spec-draft-n-max"] == "5"
    assert pairs["--load-mode"] == "none"
    assert pairs["--kv-unified-per-slot"] == "100"
    assert pairs["--verbosity"] == "2"
    assert "--draft-max" not in flags
    assert "--ctx-size" not in flags
    assert not told.keeps_slots

"""Published files with one thing wrong in the header: refused in words, or made a sound file; never worse."""

import random
import re
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tampu.config import Settings
from tampu.engine.process import start_engine
from tampu.engine.spec import EngineSpec, Placement
from tampu.errors import EngineError, InvalidModelFile
from tampu.gguf.reader import read_header
from tampu.gguf.rewrite import text_fact
from tampu.gguf.soundness import problems
from tampu.gguf.translate.plan import View
from tampu.gguf.translate.planning import holds_projector, projector_view, text_view
from tests.gguf.translate.spoiling import PUBLISHED, Facts, Spoiled, Table, published_file
from tests.published import written

LARGE = "llama3-tokenizer"
"""Its 128,000 tokens take a while to copy, so it is spoiled less often."""
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
        struct.pack("<IIQ3f", 9, 6, 3, 1.5, float("nan"), float("inf")),
        struct.pack("<IIQ3q", 9, 11, 3, -1, 2**62, -(2**62)),
        struct.pack("<IIQ3Q", 9, 10, 3, 2**64 - 1, 0, 2**63),
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
    if header.metadata["general.architecture"] == "clip":
        made = [projector_view(path, header)]
    return [view for view in made if view is not None]


def chance_of(*seed: object) -> random.Random:
    """Chance that is the same in every run."""
    return random.Random(repr(seed))  # noqa: S311  # nothing here is secret


@pytest.mark.parametrize("spoil", SPOILINGS, ids=lambda spoil: spoil.__name__)
@pytest.mark.parametrize("name", PUBLISHED)
def test_one_wrong_thing_is_refused_in_words_or_does_not_matter(name: str, spoil: Spoiling, tmp_path: Path) -> None:
    for seed in range(1 if name == LARGE else 6):
        spoiled = Spoiled(name)
        spoil(chance_of(name, seed), spoiled.facts, spoiled.table)
        path = spoiled.write(tmp_path / "spoiled.gguf")
        start = time.thread_time()
        made = planned(path)
        assert time.thread_time() - start < 1
        assert made != ""
        for view in made if isinstance(made, list) else ():
            assert view.nbytes < 3 * path.stat().st_size + (1 << 16)
            assert list(problems(read_header(written(view, tmp_path / "view.gguf")))) == []


OPTIONAL = {
    # Weights that are those of other tensors where they are missing, biases and scales that need not be.
    "": r"output\.weight|.*\.exp_probs_b\.bias|blk\.\d+\.attn_(q|k|v|qkv)\.bias|.*layer_output_scale\.weight",
    "deepseekocr": r"v\.patch_embd\.weight|v\.pre_layrnorm\..*",
    "gemma3-vision": r"v\.patch_embedding\.bias|v\.position_embedding\.weight|v\.post_layernorm\..*",
    "gemma4": r".*(put_m(ax|in)|attn_[kv]\.weight|_norm\.weight|std_(bias|scale)|per_layer_.*|rope_freqs\.weight)",
    "gemma4-moe": r".*(attn_[kv]\.weight|attn_k_norm\.weight|per_expert_scale|rope_freqs\.weight)",
    "glmocr": r".*(attn_[qk]_norm\.weight|post_ln\.weight|mm\.post_norm\.bias)",
    "llama4": r"v\.layernorm_.*",
    "mistral3": r"v\.encoder_norm\.weight",
    "nemotron_h_moe": r"mtp\..*",
    "nemotron_h_omni": r"(mm\.)?a\..*",
    "qwen25vl": r"v\.merger\.ln_q\.weight",
    "qwen35": r"mtp\..*|v\.merger\.norm\..*",
    "qwen3vl": r"v\.merger\.norm\..*|v\.deepstack_merger\..*bias",
    "snowflake-arctic-embed2": r"token_types\.weight|.*(attn_output|ffn_up|ffn_down)\.bias",
    # Without these they are not known for published files; the engine names what it lacks.
    "gemma3n": r"(per_layer_)?token_embd\.weight",
    "lfm2": r"output_norm\.weight",
}
"""What the engine does without, or says itself; each was tried."""
ALIKE = {"gemma4-sound": "gemma4", "nemotron_h_omni-dense": "nemotron_h_omni", "qwen35moe": "qwen35"}
ALIKE |= {"qwen3vlmoe": "qwen3vl"}


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name not in {LARGE, "llava-mmproj"}])
def test_each_missing_tensor_is_named_before_an_engine_is_started(name: str, tmp_path: Path) -> None:
    spoiled = Spoiled(name)
    table, optional = spoiled.table, "|".join((OPTIONAL[""], OPTIONAL.get(ALIKE.get(name, name), "(?!)")))
    for at, (missing, *_) in enumerate(table):
        spoiled.table = [*table[:at], *table[at + 1 :]]
        made = planned(spoiled.write(tmp_path / "spoiled.gguf"))
        if isinstance(made, str):
            assert f'"{missing}' in made  # perhaps with its ending
        else:
            assert re.fullmatch(optional, missing) or missing.startswith(("a.", "mm.a.fc.")), missing


HEADS, WIDTH, WINDOW = r"|.*\.attention\.head_count_kv", r"|.*\.feed_forward_length", r"|.*\.attention\.sliding_window"
OPTIONAL_KEYS = {
    "": (
        r"(general|tokenizer)\..*|\w+\.(vision\.)?(rope|mm|altup)\..*|.*_token_(id|index)|.*_sections?|.*_pattern"
        r"|.*\.(pooling_type|final_logit_softcapping|expert_(shared_count|weights.*|gating_func|group.*)|head_dim)"
        r"|.*\.(activation_sparsity_scale|decoder_sparse_step|dense_layers|use_qk_norm|full_attention_interval)"
        r"|.*\.(v_head_reordered|norm_top_k_prob|global_attention_indexes|vocab_size|moe_.*)"
        r"|.*\.attention\.((key|value)_length(_mla)?|causal|sink_.*|gating_.*|qk_norm|layer_types|shared_kv_layers"
        r"|chunk_size)"
        r"|.*\.vision\.(num_channels|projector\.scale_factor|.*merge_size|.*patch_size|pixel_shuffle_ratio|window_size"
        r"|(fullatt_block|deepstack_visual)_indexes|image_.*|.*_pixels|.*_num_patches|max_tiles)|.*\.audio\..*"
    ),
    "deepseekocr": HEADS,
    "gemma3-text": WINDOW,
    "gemma3-vision": WINDOW,
    "gemma3n": r"|.*\.embedding_length_per_layer_input",
    "gemma4": HEADS,
    "gemma4-moe": HEADS,
    "glm4moelite": HEADS,
    "gptoss": WIDTH,
    "gptoss-joined": WIDTH,
    "laguna": WINDOW + r"|.*\.expert_shared_feed_forward_length",
    "lfm2": WIDTH,
    "llama4": WIDTH,
    "nemotron_h_moe": r"|.*\.attention\.layer_norm_rms_epsilon",
    "nemotron_h_omni": r"|.*\.attention\.layer_norm_rms_epsilon|.*\.vision\..*",
    "olmo3": HEADS + WINDOW,
    "qwen35": r"|qwen35\.block_count|.*\.vision\.attention\.layer_norm_epsilon",
    "qwen35moe": WIDTH
    + r"|qwen35moe\.block_count|.*\.expert_shared_feed_forward_length|.*\.vision\.attention\.layer_norm_epsilon",
    "qwen3next": WIDTH + r"|.*\.expert_(shared_)?feed_forward_length",
    "qwen3vlmoe": WIDTH,
}
"""What the engine does without, has from a tensor, or says itself; each was tried."""
USUAL = re.compile(r"nemotron_h_omni\.vision\.(block_count|embedding_length|image_size|patch_size)")
"""Without these the sizes are the usual ones, and the tensor that does not go with them is named."""


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name not in {LARGE, "llava-mmproj"}])
def test_each_missing_key_is_named_before_an_engine_is_started(name: str, tmp_path: Path) -> None:
    spoiled = Spoiled(name)
    facts, known = spoiled.facts, name if name in OPTIONAL_KEYS else ALIKE.get(name, name)
    optional = re.compile(OPTIONAL_KEYS[""] + OPTIONAL_KEYS.get(known, ""))
    for at, (missing, _) in enumerate(facts):
        spoiled.facts = [*facts[:at], *facts[at + 1 :]]
        made, key = planned(spoiled.write(tmp_path / "spoiled.gguf")), missing.decode()
        if isinstance(made, str):
            assert key in made or USUAL.fullmatch(key)
        else:
            assert optional.fullmatch(key), key


MISSING = [
    ("glmocr", "glmocr.rope.mrope_section"),
    *(("gemma4", f"gemma4.attention.{key}") for key in ("key_length", "value_length", "head_count_kv")),
    ("gemma4", "gemma4.rope.dimension_count_swa"),
    ("glm4moelite", "glm4moelite.attention.key_length"),
    ("glm4moelite", "glm4moelite.rope.dimension_count"),
    ("qwen35moe", "qwen35moe.expert_shared_feed_forward_length"),
    ("qwen3next", "qwen3next.expert_shared_feed_forward_length"),
    ("nemotron_h_omni", "nemotron_h_omni.vision.patch_size"),
    ("nemotron_h_moe", "nemotron_h_moe.expert_shared_feed_forward_length"),
]


@pytest.mark.parametrize(("name", "key"), MISSING)
def test_a_length_that_nothing_else_tells_is_named(name: str, key: str, tmp_path: Path) -> None:
    spoiled = Spoiled(name)
    spoiled.facts = [(each, value) for each, value in spoiled.facts if each.decode() != key]
    made = planned(spoiled.write(tmp_path / "spoiled.gguf"))
    assert isinstance(made, str)
    assert key in made


def text_list(texts: Iterable[str]) -> bytes:
    written = [struct.pack("<Q", len(text)) + text.encode() for text in texts]
    return struct.pack("<IIQ", 9, 8, len(written)) + b"".join(written)


WRONG: list[tuple[str, str, bytes, str]] = [
    ("gemma4", "gemma4.rope.dimension_count", struct.pack("<II", 4, 7), "even number"),
    ("gemma4", "gemma4.attention.shared_kv_layers", struct.pack("<II", 4, 1), "shared_kv_layers"),
    ("gemma3-text", "gemma3.attention.sliding_window", struct.pack("<II", 4, 2**31 - 1), "must be below"),
    *(
        (name, f"{name}.attention.sliding_window_pattern", fact, words)
        for name in ("laguna", "olmo3")
        for fact, words in (
            (text_fact("odd"), "must be a whole number"),
            (struct.pack("<II", 4, 1), "must be a whole number of 32 bits, not 1"),
            (struct.pack("<IIQ", 9, 7, 0), "must be a list of 4 times"),
            (struct.pack("<IIQ4?", 9, 7, 4, *[False] * 4), "must be true of one block"),
        )
    ),
    ("gemma4", "gemma4.attention.sliding_window_pattern", struct.pack("<II", 4, 2), "must be a list"),
    ("glm4moelite", "glm4moelite.expert_gating_func", struct.pack("<II", 4, 7), "must be from 0 to 4"),
    ("laguna", "laguna.rope.scaling.type", text_fact("odd"), "must be one of"),
    ("llama4", "llama4.rope.dimension_count", struct.pack("<II", 4, 8), "even number"),
    ("nemotron_h_moe", "nemotron_h_moe.expert_group_count", struct.pack("<II", 4, 3), "must divide 4"),
    ("qwen25vl", "qwen25vl.vision.fullatt_block_indexes", struct.pack("<IIQi", 9, 5, 1, 0), "must name blocks"),
    ("qwen25vl", "qwen25vl.vision.attention.head_count", struct.pack("<II", 4, 3), "must divide 32"),
    ("qwen35", "qwen35.full_attention_interval", struct.pack("<II", 4, 2), "tensors of block"),
    ("qwen35", "qwen35.ssm.inner_size", struct.pack("<II", 4, 7), "times"),
    ("glm4moelite", "glm4moelite.expert_used_count", struct.pack("<IIQ3I", 9, 4, 3, 1, 2, 2), "of the first block"),
    ("embeddinggemma", "gemma3.pooling_type", struct.pack("<II", 4, 7), "must be from 0 to 4"),
    ("embeddinggemma", "gemma3.block_count", struct.pack("<II", 4, 5), "tensors of block 5"),
    ("glmocr", "glmocr.attention.head_count_kv", struct.pack("<IIQ3I", 9, 4, 3, 1, 2, 2), "the same for all blocks"),
    ("nemotron_h_omni", "nemotron_h_omni.vision.image_size", struct.pack("<II", 4, 31), "sides of 3 patches"),
    ("gemma3n", "tokenizer.ggml.tokens", struct.pack("<IIQ3I", 9, 4, 3, 1, 2, 3), "list of texts"),
    ("gemma3n", "tokenizer.ggml.tokens", text_list(f"t{at % 483}" for at in range(484)), '"t0" twice, at 0 and 483'),
]


@pytest.mark.parametrize(("name", "key", "fact", "words"), WRONG)
def test_numbers_of_which_the_engine_would_die_are_refused(
    name: str, key: str, fact: bytes, words: str, tmp_path: Path
) -> None:
    spoiled = Spoiled(name)
    spoiled.facts = [(each, fact if each.decode() == key else value) for each, value in spoiled.facts]
    made = planned(spoiled.write(tmp_path / "spoiled.gguf"))
    assert isinstance(made, str)
    assert key in made
    assert words in made


@pytest.mark.parametrize(
    ("name", "tensor", "renamed", "shape"),
    [
        ("gemma4", "v.position_embd.weight", "v.position_embd.weight", (32, 47, 2)),
        ("laguna", "output.weight", "output.bias", (338,)),
    ],
)
def test_tensors_of_which_the_engine_would_die_are_named(
    name: str, tensor: str, renamed: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    spoiled = Spoiled(name)
    spoiled.table = [(renamed, shape, *row[2:]) if row[0] == tensor else row for row in spoiled.table]
    made = planned(spoiled.write(tmp_path / "spoiled.gguf"))
    assert isinstance(made, str)
    assert f'"{renamed}"' in made


ADDED: list[tuple[str, str, bytes, str]] = [
    ("gemma3n", "gemma3n.expert_count", struct.pack("<If", 6, 2), "gemma3n.expert_used_count"),
    ("olmo3", "olmo3.rope.dimension_count", struct.pack("<II", 4, 2), "even number from 16 to 16"),
    ("lfm2", "lfm2.attention.head_count", struct.pack("<IIQ4I", 9, 4, 4, 0, 4, 4, 4), "64 x 64, not 64 x 0"),
    ("glm4moelite", "glm4moelite.attention.key_length", struct.pack("<Ii", 5, -7), "glm4moelite.attention.key_length"),
    ("lfm2", "lfm2.nextn_predict_layers", struct.pack("<II", 4, 1), "lfm2.nextn_predict_layers"),
    ("lfm2", "lfm2.nextn_predict_layers", struct.pack("<II", 4, 7), "lfm2.nextn_predict_layers"),
    ("qwen3next", "qwen3next.attention.recurrent_layers", struct.pack("<II", 4, 1), "recurrent_layers"),
    ("qwen3next", "qwen3next.attention.recurrent_layers", struct.pack("<IIQ3I", 9, 4, 3, 1, 1, 1), "each of 4 blocks"),
    ("glm4moelite", "glm4moelite.attention.temperature_scale", struct.pack("<If", 6, 1), "temperature_length"),
    ("gptoss", "gptoss.expert_used_count", struct.pack("<IIQ4I", 9, 4, 4, 2, 2, 2, 0), "not be 0 for block 3"),
    ("gptoss", "gptoss.attention.key_length_swa", struct.pack("<II", 4, 7), "gptoss.attention.key_length_swa"),
    ("laguna", "laguna.expert_feed_forward_length", struct.pack("<IIQ4I", 9, 4, 4, 0, 32, 32, 32), "64 x 32 x 4, not"),
    ("olmo3", "olmo3.classifier.output_labels", struct.pack("<IIQI", 9, 4, 1, 1), "list of texts"),
]


@pytest.mark.parametrize(("name", "key", "fact", "words"), ADDED)
def test_what_does_not_go_with_a_key_is_named(name: str, key: str, fact: bytes, words: str, tmp_path: Path) -> None:
    spoiled = Spoiled(name)
    spoiled.facts = [*(each for each in spoiled.facts if each[0] != key.encode()), (key.encode(), fact)]
    made = planned(spoiled.write(tmp_path / "spoiled.gguf"))
    assert isinstance(made, str)
    assert words in made


def test_a_length_may_be_written_with_a_point(tmp_path: Path) -> None:
    spoiled, key = Spoiled("glm4moelite"), b"glm4moelite.attention.kv_lora_rank"
    sound = planned(spoiled.write(tmp_path / "sound.gguf"))
    (rank,) = struct.unpack_from("<I", dict(spoiled.facts)[key], 4)
    spoiled.facts = [(each, struct.pack("<If", 6, rank) if each == key else value) for each, value in spoiled.facts]
    made = planned(spoiled.write(tmp_path / "spoiled.gguf"))
    assert isinstance(made, list)
    assert isinstance(sound, list)
    heads = [read_header(written(views[0], tmp_path / "view.gguf")) for views in (sound, made)]
    assert heads[0].metadata == heads[1].metadata


def test_a_whole_number_of_another_width_is_the_same_number(tmp_path: Path) -> None:
    spoiled, key = Spoiled("gemma3-text"), b"gemma3.attention.sliding_window"
    spoiled.facts = [
        (each, struct.pack("<IQ", 10, struct.unpack_from("<I", value, 4)[0]) if each == key else value)
        for each, value in spoiled.facts
    ]
    (view,) = planned(spoiled.write(tmp_path / "spoiled.gguf"))
    assert isinstance(view, View)
    made = read_header(written(view, tmp_path / "view.gguf"))
    assert made.metadata[key.decode()] == read_header(published_file("gemma3-text")).metadata[key.decode()]


@pytest.mark.parametrize("name", [name for name in PUBLISHED if name != LARGE])
def test_planning_takes_no_more_memory_than_the_header(name: str, tmp_path: Path) -> None:
    for seed in range(4):
        spoiled, chance = Spoiled(name), chance_of("memory", name, seed)
        change_number(chance, spoiled.facts, spoiled.table)
        path = spoiled.write(tmp_path / "spoiled.gguf")
        tracemalloc.start()
        try:
            planned(path)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 20 * spoiled.header.data_offset + (4 << 20)


@pytest.mark.anyio
@pytest.mark.parametrize("name", [name for name in PUBLISHED if name not in {LARGE, "llava-mmproj"}])
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

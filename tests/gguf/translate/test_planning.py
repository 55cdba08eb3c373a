"""What is planned for published files: valid files of their own, made of long runs of the stored ones."""

import struct
import time
from contextlib import nullcontext
from pathlib import Path

import gguf
import pytest

from tampu.errors import InvalidModelFile
from tampu.gguf.reader import read_header
from tampu.gguf.soundness import problems
from tampu.gguf.translate.facts import BOOL, U32, array, u32
from tampu.gguf.translate.plan import Computed, Copied
from tampu.gguf.translate.planning import BLOCK, projector_view, text_view
from tests.engine.splitting import split
from tests.gguf.translate.spoiling import Spoiled
from tests.gguf.translate.variants import VARIANTS, Made
from tests.published import NAMES, NATIVE, published_model, views_of, written

VOCABULARY = 260_000
SLOW_TO_READ = {"llama3-tokenizer"}
"""The foreign reader takes a quarter of a minute for its 128,000 tokens."""
TRANSLATED = [name for name in NAMES if any(views_of(name))]


@pytest.mark.parametrize("name", TRANSLATED)
def test_views_are_sound_files_and_are_not_translated_again(name: str, tmp_path: Path) -> None:
    for number, view in enumerate(view for view in views_of(name) if view is not None):
        path = written(view, tmp_path / f"{number}.gguf")
        header = read_header(path)
        assert list(problems(header)) == []
        assert path.stat().st_size == view.nbytes
        assert sum(tensor.nbytes for tensor in header.tensors) == view.weights_bytes
        expected = 0
        for tensor in header.tensors:  # no gaps, in the order of the table
            assert tensor.offset == expected
            expected += tensor.nbytes + -tensor.nbytes % header.alignment
        assert text_view(path, header) is None
        assert projector_view(path, header) is None
        if name not in SLOW_TO_READ:
            assert len(gguf.GGUFReader(path).tensors) == len(header.tensors)


@pytest.mark.parametrize("name", NATIVE)
def test_what_the_engine_reads_is_left_alone(name: str) -> None:
    assert views_of(name) == (None, None)


@pytest.mark.parametrize("name", TRANSLATED)
def test_what_is_copied_lies_in_blocks_as_it_did(name: str) -> None:
    for view in views_of(name):
        if view is not None and isinstance(view.pieces[1], Copied):
            assert view.pieces[0].nbytes % BLOCK == view.pieces[1].start % BLOCK


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_text_is_nearly_all_copied_in_a_few_runs(name: str) -> None:
    text, _ = views_of(name)
    if text is not None:
        assert sum(not isinstance(piece, Computed) for piece in text.pieces) <= 4


@pytest.mark.parametrize("name", ["gptoss", "gemma3-vision", "mistral3", "qwen3vl"])
def test_a_split_model_becomes_the_same_file_as_a_whole_one(name: str, tmp_path: Path) -> None:
    paths = split(published_model(name), tmp_path, 3)
    first, *others = [(path, read_header(path)) for path in paths]
    for planned, whole in zip((text_view, projector_view), views_of(name), strict=True):
        if whole is None:
            continue
        view = planned(*first, others)
        assert view is not None
        made, expected = (contents(written(each, tmp_path / f"{at}.gguf")) for at, each in enumerate((view, whole)))
        assert made == expected
        with pytest.raises(InvalidModelFile, match="is in 3 files, of which 2 are there"):
            planned(*first, others[:1])


def test_experts_may_be_as_wide_as_a_block_without_any(tmp_path: Path) -> None:
    """The engine takes it: a Llama says nothing else of their width."""
    made = Made("llama3-tokenizer")
    for name in [name for name in made.tensors if ".ffn_" in name and "norm" not in name]:
        made.repeat(name, name.replace(".weight", "_exps.weight"), 4)
        if ".ffn_up" in name:
            made.add(name.replace("ffn_up", "ffn_gate_inp"), made.tensors["output_norm.weight"][0][0], 4)
    made.say(expert_count=4, expert_used_count=2)
    path = made.write(tmp_path / "experts.gguf")
    view = text_view(path, read_header(path))
    assert view is not None
    assert view.architecture == "llama"


@pytest.mark.parametrize(("shape", "is_taken"), [((64, 4), True), ((64, 64), True), ((4, 64), False)])
def test_gates_are_for_each_head_or_for_each_number(shape: tuple[int, ...], is_taken: bool, tmp_path: Path) -> None:
    made = Made("laguna")
    assert made.tensors["blk.3.attn_g.weight"][0] == (64, 4)
    made.add("blk.3.attn_g.weight", *shape)
    path = made.write(tmp_path / "gates.gguf")
    with (
        nullcontext()
        if is_taken
        else pytest.raises(InvalidModelFile, match=r"blk.3.attn_g.weight.*4 x 64, not 64 x 64")
    ):
        assert text_view(path, read_header(path)) is not None


def contents(path: Path) -> tuple[dict[str, object], dict[str, object]]:
    """Keys and tensors, in whatever order they stand."""
    header = read_header(path, arrays=True)
    data = path.read_bytes()
    tensors: dict[str, object] = {}
    for tensor in header.tensors:
        start = header.data_offset + tensor.offset
        tensors[tensor.name] = (tensor.shape, tensor.type.label, data[start : start + tensor.nbytes])
    facts = {key: value for key, value in header.metadata.items() if key != "general.tampu.pad"}
    return facts, tensors


def test_files_that_belong_to_no_split_do_not_count(tmp_path: Path) -> None:
    path = published_model("gptoss")
    other = (published_model("olmo3"), read_header(published_model("olmo3")))
    view = text_view(path, read_header(path), [other])
    assert view is not None
    assert view.sources == (path,)


def test_a_large_vocabulary_is_planned_quickly(tmp_path: Path) -> None:
    large = Spoiled("gemma3-vision")
    facts = dict(large.facts)
    texts = b"".join(struct.pack("<Q", 7) + b"%07d" % number for number in range(VOCABULARY))
    facts[b"tokenizer.ggml.tokens"] = struct.pack("<IIQ", 9, 8, VOCABULARY) + texts
    facts[b"tokenizer.ggml.scores"] = struct.pack("<IIQ", 9, 6, VOCABULARY) + bytes(4 * VOCABULARY)
    facts[b"tokenizer.ggml.token_type"] = struct.pack("<IIQ", 9, 5, VOCABULARY) + bytes(4 * VOCABULARY)
    large.facts = list(facts.items())
    path = large.write(tmp_path / "large.gguf")
    header = read_header(path)
    took = []
    for _ in range(3):
        start = time.process_time()
        assert text_view(path, header) is not None
        took.append(time.process_time() - start)
    assert min(took) < 0.15


@pytest.mark.parametrize(
    "facts",
    [
        {"qwen35moe.attention.recurrent_layers": array(BOOL, [True, True, True, False])},
        {"qwen35moe.expert_feed_forward_length": array(U32, [96] * 4)},
        {"qwen35moe.expert_used_count": array(U32, [2, 2, 2, 2])},
        {"qwen35moe.attention.sliding_window": u32(2**32 - 1)},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_what_the_engine_takes_is_planned(facts: dict[str, bytes], tmp_path: Path) -> None:
    made = VARIANTS["qwen35moe"]()
    made.facts |= facts
    path = made.write(tmp_path / "made.gguf")
    assert text_view(path, read_header(path)) is not None


PLACES = [
    ("llama4", "v.positional_embedding_vlm", "v.position_embd.weight"),
    ("deepseekocr", "s.position_embd", "v.sam.pos_embd.weight"),
    ("deepseekocr", "s.blk.11.attn.rel_pos_h", "v.sam.blk.11.attn.pos_h.weight"),
]


@pytest.mark.parametrize(("name", "stored", "made"), PLACES)
def test_places_in_halves_are_widened_for_an_engine_that_only_adds_singles(
    name: str, stored: str, made: str, tmp_path: Path
) -> None:
    spoiled = Spoiled(name)
    spoiled.table = [(each, shape, 1 if each == stored else kind, at) for each, shape, kind, at in spoiled.table]
    path = spoiled.write(tmp_path / "halves.gguf")
    view = projector_view(path, read_header(path))
    assert view is not None
    assert {each.type.label for each in view.tensors if each.name == made} == {"F32"}


MISFITS = [
    ("s.patch_embd.weight", (16, 8, 3, 16), "16 x 16 x 3 x 16"),
    ("s.net_3.weight", (3, 3, 16, 16), "3 x 3 x 16 x 32"),
    ("mm.layers.weight", (32, 64), "64 x 64"),
]


@pytest.mark.parametrize(("name", "shape", "wanted"), MISFITS)
def test_two_encoders_in_a_row_fit_each_other(name: str, shape: tuple[int, ...], wanted: str, tmp_path: Path) -> None:
    spoiled = Spoiled("deepseekocr")
    spoiled.table = [(each, shape if each == name else old, kind, at) for each, old, kind, at in spoiled.table]
    path = spoiled.write(tmp_path / "misfit.gguf")
    with pytest.raises(InvalidModelFile, match=f"{name}.*not {wanted}"):
        projector_view(path, read_header(path))


def test_an_encoder_in_front_of_the_other_has_all_of_its_blocks(tmp_path: Path) -> None:
    spoiled, key = Spoiled("deepseekocr"), b"deepseekocr.sam.block_count"
    spoiled.facts = [(each, u32(2) if each == key else value) for each, value in spoiled.facts]
    path = spoiled.write(tmp_path / "fewer.gguf")
    with pytest.raises(InvalidModelFile, match=f"{key.decode()}.* is 2, but there are tensors of block 11"):
        projector_view(path, read_header(path))


UNHEARD = [
    ("embedding_length", 64, "has the shape .* not .*64"),
    ("attention.head_count", 3, "gemma4.audio.attention.head_count.* must divide 32"),
    ("attention.head_count", 4, "per_dim_scale.weight.* not 8"),
]


@pytest.mark.parametrize(("key", "number", "words"), UNHEARD)
def test_heads_that_hear_make_up_their_width(key: str, number: int, words: str, tmp_path: Path) -> None:
    made = VARIANTS["gemma4-sound"]()
    made.say(**{f"audio.{key}": number})
    path = made.write(tmp_path / "sound.gguf")
    with pytest.raises(InvalidModelFile, match=words):
        projector_view(path, read_header(path))


def test_every_tensor_that_hears_is_held_to_its_shape(tmp_path: Path) -> None:
    tensors = VARIANTS["gemma4-sound"]().tensors
    for name in [name for name in tensors if name.startswith(("a.", "mm.a."))]:
        made = VARIANTS["gemma4-sound"]()
        shape = tensors[name][0]
        made.add(name, *shape[:-1], shape[-1] + 1)
        path = made.write(tmp_path / "sound.gguf")
        with pytest.raises(InvalidModelFile, match="has the shape"):
            projector_view(path, read_header(path))

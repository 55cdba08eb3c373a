import gzip
import os
import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tampu.errors import InvalidModelFile
from tampu.gguf.footprint import footprint
from tampu.gguf.header import ArraySummary
from tampu.gguf.metadata import facts_of
from tampu.gguf.reader import MAX_SHORT_ITEMS, MAX_STRING_BYTES, NOT_GGUF, read_header
from tampu.gguf.soundness import problems
from tests.fakes.gguf_files import GgufFile, Tensor, Typed, small_model
from tests.recordings import GOLDEN, recorded_bytes, recording

MALFORMED = {case["name"]: case for case in recording("gguf/malformed.json")}
MODELS = sorted(path.name.removesuffix(".gz") for path in (GOLDEN / "models").glob("*.gguf.gz"))


@pytest.fixture
def write(tmp_path):
    def write(data):
        path = tmp_path / "model.gguf"
        path.write_bytes(data.build() if isinstance(data, GgufFile) else data)
        return path

    return write


def refusal(path):
    with pytest.raises(InvalidModelFile) as refused:
        read_header(path)
    return refused.value.message


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_read_or_refused_as_recorded(name, write):
    shown = MALFORMED[name]["stored"]["show"]
    path = write(recorded_bytes("gguf/" + MALFORMED[name]["file"]))
    if shown["status"] == 200:
        metadata = read_header(path).metadata
        info = shown["body"]["model_info"]
        assert {key: metadata[key] for key in info if key != "general.parameter_count"} == {
            key: value for key, value in info.items() if key != "general.parameter_count"
        }
        return
    expected = shown["body"][0]["error"]
    assert refusal(path).startswith(NOT_GGUF if expected == "invalid file magic" else expected)


@pytest.mark.parametrize("name", MODELS)
def test_sound_models_are_read(name, write):
    header = read_header(write(recorded_bytes(f"models/{name}")))
    assert header.version == 3
    assert header.tensors
    assert header.data_offset % header.alignment == 0
    assert isinstance(header.metadata["general.architecture"], str)


def test_values_of_every_type(write):
    values = {
        "a.uint8": Typed("uint8", 200),
        "a.int8": Typed("int8", -3),
        "a.uint16": Typed("uint16", 65535),
        "a.int16": Typed("int16", -300),
        "a.uint32": Typed("uint32", 2**32 - 1),
        "a.int32": Typed("int32", -(2**31)),
        "a.uint64": Typed("uint64", 2**64 - 1),
        "a.int64": Typed("int64", -(2**63)),
        "a.float64": Typed("float64", 0.1),
        "a.float32": Typed("float32", 1e-5),
        "a.bool": True,
        "a.string": "gr\u00fc\u00dfe",
        "a.empty": "",
    }
    metadata = read_header(write(GgufFile(metadata=list(values.items())))).metadata
    assert metadata == {key: value.value if isinstance(value, Typed) else value for key, value in values.items()}


def test_text_that_is_no_utf8_is_replaced(write):
    metadata = read_header(write(GgufFile(metadata=[("a.b", b"x\xffy")]))).metadata
    assert metadata == {"a.b": "x\ufffdy"}


def test_arrays_are_summaries_unless_short_or_asked_for(write):
    long = [1.5] * (MAX_SHORT_ITEMS + 1)
    path = write(
        GgufFile(metadata=[("a.words", ["x", "y", ""]), ("a.long", long), ("a.short", [1, 2]), ("a.none", [])])
    )
    assert read_header(path).metadata == {
        "a.words": ArraySummary("string", 3),
        "a.long": ArraySummary("float32", MAX_SHORT_ITEMS + 1),
        "a.short": [1, 2],
        "a.none": [],
    }
    assert read_header(path, arrays=True).metadata == {
        "a.words": ["x", "y", ""],
        "a.long": long,
        "a.short": [1, 2],
        "a.none": [],
    }


def test_what_follows_a_skipped_array_is_read(write):
    words = ["x" * (index % 40) for index in range(60_000)]  # more than one window of the reader
    path = write(GgufFile(metadata=[("a.words", words), ("a.numbers", [7] * 300_000), ("a.last", "here")]))
    assert read_header(path).metadata["a.last"] == "here"
    assert read_header(path, arrays=True).metadata["a.words"] == words


def test_tensors_and_their_sizes(write):
    header = read_header(write(small_model()))
    first, second = header.tensors
    assert (first.name, first.shape, first.type.label, first.offset, first.nbytes) == (
        "token_embd.weight",
        (32, 3),
        "F32",
        0,
        384,
    )
    assert (second.element_count, second.offset) == (1024, 384)
    assert header.data_offset + second.offset + second.nbytes == header.file_bytes


def test_big_endian_files_are_read(write):
    file = GgufFile(magic=b"FUGG", order=">", metadata=[("a.n", 5), ("a.l", [1, 2])], tensors=[Tensor("t", (8,))])
    header = read_header(write(file))
    assert header.byte_order == "big"
    assert header.metadata == {"a.n": 5, "a.l": [1, 2]}
    assert header.tensors[0].shape == (8,)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", NOT_GGUF),
        (b"GGU", NOT_GGUF),
        (b"GGUF", "EOF"),
        (b"GGUF\x03", "unexpected EOF"),
        (b"lmgg" + bytes(40), NOT_GGUF),
        (b"tjgg" + bytes(40), NOT_GGUF),
        (b"algg" + bytes(40), NOT_GGUF),
        (GgufFile(metadata_count=1), "unexpected EOF"),
        (GgufFile(tensor_count=1), "failed to read tensor name: unexpected EOF"),
        (GgufFile(metadata=[("a.b", Typed("raw", (9, struct.pack("<IQ", 9, 1))))]), "invalid array type: 9"),
        (GgufFile(metadata=[("a.b", Typed("raw", (9, struct.pack("<IQ", 4, 1000))))]), "unexpected EOF"),
        (GgufFile(metadata=[("a.b", Typed("raw", (13, b"")))]), "invalid type: 13"),
        (GgufFile(metadata=[("general.alignment", 0)]), "invalid GGUF alignment: 0"),
        (GgufFile(tensors=[Tensor("t", (33,), type=2)]), 'tensor "t" size overflow'),
        (GgufFile(tensors=[Tensor("t", (32,), type=4)]), 'tensor "t" size overflow'),
        (GgufFile(tensors=[Tensor("t", (2**62, 4), nbytes=0)]), 'tensor "t" elements overflow'),
        (GgufFile(tensors=[Tensor("t", (2**62, 4, 0), nbytes=0)]), 'tensor "t" elements overflow'),
        (GgufFile(tensors=[Tensor("t", (2**63,), nbytes=0)]), 'tensor "t" size overflow'),
        (GgufFile(tensors=[Tensor("t", (8,), offset=2**64 - 32, nbytes=0)]), 'tensor "t" offset+size overflows'),
    ],
)
def test_broken_files_are_refused_in_words(file, message, write):
    assert refusal(write(file)) == message


def test_a_tensor_that_ends_one_byte_behind_the_file(write):
    data = GgufFile(tensors=[Tensor("t", (8,))]).build()
    assert read_header(write(data)).file_bytes == len(data)
    assert refusal(write(data[:-1])) == f'tensor "t" offset+size ({len(data)}) exceeds file size ({len(data) - 1})'


def test_repeated_keys_keep_the_first_value(write):
    header = read_header(write(GgufFile(metadata=[("a.b", 1), ("a.b", 2)])))
    assert header.metadata == {"a.b": 1}
    assert header.repeated_keys == ("a.b",)


def test_a_file_may_be_big_endian_under_the_usual_magic(write):
    assert "big-endian" in refusal(write(GgufFile(order=">", metadata=[("a.b", 1)])))


def test_pipes_devices_and_folders_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        assert "regular file" in refusal(path)
    if Path("/dev/zero").exists():
        assert "regular file" in refusal(Path("/dev/zero"))


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "none.gguf")


def test_a_link_to_a_model_is_read(tmp_path, write):
    link = tmp_path / "link"
    link.symlink_to(write(small_model()))
    assert read_header(link).tensors


def test_a_lie_about_sizes_costs_no_memory(tmp_path):
    # A sparse file really has the bytes that its header claims, so that only the caps stand between it and the memory.
    path = tmp_path / "sparse.gguf"
    claims = [
        Typed("raw", (8, struct.pack("<Q", MAX_STRING_BYTES + 1))),
        Typed("raw", (9, struct.pack("<IQ", 8, 60 << 20))),
        Typed("raw", (9, struct.pack("<IQ", 9, 60 << 20))),
    ]
    for claim in claims:
        path.write_bytes(GgufFile(metadata=[("a.b", claim)]).build())
        os.truncate(path, 2 << 30)
        tracemalloc.start()
        assert refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
        tracemalloc.stop()


def test_texts_are_bounded_in_all(tmp_path):
    big = "x" * (12 << 20)
    path = tmp_path / "texts.gguf"
    path.write_bytes(GgufFile(metadata=[(f"a.{index}", big) for index in range(6)]).build())
    assert "texts exceed" in refusal(path)


def test_a_large_vocabulary_is_stepped_over(tmp_path):
    words = [f"token{index}" for index in range(260_000)]
    path = GgufFile(metadata=[("tokenizer.ggml.tokens", words)]).write(tmp_path / "vocabulary.gguf")
    started = time.process_time()
    skipped = read_header(path)
    skipping = time.process_time() - started
    started = time.process_time()
    read_header(path, arrays=True)
    assert skipped.metadata == {"tokenizer.ggml.tokens": ArraySummary("string", 260_000)}
    # A ratio, since this must hold on any machine: stepping over is much cheaper than reading.
    assert skipping < (time.process_time() - started) / 2


SMALL_FILES = [
    small_model().build(),
    GgufFile(
        metadata=[("general.architecture", "x"), ("x.list", [1, 2, 3]), ("x.words", ["a", "b"]), ("x.f", 0.5)],
        tensors=[Tensor("a", (4, 2)), Tensor("b", (32,), type=2, nbytes=18)],
    ).build(),
]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), original=st.sampled_from(SMALL_FILES))
def test_any_change_of_any_byte_is_read_or_refused(data, original, tmp_path):
    changed = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(
            st.sampled_from((0, 1, 4, 8, 9, 127, 128, 255))
        )
    check_survives(bytes(changed[: data.draw(st.integers(0, len(changed)))]), tmp_path)


@pytest.mark.parametrize("name", MODELS[:3])
def test_flipped_bytes_of_real_files(name, tmp_path):
    original = gzip.decompress((GOLDEN / "models" / f"{name}.gz").read_bytes())
    path = tmp_path / "m.gguf"
    path.write_bytes(original)
    head = read_header(path).data_offset
    for index in range(0, head, max(1, head // 150)):
        for value in (0x00, 0x7F, 0xFF):
            check_survives(original[:index] + bytes([value]) + original[index + 1 :], tmp_path)


def check_survives(data, folder):
    path = folder / "changed.gguf"
    path.write_bytes(data)
    try:
        header = read_header(path, arrays=True)
    except InvalidModelFile:
        return
    assert all(header.data_offset + tensor.offset + tensor.nbytes <= len(data) for tensor in header.tensors)
    assert facts_of(header).parameter_count >= 0
    assert footprint(header).kv_bytes_per_token >= 0
    assert all(problems(header))


@given(st.floats(width=32, allow_nan=False))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_floats_have_the_fewest_digits_that_name_them(tmp_path_factory, number):
    path = tmp_path_factory.getbasetemp() / "float.gguf"
    path.write_bytes(GgufFile(metadata=[("a.b", number)]).build())
    read = read_header(path).metadata["a.b"]
    assert struct.pack("<f", read) == struct.pack("<f", number)
    assert len(repr(read)) <= len(repr(number))

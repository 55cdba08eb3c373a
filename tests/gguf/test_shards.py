import pytest

from tampu.errors import InvalidModelFile
from tampu.gguf.reader import read_header
from tampu.gguf.shards import Shard, check_shards, is_split, join_headers, shard_of
from tests.fakes.gguf_files import GgufFile, Tensor


@pytest.fixture
def headers(tmp_path):
    def headers(files):
        return {name: read_header(_part(*part).write(tmp_path / "part.gguf")) for name, part in files.items()}

    return headers


def _part(number, count):
    metadata = [("split.no", number), ("split.count", count)]
    return GgufFile(metadata=[item for item in metadata if item[1] is not None])


def test_names_of_shards():
    shard = shard_of("/a/b/x-00002-of-00003.gguf")
    assert shard == Shard("x", 1, 3)
    assert shard.file_names == ("x-00001-of-00003.gguf", "x-00002-of-00003.gguf", "x-00003-of-00003.gguf")
    assert shard_of("x.gguf") is None
    assert shard_of("x-1-of-3.gguf") is None
    assert shard_of("x-00001-of-00003.bin") is None


def test_a_whole_set_comes_in_order(headers):
    files = headers({"x-00002-of-00002.gguf": (1, 2), "x-00001-of-00002.gguf": (0, 2)})
    assert all(map(is_split, files.values()))
    assert check_shards(files) == ("x-00001-of-00002.gguf", "x-00002-of-00002.gguf")


def test_a_file_of_its_own_is_not_split(headers):
    assert not is_split(headers({"x.gguf": (None, None)})["x.gguf"])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a-00001-of-00002.gguf": (0, 2)}, 'split GGUF "a-00001-of-00002.gguf" has 1 shards, expected 2'),
        ({"x.gguf": (0, 2)}, 'split GGUF "x.gguf" must use llama.cpp split filename pattern'),
        (
            {"x-00001-of-00003.gguf": (0, 2)},
            'split GGUF "x-00001-of-00003.gguf" filename count 3 does not match metadata count 2',
        ),
        (
            {"x-00002-of-00002.gguf": (0, 2)},
            'split GGUF "x-00002-of-00002.gguf" filename index 1 does not match metadata index 0',
        ),
        ({"x-00001-of-00002.gguf": (None, 2)}, 'split GGUF "x-00001-of-00002.gguf" is missing split.no metadata'),
        ({"x-00003-of-00002.gguf": (2, 2)}, 'split GGUF "x-00003-of-00002.gguf" has invalid shard index 2'),
        ({"a-00001-of-00002.gguf": (0, 2), "b-00001-of-00002.gguf": (0, 2)}, "split GGUF has duplicate shard index 0"),
    ],
)
def test_sets_that_are_not_whole(headers, files, message):
    with pytest.raises(InvalidModelFile) as refused:
        check_shards(headers(files))
    assert refused.value.message == message


def test_parts_join_to_one_header(headers, tmp_path):
    metadata = [("general.architecture", "x"), ("x.split.no", 0), ("split.count", 2), ("split.tensors.count", 2)]
    first = GgufFile(metadata=metadata, tensors=[Tensor("a", (8,))]).write(tmp_path / "first")
    second = GgufFile(metadata=[("split.no", 1), ("split.count", 2)], tensors=[Tensor("b", (8,))]).write(tmp_path / "2")
    joined = join_headers([read_header(first), read_header(second)])
    assert joined.metadata == {"general.architecture": "x"}
    assert [tensor.name for tensor in joined.tensors] == ["a", "b"]
    assert joined.file_bytes == first.stat().st_size + second.stat().st_size


def test_files_that_are_no_parts_do_not_join(tmp_path):
    header = read_header(GgufFile(tensors=[Tensor("a", (8,))]).write(tmp_path / "m"))
    assert join_headers([header, header]) is header

import pytest

from tampu.errors import InvalidModelfile
from tampu.modelfile.files import files_of, locate, resolve, resolve_all

ZIP = b"PK\x03\x04rest"
WEIGHTS = b"GGUF\x03\x00\x00\x00"


@pytest.fixture
def made(tmp_path):
    def made(files, links=()):
        root = tmp_path / "model"
        root.mkdir()
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        for name, target in links:
            (root / name).symlink_to(target)
        return root

    return made


def names(root):
    return [str(path.relative_to(root.resolve())) for path in files_of(root)]


def test_paths_are_relative_to_the_modelfile(tmp_path, monkeypatch):
    (tmp_path / "m.gguf").write_bytes(WEIGHTS)
    monkeypatch.setenv("HOME", str(tmp_path))
    for argument in ("m.gguf", "./m.gguf", str(tmp_path / "m.gguf"), "~/m.gguf"):
        assert resolve(argument, tmp_path).samefile(tmp_path / "m.gguf")
    assert locate("m.gguf", tmp_path) == tmp_path / "m.gguf"


@pytest.mark.parametrize("argument", ["", "llama3", "~nobody-of-that-name/x", "x\0y", "x" * 10_000, "hf.co/a/b:c"])
def test_what_is_no_path_is_a_name(argument, tmp_path):
    assert resolve(argument, tmp_path) is None


def test_a_pattern_stands_for_all_that_it_matches(made, monkeypatch):
    root = made({"b.gguf": WEIGHTS, "a.gguf": WEIGHTS, "c.bin": WEIGHTS, "odd[1].gguf": WEIGHTS})
    monkeypatch.setenv("HOME", str(root))
    found = [root / "a.gguf", root / "b.gguf"]
    for argument in ("[ab].gguf", "./?.gguf", str(root / "[ab]*.gguf"), "~/[ab]*.gguf"):
        assert resolve_all(argument, root) == found
    assert resolve_all("odd[1].gguf", root) == [root / "odd[1].gguf"]
    assert resolve_all("llama3", root) == []
    with pytest.raises(InvalidModelfile, match="no file matches x"):
        resolve_all("x*.gguf", root)


def test_one_part_of_a_split_model_stands_for_all(made):
    parts = ["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"]
    others = ["m-00001-of-00003.gguf", "n-00001-of-00002.gguf", "m.gguf"]
    root = made(dict.fromkeys([parts[0], *others, "store/blob"], WEIGHTS), links=[(parts[1], "store/blob")])
    for part in parts:
        assert files_of(root / part) == [root / name for name in parts]


def test_a_file_is_itself(made):
    root = made({"m.gguf": WEIGHTS})
    assert files_of(root / "m.gguf") == [(root / "m.gguf").resolve()]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"b.gguf": WEIGHTS, "a.gguf": WEIGHTS, "readme.md": b"x"}, ["a.gguf", "b.gguf"]),
        ({"model.safetensors": b"x", "a.gguf": WEIGHTS}, ["model.safetensors"]),
        (
            {"model-2.safetensors": b"x", "model-1.safetensors": b"x", "2_Dense/model.safetensors": b"x"},
            ["model-1.safetensors", "model-2.safetensors", "2_Dense/model.safetensors"],
        ),
        ({"consolidated.00.safetensors": b"x", "pytorch_model.bin": ZIP}, ["consolidated.00.safetensors"]),
        ({"pytorch_model.bin": ZIP, "other.bin": WEIGHTS}, ["pytorch_model.bin"]),
        ({"pytorch_model.bin": WEIGHTS}, ["pytorch_model.bin"]),
        ({"consolidated.00.pth": ZIP}, ["consolidated.00.pth"]),
        ({"a.gguf": b"just text", "b.gguf": WEIGHTS, "c.bin": WEIGHTS}, ["c.bin"]),
        (
            {
                "model.safetensors": b"x",
                "config.json": b"{}",
                "1_Pooling/config.json": b"{}",
                "deep/er/config.json": b"{}",
                "chat_template.jinja": b"{{ x }}",
                "tokenizer.model": b"\x00\x01",
                "notes.txt": b"x",
            },
            ["model.safetensors", "config.json", "1_Pooling/config.json", "chat_template.jinja", "tokenizer.model"],
        ),
    ],
)
def test_the_files_of_a_folder(made, files, found):
    assert names(made(files)) == found


@pytest.mark.parametrize(
    "files", [{}, {"config.json": b"{}"}, {"a.gguf": b"text"}, {"adapter_model.safetensors": b"x", "a.json": b"{}"}]
)
def test_a_folder_without_weights(made, files):
    with pytest.raises(InvalidModelfile, match="no Modelfile or safetensors files found"):
        files_of(made(files))


def test_json_that_is_no_text(made):
    root = made({"model.safetensors": b"x", "extra.json": b"\x00\x01"})
    with pytest.raises(InvalidModelfile) as refused:
        files_of(root)
    expected = f"invalid content type: expected application/octet-stream for {root / 'extra.json'}"
    assert refused.value.message == expected


def test_links_inside_are_followed_and_broken_ones_ignored(made):
    links = [("model.safetensors", "data/weights.bin"), ("model-2.safetensors", "nowhere")]
    root = made({"data/weights.bin": WEIGHTS}, links)
    assert names(root) == ["data/weights.bin"]


def test_links_out_of_the_folder_are_refused(made, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "w.safetensors").write_bytes(b"x")
    root = made({"config.json": b"{}"}, [("model.safetensors", "../out/w.safetensors")])
    with pytest.raises(InvalidModelfile) as refused:
        files_of(root)
    assert refused.value.message == "insecure path: ../out/w.safetensors"


def test_links_into_a_cache_get_a_hint(made, tmp_path):
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "w").write_bytes(b"x")
    root = made({}, [("model.safetensors", "../.cache/w")])
    with pytest.raises(InvalidModelfile, match="\n\nUse --local-dir <dir> when downloading model to disable caching"):
        files_of(root)

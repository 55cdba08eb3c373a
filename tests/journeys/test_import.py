"""Models that people have already, in a hub's cache or another runner's folder: listed and run where they lie."""

import os
import shutil
from pathlib import Path

import gguf
import pytest

from tests.journeys.conftest import Served, serving, wait_until
from tests.models import scripted_model

RED, BLUE = scripted_model([" red", " green"]), scripted_model([" blue"])


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A hub's cache with links to blobs, and a runner's folder with a split model."""
    hub = tmp_path / "cache/models--Some--Tiny-GGUF"
    for path in (hub / "blobs", hub / "snapshots/0f3e", tmp_path / "runner/maker/Blue"):
        path.mkdir(parents=True)
    shutil.copy(RED, hub / "blobs/0123")
    (hub / "snapshots/0f3e/tiny-Q4_0.gguf").symlink_to("../../blobs/0123")
    split(BLUE, tmp_path / "runner/maker/Blue")
    return tmp_path


def split(model: Path, folder: Path) -> None:
    """The model in two files: the output matrix in the second one."""
    reader = gguf.GGUFReader(model)
    for number in (1, 2):
        writer = gguf.GGUFWriter(folder / f"Blue-Q8_0-{number:05}-of-00002.gguf", "llama")
        tensors = [tensor for tensor in reader.tensors if (tensor.name == "output.weight") == (number == 2)]
        for field in reader.fields.values() if number == 1 else ():
            if not field.name.startswith("GGUF.") and field.name != "general.architecture":
                inner = field.types[-1] if len(field.types) > 1 else None
                writer.add_key_value(field.name, field.contents(), field.types[0], inner)
        writer.add_uint16("split.no", number - 1)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", len(reader.tensors))
        for tensor in tensors:
            writer.add_tensor(tensor.name, tensor.data)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def names(served: Served) -> list[str]:
    return sorted(model["name"] for model in served.ask("/api/tags", method="GET")["models"])


def say(served: Served, model: str) -> str:
    answer = served.ask("/api/generate", {"model": model, "prompt": "Hi", "stream": False})
    return str(answer["response"]).strip()


def test_the_folders_of_the_setting_are_models(elsewhere: Path) -> None:
    home = elsewhere / "home"
    setting = os.pathsep.join([str(elsewhere / "cache"), str(elsewhere / "runner"), str(elsewhere / "nowhere")])
    with serving(home, TAMPU_IMPORT=setting) as served:
        wait_until(lambda: len(names(served)) == 2)
        assert names(served) == ["blue:q8_0", "hf.co/Some/Tiny-GGUF:Q4_0"]
        assert "hf.co/Some/Tiny-GGUF:Q4_0" in served.command("list").stdout
        assert served.command("run", "hf.co/some/tiny-gguf:q4_0", "Hi").stdout.strip() == "red green"
        assert say(served, "blue:q8_0") == "blue"
        assert served.command("rm", "blue:q8_0").returncode == 0
    assert len(list((elsewhere / "runner/maker/Blue").iterdir())) == 2
    with serving(home, TAMPU_IMPORT=setting) as served:
        wait_until(lambda: "no such folder" in served.log)  # the last one: the others have been looked at
        assert names(served) == ["hf.co/Some/Tiny-GGUF:Q4_0"]
        assert "importing" not in served.log


def test_a_folder_is_imported_by_command(elsewhere: Path) -> None:
    with serving(elsewhere / "home") as served:
        done = served.command("import", str(elsewhere))
        assert done.returncode == 0, done.stderr
        assert names(served) == ["blue:q8_0", "hf.co/Some/Tiny-GGUF:Q4_0"]
        assert say(served, "blue:q8_0") == "blue"

"""The settings file: which one counts, what its keys mean, and the words for what is wrong with it."""

import os
import sys
from pathlib import Path

import pytest

from tampu.config import FileSettings, ModelSettings, Settings
from tampu.config.file import MOST_BYTES, settings_in
from tampu.errors import ConfigError
from tampu.secret import Secret
from tampu.units import FOREVER, KeepAlive

FROM_NOTES = """
models:
  - name: deepseek-r1
    path: /data/models/deepseek-r1.gguf
    gpu: true
  - name: mistral
    path: /data/models/mistral.gguf
    gpu: false
server:
  host: 0.0.0.0
  port: 11500
  max_conns: 100
"""


def put(home: Path, text: str, name: str = ".ollama/config.yml") -> Path:
    file = home / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def read(home: Path, text: str | None = None, **variables: str) -> Settings:
    if text is not None:
        put(home, text)
    return Settings.read({"HOME": str(home), **variables})


def test_the_shape_of_notes_works_as_it_stands(tmp_path: Path) -> None:
    settings = read(tmp_path, FROM_NOTES)
    assert settings.address.url == "http://0.0.0.0:11500"
    assert settings.max_connections == 100
    assert [(model.name, str(model.path), model.options) for model in settings.models] == [
        ("deepseek-r1:latest", "/data/models/deepseek-r1.gguf", {}),
        ("mistral:latest", "/data/models/mistral.gguf", {"num_gpu": 0}),
    ]
    assert settings.of_model("Mistral:Latest").gpu is False
    assert settings.of_model("other:latest") == ModelSettings(name="other:latest")


def test_all_that_can_be_said_of_a_model(tmp_path: Path) -> None:
    text = """
models:
  - {name: "qwen3:4b", gpu: 1, gpu_layers: 20, context_length: 8192, parallel: 2, keep_alive: -1, kv_cache_type: Q8_0,
     flash_attention: auto, threads: 4, batch_size: 256, mmap: no, speculation: on, path: }
"""
    model = read(tmp_path, text).of_model("qwen3:4b")
    assert model.options == {
        "main_gpu": 1, "num_gpu": 20, "num_ctx": 8192, "num_thread": 4, "num_batch": 256, "use_mmap": False,
    }  # fmt: skip
    assert (model.parallel, model.keep_alive, model.kv_cache_type) == (2, FOREVER, "q8_0")
    assert (model.flash_attention, model.speculation, model.path) == (None, True, None)


def test_a_variable_goes_before_the_file_and_a_flag_before_both(tmp_path: Path) -> None:
    text = "limits: {keep_alive: 1h, max_queue: 7}\nserver: {host: 1.2.3.4, port: 5}\n"
    settings = read(tmp_path, text, OLLAMA_KEEP_ALIVE="2h", OLLAMA_MAX_QUEUE="", OLLAMA_HOST="127.0.0.1:99")
    assert settings.keep_alive == KeepAlive.of_text("2h")
    assert settings.max_queue == 7
    assert settings.address.url == "http://127.0.0.1:99", "the file's port belongs to the file's host"
    file = tmp_path / ".ollama/config.yml"
    assert settings.sources == {
        "keep_alive": "environment OLLAMA_KEEP_ALIVE",
        "max_queue": f"{file}:1",
        "address": "environment OLLAMA_HOST",
        "config_file": "the default place",
    }
    flagged = Settings.read({"HOME": str(tmp_path), "OLLAMA_KEEP_ALIVE": "2h"}, {"keep_alive": "3h"})
    assert flagged.keep_alive == KeepAlive.of_text("3h")


def test_the_port_alone_keeps_the_usual_host(tmp_path: Path) -> None:
    assert read(tmp_path, "server: {port: 5}").address.url == "http://127.0.0.1:5"
    assert read(tmp_path, "server: {host: 'https://x.example', port: 5}").address.url == "https://x.example:5"


def test_values_of_every_shape(tmp_path: Path) -> None:
    text = """
server: {origins: ["https://A.example", "app://*"], debug: yes, registry: off}
downloads:
  mirrors: {Hub.example: ["http://m.example/", "http://n.example"], other: http://o.example}
  limit_rate: 5M
storage: {import: [/a, ~/b]}
engine: {flash_attention: auto, translate_layouts: false}
keys: {registry: open sesame}
terminal:
"""
    settings = read(tmp_path, text)
    assert settings.origins == ("https://a.example", "app://*")
    assert settings.log_level == 1
    assert settings.mirrors == {
        "hub.example": ("http://m.example", "http://n.example"),
        "other": ("http://o.example",),
    }
    assert settings.limit_rate == 5 << 20
    assert settings.import_folders == (Path("/a"), Path.home() / "b")
    assert (settings.flash_attention, settings.translates) == (None, False)
    assert settings.registry_key == Secret("open sesame")


def test_the_other_name_of_the_models_folder() -> None:
    assert Settings.read({"OLLAMA_MODELS_PATH": "/m"}).models_folder == Path("/m")
    assert Settings.read({"OLLAMA_MODELS_PATH": "/m", "OLLAMA_MODELS": "/n"}).models_folder == Path("/n")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("server:\n  hots: a", "line 2: unknown key 'server.hots'; did you mean 'server.host'?"),
        ("\nkeep_alive: 5m", "line 2: unknown key 'keep_alive'; did you mean 'limits.keep_alive'?"),
        ("OLLAMA_HOST: a", "line 1: unknown key 'OLLAMA_HOST'; here OLLAMA_HOST is 'server.host'"),
        ("models:\n- nmae: x", "line 2: unknown key 'models[].nmae'; did you mean 'models[].name'?"),
        ("wholly_different_thing: 1", "line 1: unknown key 'wholly_different_thing'"),
        (
            "limits:\n  max_queue: many",
            "line 2: limits.max_queue: 'many' is not allowed; allowed is a whole number, 0 or",
        ),
        ("limits: {max_queue: [1]}", "limits.max_queue: a list is not allowed: one value is expected; allowed is"),
        ("limits: {keep_alive: 5x}", "limits.keep_alive: '5x' is not allowed; allowed is a duration"),
        ("limits: 5", "line 1: limits is a section; its keys stand below it: keep_alive"),
        ("server: {port: 70000}", "server.port: '70000' is not allowed; allowed is a whole number from 1 to 65535"),
        ("server: {host: 'a:b'}", "server.host: 'a:b' is not allowed: 'b' is no port"),
        ("server: {registry: maybe}", "server.registry: 'maybe' is not allowed; allowed is true or false"),
        ("server: {origins: [ftp://x]}", "server.origins: a list is not allowed: 'ftp://x' must contain '*'"),
        ("engine: {kv_cache_type: q9}", "engine.kv_cache_type: 'q9' is not allowed; allowed is one of f32, f16"),
        ("storage: {models: models}", "storage.models: 'models' is not allowed: 'models' is not an absolute path"),
        ("downloads: {ca_file: /no/such}", "downloads.ca_file: '/no/such' is not allowed: '/no/such' cannot be read"),
        ("keys: {registry: [sesame]}", "keys.registry: this value is not allowed"),
        ("models: /data", "line 1: models is a list of models (- name: ...); the folder of models is storage.models"),
        ("models:\n- path: /x", "line 2: models: a model without a name"),
        ("models:\n- x", "line 2: models: each has keys of its own"),
        ("models:\n- name: a\n- name: A:latest\n- name: a:latest", "line 4: models: 'a:latest' is listed twice"),
        ("models:\n- name: 'a b'", "line 2: models[].name: 'a b' is not allowed: invalid model name"),
        ("models:\n- {name: a, gpu: 2x}", "models[].gpu: '2x' is not allowed; allowed is true, false, auto, or"),
        (
            "models:\n- {name: a, parallel: 0}",
            "models[].parallel: '0' is not allowed; allowed is a whole number from 1",
        ),
    ],
)
def test_a_fault_names_line_key_value_and_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_in(text, "/home/ann/.ollama/config.yml")
    assert caught.value.message.startswith("/home/ann/.ollama/config.yml, line ")
    assert told in caught.value.message
    assert "sesame" not in caught.value.message


def test_where_it_is_looked_for(tmp_path: Path) -> None:
    def port(**variables: str) -> int:
        return read(tmp_path, **variables).address.port

    other = tmp_path / "elsewhere"
    put(tmp_path, "server: {port: 3}", ".config/ollama/config.yaml")
    assert port() == 3
    put(other, "server: {port: 2}", "ollama/config.yml")
    assert port(XDG_CONFIG_HOME=str(other)) == 2
    assert port(XDG_CONFIG_HOME="relative") == 3
    put(tmp_path, "server: {port: 1}")
    assert port(XDG_CONFIG_HOME=str(other)) == 1
    assert port(TAMPU_CONFIG=str(other / "ollama/config.yml")) == 2
    assert port(TAMPU_CONFIG=os.devnull) == 11434
    with pytest.raises(ConfigError, match=r"TAMPU_CONFIG names '/no/such', which is not there"):
        port(TAMPU_CONFIG="/no/such")


def test_what_is_no_readable_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / ".ollama/config.yml"
    file.mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"config\.yml (cannot be read: is a directory|is no regular file)"):
        read(tmp_path)
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(ConfigError, match="is no regular file"):
        read(tmp_path)
    file.unlink()
    file.symlink_to(file)
    with pytest.raises(ConfigError, match="cannot be read: too many levels"):
        read(tmp_path)
    file.unlink()
    file.symlink_to(tmp_path / "gone")
    with pytest.raises(ConfigError, match="cannot be read: no such file"):
        read(tmp_path)
    file.unlink()
    file.write_bytes(b"server:\n  host: \xff\n")
    with pytest.raises(ConfigError, match="line 2: the file is not in UTF-8"):
        read(tmp_path)
    file.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(ConfigError, match="longer than 256 KiB"):
        read(tmp_path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="who may read everything is refused nothing")
def test_a_file_of_somebody_else_is_told(tmp_path: Path) -> None:
    put(tmp_path, "").chmod(0)
    with pytest.raises(ConfigError, match="cannot be read: permission denied; make it readable, or move it away"):
        read(tmp_path)


def test_what_editors_leave_in_front_and_at_line_ends_does_no_harm(tmp_path: Path) -> None:
    file = put(tmp_path, "")
    file.write_bytes(b"\xef\xbb\xbfserver:\r\n  port: 5\r\n")
    assert read(tmp_path).address.port == 5


def test_whether_a_key_lies_in_it() -> None:
    assert settings_in("keys: {registry: x}", "f").has_secret
    assert settings_in("keys: {registry: }", "f") == FileSettings()


@pytest.mark.parametrize(
    ("variable", "server_json", "file", "switch"),
    [
        ("", None, "", "none"),
        ("1", None, "", "env"),
        ("", '{"disable_ollama_cloud": true}', "", "config"),
        ("", None, "server: {no_cloud: true}", "config"),
        ("1", '{"disable_ollama_cloud": true}', "", "both"),
        ("0", '{"disable_ollama_cloud": true}', "", "config"),
        ("", '{"disable_ollama_cloud": "yes"}', "", "none"),
        ("", "[" * 100_000, "", "none"),
        ("", '"' + "x" * 100_000 + '"', "", "none"),
    ],
)
def test_what_keeps_the_cloud_away(
    tmp_path: Path, variable: str, server_json: str | None, file: str, switch: str
) -> None:
    put(tmp_path, file)
    if server_json is not None:
        put(tmp_path, server_json, ".ollama/server.json")
    settings = read(tmp_path, OLLAMA_NO_CLOUD=variable)
    assert (settings.cloud_switch, settings.no_cloud) == (switch, switch != "none")


@pytest.mark.parametrize("variable", ["OLLAMA_MODELS", "TAMPU_CONFIG", "TAMPU_CA_FILE", "TAMPU_IMPORT"])
def test_the_home_of_nobody_is_told(variable: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable}: '~nobody-here/x' names the home of a user who has none"):
        Settings.read({variable: "~nobody-here/x"})

from dataclasses import fields
from pathlib import Path

import pytest

from tampu.config import SETTINGS, Address, Settings, engine_environment, parse_address
from tampu.errors import ConfigError
from tampu.secret import Secret
from tampu.units import FOREVER, KeepAlive


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        (":8080", "http://:8080"),
        ("0.0.0.0:11500", "http://0.0.0.0:11500"),
        ("http://example.com", "http://example.com:80"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com:8443/some/path/", "https://example.com:8443/some/path"),
        ("[::1]:9999", "http://[::1]:9999"),
        ("::1", "http://[::1]:11434"),
        ("localhost:99999", "http://localhost:11434"),
        ("localhost:abc", "http://localhost:11434"),
        ("ollama.com", "https://ollama.com:443"),
    ],
)
def test_addresses(text: str, url: str) -> None:
    assert parse_address(text).url == url


@pytest.mark.parametrize(
    ("host", "loopback", "connect"),
    [
        ("127.0.0.1", True, "127.0.0.1"),
        ("::1", True, "::1"),
        ("localhost", True, "localhost"),
        ("0.0.0.0", False, "127.0.0.1"),
        ("", False, "127.0.0.1"),
        ("::", False, "::1"),
        ("192.168.1.2", False, "192.168.1.2"),
    ],
)
def test_where_an_address_listens_and_where_clients_go(host: str, loopback: bool, connect: str) -> None:
    address = Address("http", host, 1)
    assert (address.is_loopback, address.connect_host) == (loopback, connect)


def read(**variables: str) -> Settings:
    return Settings.read({"HOME": "/home/ann", **variables})


def test_defaults_lie_in_the_home_folder() -> None:
    settings = read()
    assert settings.models_folder == Path("/home/ann/.ollama/models")
    assert settings.keep_alive == KeepAlive.of_seconds(300)


@pytest.mark.parametrize(
    ("text", "keep_alive"),
    [("10m", KeepAlive.of_seconds(600)), ("30", KeepAlive.of_seconds(30)), ("-1", FOREVER), ("-1m", FOREVER),
     ("0", KeepAlive(0)), ("nonsense", KeepAlive.of_seconds(300)), (' "5s" ', KeepAlive.of_seconds(5))],
)  # fmt: skip
def test_keep_alive(text: str, keep_alive: KeepAlive) -> None:
    assert read(OLLAMA_KEEP_ALIVE=text).keep_alive == keep_alive


@pytest.mark.parametrize(("text", "value"), [("1", True), ("0", False), ("false", False), ("no", True), ("", False)])
def test_booleans_read_as_in_ollama(text: str, value: bool) -> None:
    assert read(OLLAMA_NOPRUNE=text).no_prune is value


def test_a_type_of_cache_that_does_not_exist_is_the_default_and_told() -> None:
    assert read(OLLAMA_KV_CACHE_TYPE="Q8_0").kv_cache_type == "q8_0"
    wrong = read(OLLAMA_KV_CACHE_TYPE="q9_9")
    assert wrong.kv_cache_type == "f16"
    (warning,) = wrong.warnings
    assert warning.startswith("invalid environment variable, using default key=OLLAMA_KV_CACHE_TYPE value=q9_9 ")
    assert 'allowed="one of f32, f16, bf16, q8_0,' in warning


def test_a_number_that_is_none_is_the_default() -> None:
    assert read(OLLAMA_MAX_QUEUE="many").max_queue == 512


def test_origins_that_cannot_match_stop_the_start() -> None:
    for entry in ("http://*.x.*", "ftp://example.com", "http://a, http://b"):
        with pytest.raises(ConfigError, match="OLLAMA_ORIGINS"):
            read(OLLAMA_ORIGINS=entry)
    assert read(OLLAMA_ORIGINS="HTTP://A.com,chrome-extension://*").origins == ("http://a.com", "chrome-extension://*")


def test_mirrors_are_read_in_order() -> None:
    assert read(TAMPU_MIRRORS=" A.example = http://10.0.0.5:11434/, https://m.example/x ;h=http://[::1]:5").mirrors == {
        "a.example": ("http://10.0.0.5:11434", "https://m.example/x"),
        "h": ("http://[::1]:5",),
    }


@pytest.mark.parametrize(
    "text",
    ["m.example", "a=", "=http://x", "a=x", "a=ftp://x", "a=http://", "a=http://u:p@x", "a=http://x?y", "a/b=http://x",
     "a=http://x:99999", "a=http://x,,http://y"],
)  # fmt: skip
def test_mirrors_that_cannot_be_meant_stop_the_start(text: str) -> None:
    with pytest.raises(ConfigError, match="TAMPU_MIRRORS"):
        read(TAMPU_MIRRORS=text)


def test_rates_and_ages_of_downloads() -> None:
    assert read(TAMPU_LIMIT_RATE="2M").limit_rate == 2 << 20
    assert read(TAMPU_KEEP_PARTIAL="48h").keep_partial_s == 48 * 3600
    assert read(TAMPU_KEEP_PARTIAL="0").keep_partial_s == float("inf")
    with pytest.raises(ConfigError, match="TAMPU_LIMIT_RATE: invalid rate"):
        read(TAMPU_LIMIT_RATE="fast")


def test_each_setting_fills_a_field_and_its_default_is_that_of_the_field() -> None:
    names = {f.name for f in fields(Settings)}
    settings = read()
    for setting in SETTINGS:
        assert setting.name in names
        if setting.name not in {"models_folder", "docker_folder"}:
            assert getattr(settings, setting.name) == setting.default, setting.name


def test_the_engine_sees_no_secret() -> None:
    seen = engine_environment({"PATH": "/bin", "HOME": "/root", "AWS_SECRET_ACCESS_KEY": "x", "OLLAMA_HOST": "y"})
    assert seen == {"PATH": "/bin"}


@pytest.mark.parametrize(
    ("text", "is_here"),
    [
        ("0.0.0.0", True),
        ("[::]:5", True),
        ("localhost", True),
        ("127.0.0.1:1", True),
        ("10.0.0.1", False),
        ("x.example", False),
    ],
)
def test_which_addresses_reach_this_machine(text: str, is_here: bool) -> None:
    assert parse_address(text).reaches_this_machine is is_here


def test_an_extra_authority_is_looked_at_when_the_settings_are_read(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(ConfigError, match=r"TAMPU_CA_FILE: .* cannot be read: no such file"):
        Settings.read({"TAMPU_CA_FILE": str(file)})
    file.write_bytes(b"\x30\x82")
    with pytest.raises(ConfigError, match=r"TAMPU_CA_FILE: .* holds no certificate in PEM form"):
        Settings.read({"TAMPU_CA_FILE": str(file)})
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    assert Settings.read({"TAMPU_CA_FILE": str(file)}).ca_file == file


def test_a_registry_is_off_and_its_key_does_not_show() -> None:
    assert (Settings.read({}).registry, Settings.read({}).registry_key) == (False, None)
    settings = Settings.read({"TAMPU_REGISTRY": "1", "TAMPU_REGISTRY_KEY": "open sesame"})
    assert settings.registry
    assert settings.registry_key == Secret("open sesame")
    assert "sesame" not in repr(settings)

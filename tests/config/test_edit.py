"""Setting one value in a file: it alone changes, whatever the layout, or nothing does."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tampu.config.edit import with_value, without_value
from tampu.config.file import settings_in
from tampu.config.save import change_file
from tampu.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("", "server:\n  port: 99\n"),
        ("# mine", "# mine\nserver:\n  port: 99\n"),
        ("server:\n  host: a # keep\n\n# end\n", "server:\n  host: a # keep\n  port: 99\n\n# end\n"),
        ("server:\n  port:   5   # old\n  host: a\n", "server:\n  port:   99   # old\n  host: a\n"),
        ("server:\n  port: # none\n  host: a\n", "server:\n  port: 99 # none\n  host: a\n"),
        ("server:\n", "server:\n  port: 99\n"),
        ("server: # c\nlimits: {}", "server: # c\n  port: 99\nlimits: {}"),
        ("server: null", "server: {port: 99}"),
        ("server: {}\n", "server: {port: 99}\n"),
        ("server: {host: a, }", "server: {host: a, port: 99 }"),
        ("{limits: {}}", "{limits: {}, server: {port: 99}}"),
        ("  limits:\n    parallel: 2\n", "  limits:\n    parallel: 2\n  server:\n    port: 99\n"),
        ("server:\r\n  host: a\r\n", "server:\r\n  host: a\r\n  port: 99\r\n"),
        ("server:\n  origins:\n  - http://a\n  # c\n", "server:\n  origins:\n  - http://a\n  port: 99\n  # c\n"),
        ("models:\n- name: x\n", "models:\n- name: x\nserver:\n  port: 99\n"),
    ],
)
def test_one_value_changes(text: str, changed: str) -> None:
    assert with_value(text, "server.port", "99", "f") == changed


def test_lists_and_texts_are_written_so_that_they_are_read_again() -> None:
    text = "server:\n  origins:\n    - http://a\n    - http://b # old\n  debug: 1\n"
    assert with_value(text, "server.origins", "http://x,http://y", "f") == (
        'server:\n  origins: ["http://x", "http://y"] # old\n  debug: 1\n'
    )
    assert with_value("", "terminal.editor", "vim: # x", "f") == 'terminal:\n  editor: "vim: # x"\n'
    assert with_value("", "terminal.editor", "null", "f") == 'terminal:\n  editor: "null"\n'
    assert with_value("", "downloads.mirrors", "h=http://a,http://b", "f") == (
        'downloads:\n  mirrors: {"h": ["http://a", "http://b"]}\n'
    )


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("server.prot", "1", "unknown key 'server.prot'; did you mean 'server.port'?"),
        ("server.port", "x", "server.port: 'x' is not allowed; allowed is a whole number from 1 to 65535"),
        ("keys.registry", "", "keys.registry: this value is not allowed: a key cannot be empty; allowed is a text"),
    ],
)
def test_what_is_not_allowed_is_told(key: str, value: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_value("", key, value, "f")
    assert caught.value.message == told


def test_a_layout_that_is_too_unusual_is_left_alone() -> None:
    with pytest.raises(ConfigError, match="change it by hand"):
        with_value("limits: {}\n...\n", "server.port", "1", "f")
    with pytest.raises(ConfigError, match="line 1: unknown key 'x'"):
        with_value("x: 1", "server.port", "1", "f")


_VALUES = {
    "server.port": "77",
    "server.host": "::1",
    "limits.keep_alive": "-1",
    "limits.parallel": "3",
    "server.origins": "http://a,app://*",
    "engine.kv_cache_type": "q8_0",
    "terminal.editor": "a: #b",
}
_LINES = st.lists(
    st.sampled_from(
        [
            "server:",
            "limits:",
            "engine:",
            "  host: a",
            "  port: 1",
            "  port:",
            "  parallel: 2 # two",
            "    # deep",
            "# c",
            "",
            "  origins:",
            "    - http://a",
            "  origins: [ 'http://a' ]",
            "terminal: {editor: vi}",
            "engine: {}",
            "models:",
            "- name: m",
            "  keep_alive: 5m",
            "terminal:",
            "  editor: |-",
            "    vi",
            "  host: >-",
            "    a",
        ]
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(lines=_LINES, key=st.sampled_from(sorted(_VALUES)), newline=st.sampled_from(["\n", "\r\n"]), ends=st.booleans())
def test_whatever_the_layout_only_that_value_changes(lines: list[str], key: str, newline: str, ends: bool) -> None:
    text = newline.join(lines) + (newline if ends else "")
    before = said_in(text)
    if isinstance(before, str):
        return
    changed = attempt(text, key)
    after = said_in(changed)
    if isinstance(after, str):
        assert "by hand" in changed
        return
    assert {**before, key: after[key]} == after
    comments = [line.strip() for line in lines if line.strip().startswith("# c")]
    assert all(comment in changed for comment in comments)


def said_in(text: str) -> dict[str, object] | str:
    """Every value, or what is wrong."""
    try:
        return {key: given.value for key, given in settings_in(text, "f").values.items()}
    except ConfigError as error:
        return error.message


def attempt(text: str, key: str) -> str:
    """The changed text, or why it cannot be changed, which is no YAML."""
    try:
        return with_value(text, key, _VALUES[key], "f")
    except ConfigError as error:
        return f"[{error.message}"


def test_a_file_keeps_its_rights_and_its_links(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "ollama.yml", tmp_path / ".ollama" / "config.yml"
    real.parent.mkdir()
    real.write_text("limits: {}\n")
    real.chmod(0o640)
    link.parent.mkdir()
    link.symlink_to(real)
    change_file(link, lambda text: text + "# more\n")
    assert link.is_symlink()
    assert real.read_text() == "limits: {}\n# more\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert [path.name for path in real.parent.iterdir()] == ["ollama.yml"]


def test_a_new_file_is_its_owners_and_its_folder_is_made(tmp_path: Path) -> None:
    file = tmp_path / "a/b/config.yml"
    change_file(file, lambda text: text + "limits: {}\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_goes_wrong_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    file.write_bytes(b"\xef\xbb\xbfserver: {}\r\n")

    def fails(_: str) -> str:
        raise ConfigError("no")

    with pytest.raises(ConfigError, match="no"):
        change_file(file, fails)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yml"]
    change_file(file, lambda text: text)
    assert file.read_bytes() == b"\xef\xbb\xbfserver: {}\r\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"config\.yml cannot be written: .*; nothing was changed"):
        change_file(tmp_path / "file" / "config.yml", lambda text: text)


_ADDER = """
import sys, time
from pathlib import Path
from tampu.config.save import change_file
def add(text):
    time.sleep(0.05)
    return text + sys.argv[2]
for _ in range(5):
    change_file(Path(sys.argv[1]), add)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be locked there")
def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.yml"
    adders = [
        subprocess.Popen([sys.executable, "-c", _ADDER, str(file), letter], env=dict(os.environ)) for letter in "ab"
    ]
    assert [adder.wait(60) for adder in adders] == [0, 0]
    assert sorted(file.read_text()) == sorted("ab" * 5)


LISTED = "models:\n  # mine\n  - name: a\n    gpu: false # slow\n  - name: b:7b\n    threads: 4\n\nserver:\n  port: 9\n"


@pytest.mark.parametrize(
    ("text", "key", "value", "changed"),
    [
        ("", "models[a].threads", "2", "models:\n  - name: a:latest\n    threads: 2\n"),
        ("models:\n", "models[a].threads", "2", "models:\n  - name: a:latest\n    threads: 2\n"),
        (LISTED, "models[a].threads", "2", LISTED.replace("# slow", "# slow\n    threads: 2")),
        (LISTED, "models[b:7b].threads", "2", LISTED.replace("threads: 4", "threads: 2")),
        (LISTED, "models[a:latest].gpu", "1", LISTED.replace("gpu: false", "gpu: 1")),
        (
            LISTED,
            "models[me/c].keep_alive",
            "5m",
            LISTED.replace("threads: 4", "threads: 4\n  - name: me/c:latest\n    keep_alive: 5m"),
        ),
        ("models: []\n", "models[a].gpu", "true", 'models: [{name: "a:latest", gpu: true}]\n'),
        ("models: [{name: a}]\n", "models[b].gpu", "true", 'models: [{name: a}, {name: "b:latest", gpu: true}]\n'),
    ],
)
def test_a_value_of_a_model(text: str, key: str, value: str, changed: str) -> None:
    assert with_value(text, key, value, "f") == changed


@pytest.mark.parametrize(
    ("text", "key", "changed"),
    [
        (LISTED, "server.port", LISTED.replace("  port: 9\n", "")),
        (LISTED, "server.host", LISTED),
        (LISTED, "models[a].gpu", LISTED.replace("    gpu: false # slow\n", "")),
        (LISTED, "models[b:7b]", LISTED.replace("  - name: b:7b\n    threads: 4\n", "")),
        (LISTED, "models[x]", LISTED),
        ("server: {host: a, port: 9}\n", "server.host", "server: {port: 9}\n"),
        ("server: {host: a, port: 9}\n", "server.port", "server: {host: a}\n"),
        ("server:\n  origins:\n  - http://a\n  - http://b\n  port: 9\n", "server.origins", "server:\n  port: 9\n"),
        ("server:\n  port: 9", "server.port", "server:\n"),
        ("", "server.port", ""),
    ],
)
def test_one_value_goes(text: str, key: str, changed: str) -> None:
    assert without_value(text, key, "f") == changed


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("models[a].thread", "unknown key 'models[a].thread'; did you mean 'threads'?"),
        ("models[a].name", "unknown key 'models[a].name'"),
        ("models[a b].threads", "models[a b]: "),
        ("server.prot", "unknown key 'server.prot'; did you mean 'server.port'?"),
    ],
)
def test_what_cannot_be_removed(key: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        without_value(LISTED, key, "f")
    assert caught.value.message.startswith(told)

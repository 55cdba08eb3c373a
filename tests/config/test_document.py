"""The text of a settings file: what it may hold, and that no text ends in anything but settings or one plain error."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tampu.config.document import MOST_DEPTH, parse_document
from tampu.config.file import KINDS, settings_in
from tampu.config.nodes import Items, Pairs, Scalar
from tampu.errors import ConfigError


def test_values_have_their_lines_and_places() -> None:
    text = "# first\nserver:\n  host: a  # here\n  origins: [x, 'y z']\nmodels:\n- name: m\n"
    root = parse_document(text, "f")
    server, models = root.get("server"), root.get("models")
    assert isinstance(server, Pairs)
    host, origins = server.get("host"), server.get("origins")
    assert isinstance(host, Scalar)
    assert isinstance(origins, Items)
    assert (host.text, host.line, text[host.start : host.end]) == ("a", 3, "a")
    assert [item.text for item in origins.items if isinstance(item, Scalar)] == ["x", "y z"]
    assert (origins.line, text[origins.start : origins.end]) == (4, "[x, 'y z']")
    assert models is not None
    assert models.line == 6


@pytest.mark.parametrize("text", ["", "# only this\n", "---\n", "~", "{}"])
def test_a_file_may_say_nothing(text: str) -> None:
    assert parse_document(text, "f").pairs == ()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: b: c", "line 1: a colon stands where none can"),
        ("a:\n\tb: 1", "line 2: a tab stands where"),
        ("a: {b: 1", "line 1: "),
        ("a: &x 1", "line 1: anchors"),
        ("a: *x", "line 1: anchors"),
        ("x: &a [1]\ny: [*a, *a, *a]", "line 1: anchors"),
        ("a: !!python/object/apply:os.system [ls]", "line 1: tags"),
        ("a: !env HOME", "line 1: tags"),
        ("a: 1\n--- \nb: 2", "line 2: a second document"),
        ("a: 1\nb: 2\na: 3", "line 3: 'a' is given twice, first on line 1"),
        ("- a\n- b", "line 1: the file holds no keys"),
        ("just words", "line 1: the file holds no keys"),
        ("? [a, b]\n: 1", "line 1: a key is one word"),
        ("a: " + "[" * (MOST_DEPTH + 1), f"nested more than {MOST_DEPTH} deep"),
        ("a: " + "[" * 100_000, f"nested more than {MOST_DEPTH} deep"),
        ('a: "\\0"', "line 1: a value holds a control character"),
        ('a: "\\ud800"', "line 1: a value holds a control character"),
        ('a: "\\U00110000"', "no YAML"),
        ("ok: 1\n\x07", "line 2: a character that no text may hold"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "f.yml")
    assert caught.value.message.startswith("f.yml")
    assert told in caught.value.message
    assert "\n" not in caught.value.message


_WORDS = st.sampled_from(
    [*{part for key in KINDS for part in key.split(".")}, "models", "name", "path", "gpu", "1", "x"]
)
_MARKS = [
    ": ", ":", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", '"', "'", "|\n", "&a ", "*a", "!!t ", "# ", "? ",
    "---\n", "...\n", "%YAML 1.1\n", "\t", "\ufeff", "5m", "-1", "true",
]  # fmt: skip
_YAML = st.lists(
    st.one_of(_WORDS, st.sampled_from(_MARKS)),
    max_size=40,
).map("".join)  # fmt: skip


def fault_of(text: str) -> str | None:
    try:
        settings_in(text, "f.yml")
    except ConfigError as error:
        return error.message
    return None


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(st.text(max_size=200), _YAML))
@example(text="\x85: \u2028")
@example(text="server:\n  host: " + "9" * 5000)
@example(text="limits:\n  max_queue: " + "9" * 5000)
@example(text="limits:\n  keep_alive: " + "9" * 5000 + "h")
@example(text="models:\n- name: x\n  path: ~nobody-has-this-name/x\n")
@example(text="downloads:\n  mirrors: {h: 'http://[x'}\n  ca_file: \"/\"\n")
def test_any_text_gives_settings_or_one_plain_error(text: str) -> None:
    told = fault_of(text)
    assert told is None or told.startswith("f.yml")
    assert len(told or "") < 2_000


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=30))
_SECTIONS = sorted({key.partition(".")[0] for key in KINDS} | {"models", "other"})
_NESTED = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_WORDS, inner, max_size=4)),
    max_leaves=8,
)
_DATA = st.dictionaries(st.sampled_from(_SECTIONS), _NESTED, max_size=4)


@settings(max_examples=200, deadline=None)
@given(data=_DATA)
def test_any_yaml_that_another_program_writes_gives_settings_or_one_plain_error(data: object) -> None:
    import yaml

    told = fault_of(yaml.safe_dump(data, allow_unicode=True))
    assert told is None or told.startswith("f.yml")

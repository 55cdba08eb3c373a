"""Objects that are nearly JSON."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.parsing.repair import Repaired, repair_object


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("{'a': 'b', \"c\": [1, 2.5, -3e2,],}", {"a": "b", "c": [1, 2.5, -300.0]}),
        ("{a: True, $b-c: False, d: None}", {"a": True, "$b-c": False, "d": None}),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}),
        ('{"say": "he said "hi" twice"}', {"say": 'he said "hi" twice'}),
        ('{"l": [1, {"b": 2 ]}', {"l": [1, {"b": 2}]}),
        ('{"l": [1, 2}', {"l": [1, 2]}),
        ('{"a": {"b": 1]}', {"a": {"b": 1}}),
        ('{"u": "\\ud83c\\udf89 \\ud83c \\q \\/ \\n"}', {"u": "🎉 \ufffd \\q / \n"}),
        ('{"n": .5, "m": +1, "o": 1.}', {"n": 0.5, "m": 1, "o": 1.0}),
    ],
)
def test_mended(text, value):
    assert repair_object(text) == Repaired(value, len(text), is_closed=True)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": }',
        '{"a": oops}',
        '{"a" 1}',
        '{"a": {"b": 1',
        '{"a": "cut',
        "{",
        '{"a": 1e999}',
        '{"a": 12abc}',
        "{'a': [",
        '{"a": -}',
    ],
)
def test_not_mended(text):
    assert repair_object(text) is None


@pytest.mark.parametrize("rest", ["", "</tool_call>", " <"])
def test_only_the_outermost_may_stay_open(rest):
    repaired = repair_object('{"a": {"b": 1}' + rest)
    assert repaired is not None
    assert (repaired.value, repaired.is_closed) == ({"a": {"b": 1}}, False)


json_objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**70), 2**70)
        | st.text(st.characters(codec="utf-8", exclude_characters='"'), max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab é\\", max_size=4), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(json_objects.filter(lambda value: '"' not in "".join(value)), st.booleans(), st.sampled_from([None, 2]))
def test_sound_json_reads_as_it_is(value, is_ascii, indent):
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)
    assert repair_object(text) == Repaired(value, len(text), is_closed=True)


@given(st.text("{}[]\"'\\:, a1.-eTN\n", max_size=60))
def test_any_text_is_read_or_refused(text):
    repaired = repair_object("{" + text)
    assert repaired is None or isinstance(repaired.value, dict)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.names import ModelName
from tampu.store.names_index import NameIndex
from tests.store.stored import name


@pytest.mark.parametrize(
    ("stored", "asked", "meant"),
    [
        (["Child:V1"], "child:v1", "Child:V1"),
        (["Child:V1"], "CHILD:V1", "Child:V1"),
        (["m:v1"], "Full/All:V1", "Full/All:v1"),
        (["m:v1", "other:V1"], "x:V1", "x:V1"),
        (["Foo:a", "foo:b"], "foo:a", "Foo:a"),
        (["Foo:a", "foo:b"], "FOO:b", "foo:b"),
        ([], "X/Y:Z", "X/Y:Z"),
        (["m:LATEST"], "m", "m:LATEST"),
        (["m:LATEST", "n"], "m", "m:LATEST"),
    ],
)
def test_the_spelling_that_is_stored_wins(stored: list[str], asked: str, meant: str) -> None:
    assert NameIndex(map(name, stored)).canonical(name(asked)) == name(meant)


PARTS = st.text("abAB", min_size=1, max_size=2)
NAMES = st.builds(ModelName, PARTS, PARTS, PARTS, PARTS)


@given(st.lists(NAMES, max_size=8), NAMES)
def test_a_stored_name_is_found_in_any_case(stored: list[ModelName], asked: ModelName) -> None:
    found = NameIndex(stored).canonical(asked)
    assert [part.lower() for part in found.parts] == [part.lower() for part in asked.parts]
    if any(each.full.lower() == asked.full.lower() for each in stored):
        assert found in stored
    if asked in stored:
        assert found == asked


@given(st.lists(NAMES, max_size=8), NAMES)
def test_the_order_of_the_store_does_not_matter(stored: list[ModelName], asked: ModelName) -> None:
    assert NameIndex(stored).canonical(asked) == NameIndex(reversed(stored)).canonical(asked)

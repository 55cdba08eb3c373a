import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tampu.modelfile.document import Instruction, Kind
from tampu.modelfile.parameters import parameters
from tampu.modelfile.parse import parse_modelfile
from tampu.modelfile.text import JOINER
from tampu.modelfile.write import parameter_instructions, quote, write_modelfile

FROM = Instruction(Kind.FROM, ("x",))
# Controls are dropped by the grammar; lone surrogates are no text.
PIECES = st.sampled_from(['"""', '"', "\n", "\r", "\t", " ", "\u00a0", JOINER, "a", "# b", "FROM x\n"])
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text(
    alphabet=st.characters(exclude_categories=["Cc", "Cs"], include_characters="\n\r\t"), max_size=60
)


def read_back(instructions):
    written = write_modelfile(instructions, comments=["made by a test"])
    return [(item.kind, item.args) for item in parse_modelfile(written.encode())]


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.sampled_from([Kind.SYSTEM, Kind.TEMPLATE, Kind.LICENSE, Kind.ADAPTER]))
def test_any_text_reads_back(text, kind):
    assert read_back([FROM, Instruction(kind, (text,)), FROM]) == [
        (Kind.FROM, ("x",)),
        (kind, (text,)),
        (Kind.FROM, ("x",)),
    ]


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["user", "system", "assistant"]))
def test_any_message_reads_back(text, role):
    assert read_back([FROM, Instruction(Kind.MESSAGE, (role, text))])[1] == (Kind.MESSAGE, (role, text))


@settings(deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "stop": st.lists(TEXTS, min_size=1, max_size=3),
            "temperature": st.decimals(0, 1000, places=3).map(float),
            "num_ctx": st.integers(0, 2**50),
            "seed": st.integers(-(2**50), 2**50),
            "use_mmap": st.booleans(),
        },
    )
)
def test_any_parameters_read_back(values):
    written = write_modelfile([FROM, *parameter_instructions(values)])
    assert parameters(parse_modelfile(written.encode())) == values


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain", "plain"),
        ("", ""),
        ('b"c', 'b"c'),
        ("  padded  ", '"  padded  "'),
        ("A1\nA2", '"A1\nA2"'),
        ('line one\nline "two"', '"""line one\nline "two""""'),
        ('a """ b\nc', '"""a """ b\nc"""'),
        ('"quoted" start', '""""quoted" start"""'),
        ('a """\nb', f'"""a """{JOINER}\nb"""'),
    ],
)
def test_the_form_is_the_simplest_that_reads_back(text, written):
    assert quote(text) == written


def test_comments_come_first():
    assert write_modelfile([FROM], comments=["a", "b"]) == "# a\n# b\n\nFROM x\n"
    assert write_modelfile([FROM]) == "FROM x\n"

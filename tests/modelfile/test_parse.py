import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tampu.errors import InvalidModelfile
from tampu.messages import Message
from tampu.modelfile.document import Instruction, Kind, Modelfile
from tampu.modelfile.parse import parse_modelfile

COMMANDS = (
    'command must be one of "from", "license", "template", "system", "adapter", "draft", "renderer", "parser", '
    '"parameter", "message", or "requires"'
)
ROLES = 'message role must be one of "system", "user", or "assistant"'


def parse(text):
    return parse_modelfile(text.encode())


def system(text):
    """The SYSTEM value in a file whose rest is `text`."""
    return parse(f"FROM x\nSYSTEM {text}").system


def refusal(data):
    with pytest.raises(InvalidModelfile) as refused:
        parse_modelfile(data if isinstance(data, bytes) else data.encode())
    return refused.value.message


def test_every_instruction():
    modelfile = parse(
        "FROM llama3\nADAPTER ./a.gguf\nDRAFT d1\nDRAFT d2\nTEMPLATE {{ .Prompt }}\nSYSTEM be brief\n"
        "RENDERER r\nPARSER p\nREQUIRES v0.14.0\nPARAMETER stop a\nPARAMETER stop b\nLICENSE one\nLICENSE two\n"
        "MESSAGE user hi there\nMESSAGE assistant hello\n"
    )
    assert modelfile.bases == ("llama3",)
    assert modelfile.adapters == ("./a.gguf",)
    assert modelfile.drafts == ("d1", "d2")
    assert (modelfile.template, modelfile.system) == ("{{ .Prompt }}", "be brief")
    assert (modelfile.renderer, modelfile.parser, modelfile.requires) == ("r", "p", "0.14.0")
    assert modelfile.licenses == ("one", "two")
    assert modelfile.messages == (Message("user", "hi there"), Message("assistant", "hello"))
    assert Instruction(Kind.PARAMETER, ("stop", "b"), 11) in modelfile


def test_words_in_any_case_and_blanks_between_instructions():
    modelfile = parse("\n \t from a\r\n\r\n  SyStEm b\n# PARAMETER x y\n   #\nlicense c")
    assert [(item.kind, item.value, item.line) for item in modelfile] == [
        (Kind.FROM, "a", 2),
        (Kind.SYSTEM, "b", 4),
        (Kind.LICENSE, "c", 7),
    ]


def test_there_are_no_comments_behind_a_value():
    assert parse("FROM x # y\n").bases == ("x # y",)


def test_the_last_one_counts():
    modelfile = parse("FROM a\nFROM b\nSYSTEM one\nSYSTEM two\n")
    assert modelfile.bases == ("a", "b")
    assert modelfile.system == "two"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("plain text\n", "plain text"),
        ("  trimmed \t\n", "trimmed"),
        ("without an end", "without an end"),
        ("\n", ""),
        ('""\n', ""),
        ('""""""\n', ""),
        ('"quoted"\n', "quoted"),
        ('"  padded  "  \n', "  padded  "),
        ('"two\nlines"\n', "two\nlines"),
        ('"""two\n lines """\n', "two\n lines "),
        ('"""at the end"""', "at the end"),
        ('"""ends with "quotes""""\n', 'ends with "quotes"'),
        ('""""starts" with quotes"""\n', '"starts" with quotes'),
        ('"""a """ b\nc"""\n', 'a """ b\nc'),
        ('"a" b\nc "d"\n', 'a" b\nc "d'),
        ('a "quote" inside\n', 'a "quote" inside'),
        ("'single'\n", "'single'"),
        ('"""\nfirst\n\n# no comment\n"""\n', "\nfirst\n\n# no comment\n"),
        ('"\r\nx\r\n"\r\n', "\r\nx\r\n"),
        ("tab\tinside\n", "tab\tinside"),
        ("bell\x07gone\x00\n", "bellgone"),
        ("\u4f60\u597d\u3000\u4e16\u754c\n", "\u4f60\u597d\u3000\u4e16\u754c"),
        ("\U0001f468\u200d\U0001f4bb\n", "\U0001f468\u200d\U0001f4bb"),
        ("\u00a0edges\u200b\u00a0\n", "edges"),
        ('"""fenced"""\u200b \u00a0\n', "fenced"),
    ],
)
def test_values(written, value):
    assert system(written) == value


def test_paths_keep_what_does_not_print():
    assert parse("FROM ./shot\u202fone\u3000two.gguf\u00a0\n").bases == ("./shot\u202fone\u3000two.gguf",)


def test_what_does_not_print_may_stand_before_a_command():
    assert parse("\u200bFROM x\n").bases == ("x",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no FROM line"),
        ("# nothing\n", "no FROM line"),
        ("SYSTEM hi\n", "no FROM line"),
        ("FROM\n", f"(line 2): {COMMANDS}"),
        ("FROM", "unexpected EOF"),
        ("FROM new\nWHAT is this\n", f"(line 2): {COMMANDS}"),
        ("FROM new\r\nWHAT is this\r\n", f"(line 2): {COMMANDS}"),
        ("FROM new\r\rWHAT is this", f"(line 3): {COMMANDS}"),
        ('FROM new\r\nSYSTEM "a\r\nb"\r\nWHAT\r\n', f"(line 5): {COMMANDS}"),
        ("FROM: x\n", f"(line 1): {COMMANDS}"),
        ("FROM1 x\n", f"(line 1): {COMMANDS}"),
        ('"FROM" x\n', f"(line 1): {COMMANDS}"),
        ("FROM new\nMESSAGE robot hi\n", f"(line 2): {ROLES}"),
        ("FROM new\nMESSAGE User hi\n", f"(line 2): {ROLES}"),
        ("FROM new\nMESSAGE  user hi\n", f"(line 2): {ROLES}"),
        ("FROM new\nMESSAGE user\n", "unexpected EOF: user"),
        ("FROM new\nMESSAGE us3r hi\n", "unexpected EOF: us"),
        ("FROM new\nMESSAGE user", "unexpected EOF"),
        ("FROM new\nPARAMETER stop\n", "unexpected EOF: stop"),
        ("FROM new\nPARAMETER num-ctx 1\n", "unexpected EOF: num"),
        ("FROM new\nPARAMETER stop", "unexpected EOF"),
        ('FROM new\nSYSTEM """never closed\n', "unexpected EOF"),
        ('FROM new\nSYSTEM "never closed\n', "unexpected EOF"),
        ('FROM new\nSYSTEM """""\n', "unexpected EOF"),
        ("\x00\x01\x02GGUF binary\n", f"(line 1): {COMMANDS}"),
    ],
)
def test_errors(text, message):
    assert refusal(text) == message


def test_two_blanks_leave_a_parameter_without_name():
    assert parse("FROM x\nPARAMETER  stop y\n").instructions[1].args == ("", "stop y")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_byte_order_marks_choose_the_encoding(encoding):
    text = "\ufeffFROM x\nSYSTEM gr\u00fc\u00dfe\n"
    data = {
        "utf-8-sig": text.encode(),
        "utf-16": text[1:].encode("utf-16"),
        "utf-16-le-bom": text.encode("utf-16-le"),
        "utf-16-be-bom": text.encode("utf-16-be"),
    }[encoding]
    assert parse_modelfile(data).system == "gr\u00fc\u00dfe"


def test_bytes_that_are_no_text_are_replaced():
    assert parse_modelfile(b"FROM x\nSYSTEM a\xffb\n").system == "a\ufffdb"


@pytest.mark.parametrize("version", ["1", "1.2", "v1.2.3", "0.14.0-rc1", "1.2.3+build.5", "1.2.3-a.0.b-1+01.x"])
def test_versions(version):
    assert parse(f"FROM x\nREQUIRES {version}\n").requires == version.removeprefix("v")


@pytest.mark.parametrize(
    "version",
    ["soon", "1.2.3.4", "v", "1..2", "9" * 5000, "01.2.3", "1.2-rc1", "1+b", "1.2.3-01", "1.2.3-a..b", "1.2.3-"],
)
def test_what_is_no_version(version):
    with pytest.raises(InvalidModelfile, match=r"^\(line 2\): requires must be a valid semver"):
        _ = parse(f"FROM x\nREQUIRES {version}\n").requires


@settings(deadline=None)
@given(
    st.binary(max_size=300)
    | st.text(alphabet='FROMfrom SYTEPARAME"#\r\n\t\u2060\u200b01_', max_size=300).map(str.encode)
)
def test_anything_is_parsed_or_refused(data):
    try:
        parsed = parse_modelfile(data)
    except InvalidModelfile:
        return
    assert isinstance(parsed, Modelfile)
    assert parsed.bases


def test_huge_files_take_time_in_proportion():
    def seconds(lines):
        texts = ('FROM x\nSYSTEM """' + 'a """ b   \n' * lines, "# c\n" * lines, "FROM x\n" + '"' * lines)
        started = time.process_time()
        for text in texts:
            assert refusal(text)
        return time.process_time() - started

    assert seconds(160_000) < 60 * max(seconds(8_000), 0.002)

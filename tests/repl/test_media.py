"""Media named in prompts."""

from pathlib import Path

import pytest

from tampu.client.answers import Description
from tampu.errors import BadRequest
from tampu.repl.media import extract_media, is_media_path, is_multimodal, sniff

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def test_pictures_leave_the_text(tmp_path: Path) -> None:
    (tmp_path / "my cat.png").write_bytes(PNG)
    written = str(tmp_path / "my cat.png").replace(" ", r"\ ")
    text, (found,) = extract_media(f"what is in {written}?")
    assert text == "what is in ?"
    assert (found.data, found.kind, found.notice) == (PNG, "image/png", f"Added image '{tmp_path}/my cat.png'")


def test_quotes_around_a_path_go_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    assert extract_media(f"'{tmp_path}/a.jpg' tell")[0] == "tell"


def test_names_hold_any_characters_and_text_may_touch_them(tmp_path: Path) -> None:
    """The Mac names its pictures with a narrow blank before PM; Chinese knows no blanks at all."""
    for name in ("at 1.23\u202fPM.png", "图\u00a0片.png"):
        (tmp_path / name).write_bytes(PNG)
        text, found = extract_media(f"看{tmp_path}/{name}这是什么")
        assert (text, len(found)) == ("看这是什么", 1)


def test_blanks_around_a_prompt_go() -> None:
    assert extract_media("  hello \n") == ("hello", [])


def test_a_file_that_is_not_there_is_text() -> None:
    assert extract_media("see /no/such.png now") == ("see /no/such.png now", [])


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    for text, kind in (("just text" * 100, "text/plain"), ("short", "application/octet-stream")):
        (tmp_path / "a.png").write_text(text)
        with pytest.raises(BadRequest, match=f"invalid file type: {kind}"):
            extract_media(f"{tmp_path}/a.png")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (PNG, "image/png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wave"),
        (b"xxxx\0\0\0\0WAVEfmt ", "application/octet-stream"),
        (b"hello", "text/plain; charset=utf-8"),
        (b" <!DOCTYPE html><html>", "text/html; charset=utf-8"),
        (b"<?xml version=", "text/xml; charset=utf-8"),
        (b"BM6\0", "image/bmp"),
        (b"RIFF\0\0\0\0AVI LIST", "video/avi"),
        (b"", "text/plain; charset=utf-8"),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert sniff(head) == kind


def test_a_hostile_prompt_takes_no_time() -> None:
    assert extract_media("/" * 20_000)[1] == []
    assert is_media_path("./cat.png please")
    assert not is_media_path("/bye")


def test_who_takes_media() -> None:
    assert is_multimodal(Description(capabilities=["vision"]))
    assert is_multimodal(Description(model_info={"x.audio.y": 1}))
    assert not is_multimodal(Description(capabilities=["completion"]))

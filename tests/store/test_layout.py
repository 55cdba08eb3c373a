from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.errors import BadRequest
from tampu.names import ModelName
from tampu.store.layout import Layout, digest_of_file, is_old_spelling, partial_of_file, temporary_name

LAYOUT = Layout(Path("/models"))
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("digest", [f"sha256:{HEX}", f"sha256-{HEX}"])
def test_both_spellings_name_one_file(digest: str) -> None:
    assert LAYOUT.blob(digest) == Path(f"/models/blobs/sha256-{HEX}")


def test_capitals_name_another_file() -> None:
    assert LAYOUT.blob(f"sha256:{HEX.upper()}").name == f"sha256-{HEX.upper()}"


@pytest.mark.parametrize(
    "digest",
    [
        "",
        HEX,
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX}\n",
        f"SHA256:{HEX}",
        f"sha512:{HEX}",
        f"sha256:{'g' * 64}",
        f"sha256:{'٣' * 64}",
        "sha256:../../etc/passwd",
        f"sha256:{HEX[:-3]}/..",
        f"\0sha256:{HEX}",
    ],
)
def test_what_is_no_digest_makes_no_path(digest: str) -> None:
    with pytest.raises(BadRequest, match="invalid digest format"):
        LAYOUT.blob(digest)


@given(st.text(max_size=100))
def test_no_text_leads_out_of_the_blobs_folder(text: str) -> None:
    for digest in (text, f"sha256:{text}", f"sha256-{text}"):
        try:
            path = LAYOUT.blob(digest)
        except BadRequest:
            continue
        assert path.parent == LAYOUT.blobs
        assert ".." not in path.name


def test_a_manifest_lies_under_the_parts_of_its_name() -> None:
    assert LAYOUT.manifest(ModelName.parse("h.test:5000/ns/m:t")) == Path("/models/manifests/h.test:5000/ns/m/t")


def test_kinds_of_files() -> None:
    assert digest_of_file(f"sha256-{HEX}") == f"sha256:{HEX}"
    for other in (f"sha256-{HEX.upper()}", f"sha256-{HEX}-partial", "sha256-123", "notes.txt", f"sha256:{HEX}"):
        assert digest_of_file(other) is None
    assert partial_of_file(f"sha256-{HEX}-partial") == f"sha256-{HEX}-partial"
    assert partial_of_file(f"sha256-{HEX}-partial-12") == f"sha256-{HEX}-partial"
    assert partial_of_file(f"sha256-{HEX}") is None
    assert is_old_spelling(f"sha256:{HEX}")
    assert digest_of_file(temporary_name("ab12")) is None

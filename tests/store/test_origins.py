"""Where models came from: kept beside manifests, believed by nobody, in nobody's way."""

import hashlib
import json
from pathlib import Path

import pytest

from tampu.descriptions import Origin, OriginKind
from tampu.names import ModelName
from tampu.store.library import Library
from tampu.store.manifests import encode_manifest
from tampu.store.model import Manifest

MIRROR = Origin(OriginKind.MIRROR, "lan.example:11434")
NAME, OTHER = ModelName.parse("me/x:v1"), ModelName.parse("hf.co/me/y")
CONTENT = encode_manifest(Manifest())
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


def record(library: Library, name: ModelName = NAME) -> Path:
    return library.layout.origin(name)


def test_it_is_kept_with_the_name_and_goes_with_it(library: Library) -> None:
    library.commit(NAME, CONTENT, origin=MIRROR)
    assert library.origins.read(NAME, DIGEST) == MIRROR
    library.copy(NAME, OTHER)
    assert library.origins.read(OTHER, DIGEST) == MIRROR
    library.delete(NAME)
    assert library.origins.read(NAME, DIGEST) is None
    assert library.origins.read(OTHER, DIGEST) == MIRROR
    library.delete(OTHER)
    folder = library.layout.root / ".tampu" / "origins"
    assert list(folder.rglob("*")) == []


def test_what_is_made_here_or_copied_from_it_has_none(library: Library) -> None:
    library.commit(NAME, CONTENT, origin=MIRROR)
    library.commit(OTHER, CONTENT)
    library.copy(OTHER, NAME)
    assert library.origins.read(NAME, DIGEST) is None
    library.commit(NAME, CONTENT, origin=MIRROR)
    library.commit(NAME, CONTENT)
    assert library.origins.read(NAME, DIGEST) is None


def test_the_manifest_keeps_its_bytes(library: Library) -> None:
    library.commit(NAME, CONTENT, origin=MIRROR)
    assert library.layout.manifest(NAME).read_bytes() == CONTENT
    assert library.names() == [NAME]


def test_a_name_that_another_program_pulled_anew_says_nothing_old(library: Library) -> None:
    library.commit(NAME, CONTENT, origin=MIRROR)
    assert library.origins.read(NAME, "0" * 64) is None


@pytest.mark.parametrize(
    "damaged",
    [b"", b"null", b"[]", b"{", b"\xff", b'{"manifest": 3}', b"[" * 5000, b"{" + b" " * 5000,
     json.dumps({"manifest": DIGEST, "kind": "moon", "place": "x"}).encode()],
)  # fmt: skip
def test_a_damaged_record_is_none(library: Library, damaged: bytes) -> None:
    library.commit(NAME, CONTENT, origin=MIRROR)
    record(library).write_bytes(damaged)
    assert library.origins.read(NAME, DIGEST) is None
    library.copy(NAME, OTHER)
    library.delete(NAME)


def test_a_forged_record_cannot_steer_a_terminal(library: Library) -> None:
    library.commit(NAME, CONTENT, origin=MIRROR)
    forged = {"manifest": DIGEST, "kind": "url", "place": "a\x1b]0;evil\x07\n" + "b" * 3000}
    record(library).write_bytes(json.dumps(forged).encode())
    origin = library.origins.read(NAME, DIGEST)
    assert origin is not None
    assert origin.place.isprintable()
    assert len(origin.place) == 300


def test_a_folder_that_takes_no_record_is_no_reason_to_fail(library: Library) -> None:
    library.layout.root.mkdir(parents=True)
    (library.layout.root / ".tampu").write_bytes(b"in the way")
    library.commit(NAME, CONTENT, origin=MIRROR)
    library.copy(NAME, OTHER)
    assert library.origins.read(NAME, DIGEST) is None
    library.delete(NAME)
    assert library.names() == [OTHER]


def test_notes_of_blobs_do_not_grow_for_ever(library: Library) -> None:
    for number in range(1000):
        library.origins.note(f"sha256:{number}", MIRROR)
    assert library.origins.noted("sha256:999") == MIRROR
    assert library.origins.noted("sha256:0") is None

"""The identity: made once, kept private, read again."""

from pathlib import Path

import pytest

from tampu.errors import StoreError
from tampu.registry.identity import Identity
from tests.recordings import recording


def test_a_new_identity_has_the_form_and_the_modes_of_ollamas(tmp_path: Path) -> None:
    recorded = recording("registry/signing.json")
    home = tmp_path / ".ollama"
    identity = Identity.load_or_create(home)
    private, public = home / "id_ed25519", home / "id_ed25519.pub"
    lines = private.read_text().splitlines()
    assert lines[0] == recorded["private_key_file"]["begins"]
    assert len(lines) == recorded["private_key_file"]["lines"]
    assert oct(private.stat().st_mode & 0o777) == "0o600"
    assert oct(public.stat().st_mode & 0o777) == "0o644"
    assert public.read_text() == f"{identity.public_line}\n"
    assert Identity.load_or_create(home).public_line == identity.public_line
    assert "PRIVATE" not in repr(identity)


def test_no_identity_is_no_error(tmp_path: Path) -> None:
    assert Identity.load(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", b"\xff\xfe"])
def test_an_unreadable_identity_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "id_ed25519").write_bytes(content)
    with pytest.raises(StoreError, match="could not read the identity"):
        Identity.load(tmp_path)

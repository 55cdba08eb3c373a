"""The ed25519 identity in `~/.ollama`: made, read, and used to sign. Registries and ollama.com know its public half."""

import base64
import hashlib
import os
from pathlib import Path
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from tampu.errors import StoreError
from tampu.registry.key_file import KEY_FILE

_EMPTY_DIGEST = base64.b64encode(hashlib.sha256(b"").hexdigest().encode()).decode()


class Identity:
    """A private key that signs and never prints."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def load(cls, home: Path) -> Self | None:
        """The identity kept in `home`, None if there is none; raises StoreError if it cannot be read."""
        try:
            text = (home / KEY_FILE).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(error.strerror or "no access") from None
        try:
            key = load_ssh_private_key(text, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise _unreadable("it is no OpenSSH private key without a passphrase") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise _unreadable("it is no ed25519 key")
        return cls(key)

    @classmethod
    def load_or_create(cls, home: Path) -> Self:
        """The identity kept in `home`, made there if there is none."""
        identity = cls.load(home)
        if identity is not None:
            return identity
        identity = cls(Ed25519PrivateKey.generate())
        try:
            home.mkdir(parents=True, exist_ok=True)
            _write_new(home / KEY_FILE, identity.private_text, 0o600)
            _write_new(home / f"{KEY_FILE}.pub", f"{identity.public_line}\n".encode(), 0o644)
        except FileExistsError:
            return cls.load(home) or identity
        except OSError as error:
            raise StoreError(f"could not write the identity ~/.ollama/{KEY_FILE}: {error.strerror}") from None
        return identity

    @property
    def private_text(self) -> bytes:
        """The OpenSSH private key file's bytes."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())

    @property
    def public_line(self) -> str:
        """`ssh-ed25519 <base64>`: the line of an authorized_keys file, without its newline."""
        return self._key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()

    def sign(self, text: str) -> str:
        """`<public key blob>:<signature>`, both base64: the value of an `Authorization` header."""
        blob = self.public_line.split(" ")[1]
        return f"{blob}:{base64.b64encode(self._key.sign(text.encode())).decode()}"

    def sign_token_request(self, url: str) -> str:
        """The signature of a GET of `url`, to the byte as it is sent."""
        return self.sign(f"GET,{url},{_EMPTY_DIGEST}")

    def __repr__(self) -> str:
        return f"Identity({self.public_line})"


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that must not exist yet, never readable for more people than `mode` says."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def _unreadable(reason: str) -> StoreError:
    return StoreError(f"could not read the identity ~/.ollama/{KEY_FILE}: {reason}")

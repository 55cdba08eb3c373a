"""The logins that Docker keeps for registries: in its config file, or with the helper programs that the file names.

Read when a registry asks for one and not before. Secrets stay in `Login`, which does not print them.
"""

import base64
import binascii
import logging
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Final, Self

import anyio
import msgspec
from anyio import fail_after, to_thread

from tampu.errors import BadRequest, RegistryDenied
from tampu.wire import decode

_FILE: Final = "config.json"
_LONGEST_FILE: Final = 4 << 20
_HELPER_S: Final = 20.0
"""A helper may have to ask a keychain, which may ask a person."""
_HELPER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
_TOKEN_USER: Final = "<token>"  # noqa: S105  # the word by which helpers mark a token
"""In the place of a name, as helpers say it: the secret is an identity token."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Login:
    """A name with its password, or an identity token, which is traded for others."""

    user: str
    secret: str = field(repr=False)
    is_token: bool = False

    @classmethod
    def of(cls, user: str, secret: str) -> Self:
        """The login that a helper describes."""
        return cls("" if user == _TOKEN_USER else user, secret, is_token=user == _TOKEN_USER)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.secret}'.encode()).decode()}"


class _Entry(msgspec.Struct):
    auth: str = ""
    username: str = ""
    password: str = ""
    identitytoken: str = ""


class _File(msgspec.Struct):
    auths: dict[str, _Entry] = {}
    helpers: dict[str, str] = msgspec.field(default_factory=dict, name="credHelpers")
    store: str = msgspec.field(default="", name="credsStore")


class _Answer(msgspec.Struct):
    user: str = msgspec.field(default="", name="Username")
    secret: str = msgspec.field(default="", name="Secret")


class Logins:
    """The logins in one folder of Docker's (`settings.docker_folder`)."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _FILE

    async def find(self, authority: str) -> Login | None:
        """The login for the registry at `authority` (host and, where it has one, port); None if there is none.

        Raises RegistryDenied, naming what is wrong, where Docker's file or helper cannot be used.
        """
        known = await to_thread.run_sync(self._read)
        wanted = authority.lower()
        helper = next((name for host, name in known.helpers.items() if _authority(host) == wanted), known.store)
        if helper and (login := await _ask_helper(helper, authority)) is not None:
            return login
        return next((_login(entry) for host, entry in known.auths.items() if _authority(host) == wanted), None)

    def _read(self) -> _File:
        try:
            with self._path.open("rb") as file:
                content = file.read(_LONGEST_FILE)
        except (FileNotFoundError, NotADirectoryError):
            return _File()
        except OSError as error:
            raise RegistryDenied(f"the logins in Docker's {_FILE} cannot be read: {error.strerror}") from None
        try:
            return decode(_File, content)
        except BadRequest as error:
            # The reader's words name a place, never a value.
            raise RegistryDenied(f"the logins in Docker's {_FILE} cannot be read: {error.message}") from None


def _authority(key: str) -> str:
    """Host and port of a key of the file, which may be an address: `https://host/v1/`."""
    return key.partition("://")[2].partition("/")[0].lower() if "://" in key else key.partition("/")[0].lower()


def _login(entry: _Entry) -> Login | None:
    if entry.identitytoken:
        return Login("", entry.identitytoken, is_token=True)
    user, secret = (entry.username, entry.password) if entry.username else _unpacked(entry.auth)
    return Login(user, secret) if user else None


def _unpacked(auth: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(auth, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise RegistryDenied(f"a login in Docker's {_FILE} is no base64; log in again with docker login") from None
    user, _, secret = text.partition(":")
    return user, secret.strip("\0")


async def _ask_helper(name: str, authority: str) -> Login | None:
    """What `docker-credential-NAME get` knows; None if it knows nothing.

    The file is the user's own, and still no path can be made of the name: only a program on PATH is run, by no shell.
    """
    program = f"docker-credential-{name}"
    path = which(program) if _HELPER_NAME.fullmatch(name) else None
    if path is None:
        raise RegistryDenied(f"{program}, which Docker's {_FILE} names, is not installed")
    try:
        with fail_after(_HELPER_S):
            done = await anyio.run_process([path, "get"], input=authority.encode(), check=False, stderr=subprocess.PIPE)
    except TimeoutError:
        raise RegistryDenied(f"{program} gave no login for {authority} within {_HELPER_S:.0f} s") from None
    except OSError as error:
        raise RegistryDenied(f"{program} could not be run: {error.strerror}") from None
    if done.returncode:
        _log.debug("no login for %s", authority, extra={"helper": program, "exit": done.returncode})
        return None
    try:
        answer = decode(_Answer, done.stdout)
    except BadRequest:
        raise RegistryDenied(f"{program} gave something else than a login for {authority}") from None
    return Login.of(answer.user, answer.secret) if answer.secret else None

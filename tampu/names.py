"""Model names: the grammar, its defaults and its forms. The one parser of names in the code base.

Source of the rules: Ollama's name grammar, `[host/][namespace/]model[:tag]` (host may carry `scheme://`).
"""

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from tampu.errors import BadRequest, InvalidName

DEFAULT_HOST = "registry.ollama.ai"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"

_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}", re.ASCII)
_TAG = _MODEL


@dataclass(frozen=True, slots=True, order=True)
class ModelName:
    """A whole, valid name. Every part is safe as one component of a path."""

    host: str
    namespace: str
    model: str
    tag: str

    def __post_init__(self) -> None:
        valid = (
            _HOST.fullmatch(self.host)
            and _NAMESPACE.fullmatch(self.namespace)
            and _MODEL.fullmatch(self.model)
            and _TAG.fullmatch(self.tag)
        )
        if not valid:
            raise InvalidName(f"{self.host}/{self.namespace}/{self.model}:{self.tag}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `text`, filling in defaults; raises InvalidName. A scheme before the host is dropped."""
        try:
            return cls(*_parts(text))
        except InvalidName:
            raise InvalidName(text) from None

    @property
    def full(self) -> str:
        """`host/namespace/model:tag`."""
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def short(self) -> str:
        """The shortest form that still shows the tag, as lists and errors print it."""
        name = f"{self.model}:{self.tag}"
        if self.host.lower() != DEFAULT_HOST:
            return f"{self.host}/{self.namespace}/{name}"
        return name if self.namespace.lower() == DEFAULT_NAMESPACE else f"{self.namespace}/{name}"

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """Host, namespace, model, tag: the components of the manifest's path, in order."""
        return self.host, self.namespace, self.model, self.tag

    def __str__(self) -> str:
        return self.short


def spell_out(text: str) -> str:
    """A name in full although it is no valid one, for errors; a part that is promised and left out is `!MISSING!`."""
    host, namespace, model, tag = (part or "!MISSING!" for part in _parts(text))
    return f"{host}/{namespace}/{model}:{tag}"


def _parts(text: str) -> tuple[str, str, str, str]:
    """Host, namespace, model and tag, with defaults for those that are not there; nothing is checked."""
    rest, tag = text, DEFAULT_TAG
    if rest.rfind(":") > rest.rfind("/"):
        rest, _, tag = rest.rpartition(":")
    rest, slash, model = rest.rpartition("/")
    host, namespace = DEFAULT_HOST, DEFAULT_NAMESPACE
    if slash:
        rest, slash, namespace = rest.rpartition("/")
        if slash:
            _, scheme, after = rest.partition("://")
            host = (after or DEFAULT_HOST) if scheme else rest
    return host, namespace, model, tag


class Source(Enum):
    """Where a reference says that the model is to be found."""

    UNSPECIFIED = auto()
    LOCAL = auto()
    CLOUD = auto()


@dataclass(frozen=True, slots=True)
class ModelReference:
    """What a request names: a base name and, by suffix, a source (`m:cloud`, `m:7b-cloud`, `m:local`)."""

    raw: str
    base: str
    source: Source

    @classmethod
    def parse(cls, raw: str) -> Self:
        """Split the source suffix off; raises BadRequest for two suffixes. The base is not validated here."""
        text = raw.strip()
        base, source = _split_source(text)
        if source is not Source.UNSPECIFIED and _split_source(base)[1] is not Source.UNSPECIFIED:
            raise BadRequest(f'use either :local or :cloud, not both: "{text}"')
        return cls(raw, base, source)

    @property
    def name(self) -> ModelName:
        """The base as a valid name; raises InvalidName."""
        return ModelName.parse(self.base)

    @property
    def stored_name(self) -> ModelName:
        """The name under which pull stores and delete finds the model: cloud forms keep their legacy tag."""
        if self.source is not Source.CLOUD:
            return self.name
        has_tag = self.base.rfind(":") > self.base.rfind("/")
        return ModelName.parse(f"{self.base}-cloud" if has_tag else f"{self.base}:cloud")


def _split_source(text: str) -> tuple[str, Source]:
    base, colon, suffix = text.rpartition(":")
    if not colon or "/" in suffix:
        return text, Source.UNSPECIFIED
    suffix = suffix.strip()
    match suffix.lower():
        case "cloud":
            return base, Source.CLOUD
        case "local":
            return base, Source.LOCAL
        case word if word.endswith("-cloud"):
            return f"{base}:{suffix[: -len('-cloud')]}", Source.CLOUD
        case _:
            return text, Source.UNSPECIFIED

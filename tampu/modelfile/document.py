"""What a Modelfile says, as data: its instructions in the order in which they were written."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tampu.errors import InvalidModelfile
from tampu.messages import Message

# Digits of a version are few; the bound keeps absurd ones out.
_NUMBER = "(0|[1-9][0-9]{0,17})"
_PRERELEASE = r"(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?"
_BUILD = r"(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
_VERSION = re.compile(rf"v?{_NUMBER}(\.{_NUMBER}(\.{_NUMBER}{_PRERELEASE}{_BUILD})?)?")
"""A semantic version, whose last two numbers may be left out: then nothing follows."""


class Kind(StrEnum):
    """The instructions, by the word that starts them (written in any case)."""

    FROM = "from"
    LICENSE = "license"
    TEMPLATE = "template"
    SYSTEM = "system"
    ADAPTER = "adapter"
    DRAFT = "draft"
    RENDERER = "renderer"
    PARSER = "parser"
    PARAMETER = "parameter"
    MESSAGE = "message"
    REQUIRES = "requires"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `args`: name and value of a PARAMETER, role and text of a MESSAGE, else the value alone.

    `line` counts from 1; 0 for one that was not read from a file.
    """

    kind: Kind
    args: tuple[str, ...]
    line: int = 0

    @property
    def value(self) -> str:
        """The last argument."""
        return self.args[-1]


@dataclass(frozen=True, slots=True)
class Modelfile:
    """The instructions of a file; the properties apply the rules of which one counts."""

    instructions: tuple[Instruction, ...]

    def __iter__(self) -> Iterator[Instruction]:
        return iter(self.instructions)

    def values(self, kind: Kind) -> tuple[str, ...]:
        """The values of all instructions of a kind."""
        return tuple(instruction.value for instruction in self.instructions if instruction.kind is kind)

    def last(self, kind: Kind) -> str:
        """The value that counts where only the last one does; empty if there is none."""
        values = self.values(kind)
        return values[-1] if values else ""

    @property
    def bases(self) -> tuple[str, ...]:
        """What the model is made of: paths or one model name."""
        return self.values(Kind.FROM)

    @property
    def adapters(self) -> tuple[str, ...]:
        """The paths of the adapters."""
        return self.values(Kind.ADAPTER)

    @property
    def drafts(self) -> tuple[str, ...]:
        """The paths of the draft model."""
        return self.values(Kind.DRAFT)

    @property
    def template(self) -> str:
        """The prompt template."""
        return self.last(Kind.TEMPLATE)

    @property
    def system(self) -> str:
        """The system prompt."""
        return self.last(Kind.SYSTEM)

    @property
    def renderer(self) -> str:
        """The name of a built-in renderer."""
        return self.last(Kind.RENDERER)

    @property
    def parser(self) -> str:
        """The name of a built-in parser."""
        return self.last(Kind.PARSER)

    @property
    def licenses(self) -> tuple[str, ...]:
        """All licence texts."""
        return self.values(Kind.LICENSE)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation that every chat starts with."""
        return tuple(Message(item.args[0], item.value) for item in self.instructions if item.kind is Kind.MESSAGE)

    @property
    def requires(self) -> str:
        """The version that the model needs, without a leading `v`; raises InvalidModelfile for what is no version."""
        version = self.last(Kind.REQUIRES)
        if version and not _VERSION.fullmatch(version):
            line = max(instruction.line for instruction in self.instructions if instruction.kind is Kind.REQUIRES)
            raise InvalidModelfile("requires must be a valid semver (e.g. 0.14.0)", line=line)
        return version.removeprefix("v")

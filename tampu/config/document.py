"""Reads the text of the settings file: a small part of YAML, without anchors, aliases, tags and second documents.

The file is parsed as a stream of events, so that neither depth nor repetition can cost more than its bytes do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from tampu.config.nodes import Items, Node, Pairs, Scalar
from tampu.errors import ConfigError

MOST_DEPTH: Final = 8
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read. In a mapping keys and values alternate."""

    is_mapping: bool
    is_flow: bool
    line: int
    start: int
    children: list[Node] = field(default_factory=list)


def parse_document(text: str, shown: str) -> Pairs:
    """The settings in `text`, which is called `shown` in errors; raises ConfigError that names the line."""
    try:
        root = _Reading(shown).read(yaml.parse(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{shown}{where}: {_plainly(error.problem)}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{shown}, line {line}: a character that no text may hold") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The parser takes some escapes for characters that there are not.
        raise ConfigError(f"{shown}: no YAML: {error}") from None
    return root


def _plainly(problem: str | None) -> str:
    """The parser's words for what people do wrong most."""
    words = problem or "no YAML"
    if "'\\t'" in words:
        return "a tab stands where a value or key should begin; indent with blanks"
    if words == "mapping values are not allowed here":
        return "a colon stands where none can; put a value that holds ': ' in quotes, and look at the indentation"
    return words


class _Reading:
    """One text being read."""

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._documents = 0

    def read(self, events: Iterator[yaml.Event]) -> Pairs:
        for event in events:
            self._take(event)
        match self._root:
            case None | Scalar(is_null=True):
                return Pairs((), 1)
            case Pairs() as root:
                return root
            case other:
                raise self._refused(other.line, "the file holds no keys; each line is of the form `key: value`")

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        if getattr(event, "anchor", None) is not None:
            raise self._refused(line, "anchors (&name) and aliases (*name) are not read here; write the value again")
        tag = getattr(event, "tag", None)
        if tag not in {None, "!"}:
            raise self._refused(line, f"tags (here {str(tag)!r}) are not read here")
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._refused(line, "a second document begins; the file holds one")
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._begin(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._end(event)
            case yaml.ScalarEvent():
                self._put(self._scalar(event, line))

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> None:
        if len(self._open) >= MOST_DEPTH:
            raise self._refused(line, f"lists and keys are nested more than {MOST_DEPTH} deep")
        if self._expects_key():
            raise self._refused(line, "a key is one word, not a list or mapping")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._open.append(_Open(is_mapping, bool(event.flow_style), line, _index(event.start_mark)))

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        done = self._open.pop()
        end = _index(event.end_mark)
        if not done.is_mapping:
            self._put(Items(tuple(done.children), done.line, done.start, end, done.is_flow))
            return
        pairs: list[tuple[Scalar, Node]] = []
        lines: dict[str, int] = {}
        for key, value in zip(done.children[::2], done.children[1::2], strict=True):
            assert isinstance(key, Scalar), "seen to when it was read"  # noqa: S101  # for the type checker
            if key.text in lines:
                raise self._refused(key.line, f"{key.text!r} is given twice, first on line {lines[key.text]}")
            lines[key.text] = key.line
            pairs.append((key, value))
        self._put(Pairs(tuple(pairs), done.line, done.start, end, done.is_flow))

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        text = event.value
        if any(_is_unfit(character) for character in text):
            raise self._refused(line, "a value holds a control character or a line break")
        is_plain = event.style is None
        return Scalar(text, line, _index(event.start_mark), _index(event.end_mark), is_plain and text in _NULLS)

    def _put(self, node: Node) -> None:
        if self._open:
            self._open[-1].children.append(node)
        else:
            self._root = node

    def _expects_key(self) -> bool:
        return bool(self._open) and self._open[-1].is_mapping and len(self._open[-1].children) % 2 == 0

    def _refused(self, line: int, why: str) -> ConfigError:
        return ConfigError(f"{self._shown}, line {line}: {why}")


def _index(mark: object) -> int:
    """Of a mark, which the parser's own types call optional."""
    return int(getattr(mark, "index", 0))


def _is_unfit(character: str) -> bool:
    code = ord(character)
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000

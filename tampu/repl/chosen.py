"""What a person chose for talking to a model: by flags of `run`, or by /set in the session."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tampu.errors import BadRequest
from tampu.generation import Think
from tampu.json_syntax import whole_fault
from tampu.units import format_duration, parse_duration

THINK_LEVELS: Final = ("high", "medium", "low", "max")
_SPOKEN_THINK: Final[dict[str, Think]] = {
    "": True,
    "true": True,
    "false": False,
    **{word: word for word in THINK_LEVELS},
}


@dataclass(slots=True)
class Chosen:
    """The choices. None: not chosen, so the model decides. `format`: JSON as it goes into a request."""

    wrap: bool = True
    verbose: bool = False
    speed: bool = False
    show_thinking: bool = True
    think: Think | str | None = None
    format: str = ""
    keep_alive: str = ""

    def request(self, *, can_think: bool) -> dict[str, Any]:
        """The part of a request's body that the choices make; raises BadRequest for a format that is no JSON.

        A model that `can_think` does so where nothing else was chosen.
        """
        body = self.loading(can_think=can_think)
        if self.format:
            body["format"] = msgspec.Raw(_format(self.format))
        return body

    def loading(self, *, can_think: bool) -> dict[str, Any]:
        """What of it matters when the model is loaded: a wrong `think` is refused then, not at the first message."""
        think = self.think if self.think is not None else (True if can_think else None)
        body: dict[str, Any] = {"keep_alive": self.keep_alive} if self.keep_alive else {}
        return body if think is None else {**body, "think": think}


def read_think(text: str | None) -> Think | None:
    """The value of --think; None where the flag is not given."""
    if text is None:
        return None
    if text not in _SPOKEN_THINK:
        raise BadRequest(f'invalid value for --think: "{text}" (must be true, false, high, medium, low, or max)')
    return _SPOKEN_THINK[text]


def read_keep_alive(text: str | None) -> str:
    """The value of --keepalive as Go writes durations; "" where the flag is not given."""
    return format_duration(parse_duration(text)) if text else ""


def _format(text: str) -> bytes:
    if text == "json":
        return b'"json"'
    value = text.encode("utf-8", "surrogateescape")
    if reason := whole_fault(value):
        raise BadRequest(f"json: error calling MarshalJSON for type json.RawMessage: {reason}")
    return value

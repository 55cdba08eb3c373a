"""Spoils valid requests in one to three ways, the same ways for the same seed."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.robustness.valid_requests import Asked

Path = tuple[str | int, ...]

_DEEP: Any = None
for _ in range(200):
    _DEEP = [_DEEP] if _ % 2 else {"a": _DEEP}

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, -2, 2**31, -(2**31), 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 10**400,
    0.0, -0.0, 0.5, -1.5, 1e308, -1e308, 1e-320, float("nan"), float("inf"), float("-inf"),
    "", " ", "\0", "a" * 5000, "\ud800", "\udc00\ud800", "\uffff\ufeff", "𝄞🦙" * 50, "e\u0301" * 100, "\x1b[2J", "\r\n",
    "null", "true", "1", "-1", "1e400", "NaN", "5m", "-5m", "1h" * 40, "high", "json", "user", "SYSTEM", "tool",
    "base", "base:latest", "BASE", "absent", "a/b/c/d/e", "../../etc/passwd", "http://127.0.0.1:1/a/b", "a:b:c", "@",
    "x" * 300, "sha256:" + "f" * 64, "sha256-" + "0" * 64, "/dev/zero", "/proc/self/mem", "C:\\con",
    "{{", "{{ . }}", "{{ range . }}{{ end }}", "{{ .Prompt.upper }}", '{{ printf "%999999d" 1 }}', "{{ index . 99 }}",
    '{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "{{ range .Messages }}", "{% for %}",
    "[img]", "[img-9]", "[img-" + "9" * 5000 + "]", "<think>", "</think>", "<tool_call>{", "<|im_end|>",
    "data:image/png;base64,AAAA", "!!!!", "AAAA", "iVBORw0KGgo=", "UklGRgAAAABXRUJQ",
    [], [[]], [None], ["a", 1], [{}], list(range(300)), [-1, 2**70], ["\n"] * 200, [""], ["x" * 2000],
    {}, {"": ""}, {"a": None}, {"$ref": "#"}, {"$ref": "#/$defs/x", "$defs": {"x": {"$ref": "#/$defs/x"}}},
    {"type": "object"}, {"type": ["string", "null"]}, {"anyOf": []}, {"enum": []}, {"pattern": "(a+)+$"},
    {"type": "array", "minItems": 10**6}, {"type": "string", "maxLength": 10**9}, {"const": float("inf")}, _DEEP,
)  # fmt: skip
"""What has ever been sent by mistake or on purpose in place of something else."""

OPTIONS = (
    "num_ctx", "num_batch", "num_gpu", "num_thread", "main_gpu", "use_mmap", "mirostat", "temperature", "top_k",
    "num_predict", "num_keep", "seed", "stop", "repeat_last_n", "draft_num_predict", "unheard_of",
)  # fmt: skip
METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "POST")
TYPES = ("text/plain", "application/json; charset=latin-1", "multipart/form-data", "", "application/x-ndjson")


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it goes over the wire."""

    method: str
    path: str
    raw: bytes | None
    headers: dict[str, str] = field(default_factory=dict)


def spoilt(asked: Asked, random: Random) -> Sent:
    """`asked` with one to three things changed."""
    body, path, method, headers = deepcopy(asked.body), asked.path, asked.method, dict(asked.headers)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if body is not None:
            body = random.choice(_CHANGES)(body, random)
    raw = asked.raw if body is None else json.dumps(body).encode()
    if asked.raw is not None and random.random() < 0.8:
        raw = _spoilt_bytes(asked.raw, random)
    match random.randrange(24):
        case 0 if raw:
            raw = _spoilt_bytes(raw, random)
        case 1 if body is not None:
            raw = json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        case 2:
            method = random.choice(METHODS)
        case 3:
            path = random.choice((path + "/", path.upper(), "/" + path, path + "?a=%00", path.replace("api", "%61pi")))
        case 4:
            headers["Content-Type"] = random.choice(TYPES)
        case 5:
            path = path.replace("0" * 64, random.choice(("0" * 63, "%2e%2e", "G" * 64, "0" * 64 + "%0a")))
        case 6 if headers:
            name = random.choice(list(headers))
            headers[name] = random.choice(("", "x" * 300, "-1", "bytes=5-", "bytes=-0", "\xff"))
        case 7 if "?" in path:
            path = path.replace("=", random.choice(("=-1&", "=%00", "=9" * 20, "=x&x=")), 1)
    return Sent(method, path, raw, headers)


def plain(asked: Asked) -> Sent:
    """`asked` as it is."""
    raw = asked.raw if asked.body is None else json.dumps(asked.body).encode()
    return Sent(asked.method, asked.path, raw, dict(asked.headers))


def _paths(value: Any, at: Path = ()) -> list[Path]:
    """Every place in `value`, itself first."""
    found = [at]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if len(at) < 12:
            found += _paths(item, (*at, key))
    return found


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _put(value: Any, path: Path, new: Any) -> Any:
    if not path:
        return new
    _at(value, path[:-1])[path[-1]] = new
    return value


def _replace(body: Any, random: Random) -> Any:
    return _put(body, random.choice(_paths(body)), deepcopy(random.choice(STRANGE)))


def _replace_top(body: Any, random: Random) -> Any:
    """The fields of the request itself, which a choice among all places would seldom hit."""
    if isinstance(body, dict) and body:
        body[random.choice(list(body))] = deepcopy(random.choice(STRANGE))
    return body


def _leave_out(body: Any, random: Random) -> Any:
    path = random.choice(_paths(body))
    if path:
        del _at(body, path[:-1])[path[-1]]
    return body


def _wrap(body: Any, random: Random) -> Any:
    path = random.choice(_paths(body))
    old = _at(body, path)
    return _put(body, path, random.choice(([old], {"a": old}, [old, old])))


def _move(body: Any, random: Random) -> Any:
    one, other = random.choice(_paths(body)), random.choice(_paths(body))
    return _put(body, one, deepcopy(_at(body, other)))


def _repeat(body: Any, random: Random) -> Any:
    path = random.choice(_paths(body))
    old = _at(body, path)
    return _put(body, path, old * random.choice((2, 50))) if isinstance(old, list | str) else body


def _rename(body: Any, random: Random) -> Any:
    places = [path for path in _paths(body) if path and isinstance(path[-1], str)]
    if not places:
        return body
    path = random.choice(places)
    holder = _at(body, path[:-1])
    key = str(path[-1])
    holder[random.choice((key.upper(), key + " ", "", "unknown", "\ud800"))] = holder.pop(key)
    return body


def _set_option(body: Any, random: Random) -> Any:
    if isinstance(body, dict):
        options = body.get("options")
        body["options"] = {
            **(options if isinstance(options, dict) else {}),
            random.choice(OPTIONS): deepcopy(random.choice(STRANGE)),
        }
    return body


def _cut_text(body: Any, random: Random) -> Any:
    places = [path for path in _paths(body) if isinstance(_at(body, path), str) and _at(body, path)]
    if not places:
        return body
    path = random.choice(places)
    old: str = _at(body, path)
    place = random.randrange(len(old))
    return _put(body, path, old[:place] + random.choice(("", "\0", "\ud83d", '"', "\\u12", "🦙")) + old[place + 1 :])


_CHANGES: tuple[Callable[[Any, Random], Any], ...] = (
    _replace, _replace, _replace_top, _replace_top, _leave_out, _wrap, _move, _repeat, _rename, _set_option, _cut_text,
)  # fmt: skip


def _spoilt_bytes(raw: bytes, random: Random) -> bytes:
    place = random.randrange(len(raw))
    match random.randrange(5):
        case 0:
            return raw[:place]
        case 1:
            return raw[:place] + bytes((random.randrange(256),)) + raw[place + 1 :]
        case 2:
            return raw[:place] + random.randbytes(4) + raw[place:]
        case 3:
            return raw + raw
        case _:
            return random.choice(
                (b"", b"null", b"[]", b"1", b'"', b"\xff\xfe{\0}\0", b"\xef\xbb\xbf" + raw, b"[" * 5000)
            )

"""Decides what a method and a path lead to. Pure; what is sent is the business of app.py.

1. A path is cleaned of `//`, `.` and `..` first; a client that wrote one is sent to the clean path.
2. A known path with that method has an endpoint.
3. A known path with a trailing slash too many is sent to the path without it.
4. A known path with other methods says which ones; anything else is not found.
Paths are case-sensitive and matched after percent-decoding. A `:name` matches one segment that is not empty, a `*name`
one or more of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

EndpointT = TypeVar("EndpointT")
_ALLOW_ORDER = ("HEAD", "GET", "POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Route(Generic[EndpointT]):
    """One row of the table of routes."""

    method: str
    path: str
    endpoint: EndpointT


@dataclass(frozen=True, slots=True)
class Found(Generic[EndpointT]):
    """An endpoint, and the parameters of its path."""

    endpoint: EndpointT
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Redirect:
    """The client should ask for `path` instead."""

    status: int
    path: str


@dataclass(frozen=True, slots=True)
class MethodNotAllowed:
    """The path is known, the method is not; `allowed` are those that are."""

    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NotFound:
    """No such path."""


Outcome = Found[EndpointT] | Redirect | MethodNotAllowed | NotFound


class Router(Generic[EndpointT]):
    """The table of routes, arranged for looking up."""

    def __init__(self, routes: Iterable[Route[EndpointT]]) -> None:
        self._fixed: dict[str, dict[str, EndpointT]] = {}
        self._patterns: dict[tuple[str, ...], dict[str, EndpointT]] = {}
        for route in routes:
            if ":" in route.path or "*" in route.path:
                methods = self._patterns.setdefault(tuple(route.path.split("/")), {})
            else:
                methods = self._fixed.setdefault(route.path, {})
            methods[route.method] = route.endpoint

    def resolve(self, method: str, path: str) -> Outcome[EndpointT]:
        """What `method` on `path` (percent-decoded) leads to."""
        clean = clean_path(path)
        if clean != path:
            return Redirect(307, clean)
        methods, parameters = self._methods(path)
        if method in methods:
            return Found(methods[method], parameters)
        shorter = path[:-1]
        if path.endswith("/") and method in self._methods(shorter)[0]:
            return Redirect(301 if method == "GET" else 307, shorter)
        if methods:
            return MethodNotAllowed(tuple(sorted(methods, key=_ALLOW_ORDER.index)))
        return NotFound()

    def _methods(self, path: str) -> tuple[Mapping[str, EndpointT], Mapping[str, str]]:
        if path in self._fixed:
            return self._fixed[path], {}
        segments = path.split("/")
        for pattern, methods in self._patterns.items():
            parameters = _matched(pattern, segments)
            if parameters is not None:
                return methods, parameters
        return {}, {}


def clean_path(path: str) -> str:
    """`path` with an opening slash, without empty, `.` and `..` segments; a trailing slash stays."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and segments[-1] == "" else "")


def _matched(pattern: tuple[str, ...], segments: list[str]) -> dict[str, str] | None:
    segments = _gathered(pattern, segments)
    if len(pattern) != len(segments):
        return None
    parameters: dict[str, str] = {}
    for wanted, segment in zip(pattern, segments, strict=True):
        if wanted.startswith((":", "*")) and segment:
            parameters[wanted[1:]] = segment
        elif wanted != segment:
            return None
    return parameters


def _gathered(pattern: tuple[str, ...], segments: list[str]) -> list[str]:
    """The segments with those that a `*name` takes joined into one."""
    place = next((place for place, wanted in enumerate(pattern) if wanted.startswith("*")), None)
    more = len(segments) - len(pattern)
    if place is None or more < 1:
        return segments
    return [*segments[:place], "/".join(segments[place : place + more + 1]), *segments[place + more + 1 :]]

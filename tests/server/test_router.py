"""Redirects, methods and parameters; every path ends in exactly one outcome."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tampu.server.router import Found, MethodNotAllowed, NotFound, Redirect, Route, Router, clean_path

ROUTER = Router(
    [
        Route("GET", "/", "root"),
        Route("GET", "/api/tags", "tags"),
        Route("HEAD", "/api/tags", "tags"),
        Route("POST", "/api/chat", "chat"),
        Route("POST", "/api/blobs/:digest", "upload"),
        Route("HEAD", "/api/blobs/:digest", "has"),
    ]
)
paths = st.lists(st.sampled_from(["", ".", "..", "api", "tags", "blobs", "chat", "x", "...", ".x"]), max_size=6).map(
    lambda parts: "/" + "/".join(parts)
)


@pytest.mark.parametrize(
    ("method", "path", "outcome"),
    [
        ("GET", "/", Found("root")),
        ("GET", "/api/tags", Found("tags")),
        ("POST", "/api/tags", MethodNotAllowed(("HEAD", "GET"))),
        ("GET", "/api/blobs/sha256:0", MethodNotAllowed(("HEAD", "POST"))),
        ("POST", "/api/blobs/sha256:0", Found("upload", {"digest": "sha256:0"})),
        ("POST", "/api/blobs/a/b", NotFound()),
        ("GET", "/api/tags/", Redirect(301, "/api/tags")),
        ("HEAD", "/api/tags/", Redirect(307, "/api/tags")),
        ("POST", "/api/chat/", Redirect(307, "/api/chat")),
        ("POST", "/api/blobs/x/", Redirect(307, "/api/blobs/x")),
        ("GET", "/api/chat/", NotFound()),
        ("GET", "/API/tags", NotFound()),
        ("GET", "//api/tags", Redirect(307, "/api/tags")),
        ("POST", "/api/x/../chat", Redirect(307, "/api/chat")),
        ("GET", "/..", Redirect(307, "/")),
        ("GET", "", Redirect(307, "/")),
        ("OPTIONS", "*", Redirect(307, "/*")),
    ],
)
def test_outcomes(method: str, path: str, outcome: object) -> None:
    assert ROUTER.resolve(method, path) == outcome


@given(paths)
def test_a_clean_path_is_clean_and_stays_so(path: str) -> None:
    clean = clean_path(path)
    assert clean_path(clean) == clean
    assert clean.rstrip("/") == posixpath.normpath(clean).lstrip("/").join(["/", ""]).rstrip("/")
    assert clean.startswith("/")
    assert not clean.startswith("//")


@given(st.sampled_from(["GET", "POST", "HEAD", "PUT"]), paths)
def test_redirects_lead_somewhere_else_and_end(method: str, path: str) -> None:
    seen = set()
    outcome = ROUTER.resolve(method, path)
    while isinstance(outcome, Redirect):
        assert outcome.path not in seen
        seen.add(outcome.path)
        outcome = ROUTER.resolve(method, outcome.path)
    assert len(seen) <= 2


def test_a_name_of_several_segments_is_gathered() -> None:
    router = Router([Route("GET", "/v2/*name/tags/list", "tags"), Route("GET", "/v2/*name/blobs/:digest", "blob")])
    assert router.resolve("GET", "/v2/a/b/c/tags/list") == Found("tags", {"name": "a/b/c"})
    assert router.resolve("GET", "/v2/x/blobs/d") == Found("blob", {"name": "x", "digest": "d"})
    assert router.resolve("GET", "/v2/tags/list") == NotFound()
    assert router.resolve("GET", "/v2/x/blobs/") == NotFound()
    assert router.resolve("GET", "/v2/a/blobs/b/tags/list") == Found("tags", {"name": "a/blobs/b"})

"""What people can do about an error of a registry, said below its own words, which clients of Ollama know."""

from typing import Final

from tampu.errors import ServerError

_HINTS: Final = (
    (
        ("no such host", "i/o timeout", "network is unreachable", "no route to host"),
        "There seems to be no way to that host from here. Models that are stored work without a network.",
    ),
    (
        ("does not match original host",),
        "The registry has its tokens given by another host, which is told nothing of you, for it could be anybody's.",
    ),
)


def with_hint(error: ServerError) -> ServerError:
    """The error with a hint, if there is one for it."""
    hint = next((hint for signs, hint in _HINTS if any(sign in error.message for sign in signs)), "")
    return ServerError(f"{error.message}\n\n{hint}", status=error.status) if hint else error

import pytest

from tampu.errors import BadRequest
from tampu.store.remote import remote_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("example.test", "http://example.test:11434"),
        ("https://h.test", "https://h.test:11434"),
        ("http://h.test:8080/p", "http://h.test:8080/p"),
        ("h.test:99", "http://h.test:99"),
        ("ollama.com", "https://ollama.com:443"),
        ("https://ollama.com", "https://ollama.com:443"),
        ("/x", "http://localhost:11434/x"),
        ("/", "http://localhost:11434"),
        ("http://h.test/a/../b/", "http://h.test:11434/b"),
        ("http://user:secret@h.test/?q=1#f", "http://h.test:11434"),
        ("http://[::1]:5", "http://[::1]:5"),
        ("HTTP://H.Test", "http://H.Test:11434"),
        ("//h.test", "http://localhost:11434/h.test"),
    ],
)
def test_one_spelling(text: str, url: str) -> None:
    assert remote_url(text) == url


@pytest.mark.parametrize(
    "text", ["ftp://a b", "a b", "ftp://h", "http://h:port", "http://h:99999", "http://[x", "h\n", "%41"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(BadRequest, match="bad remote"):
        remote_url(text)

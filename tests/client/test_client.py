"""The client against a scripted server: answers, streams, errors, uploads."""

import socket
import struct
import threading

import pytest

from tampu.client.client import Client
from tampu.client.connection import USER_AGENT
from tampu.config import Address
from tampu.errors import ServerError, ServerUnreachable, SignInRequired
from tests.fakes.stub_server import Answer, stub_server

DIGEST = "sha256:" + "a" * 64


def test_a_refused_connection_is_no_server() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = Client(Address("http", "127.0.0.1", closed.getsockname()[1]))
        assert client.is_answering() is False
        with pytest.raises(ServerUnreachable, match=r'Get "http://.*/api/tags": dial tcp .*: connect: connection ref'):
            client.list_models()


def test_an_unknown_host_is_told_apart_from_a_refusal() -> None:
    with pytest.raises(
        ServerUnreachable, match=r'Head "http://no-such-host.invalid:1/": dial tcp: lookup no-such-host\.invalid: '
    ):
        Client(Address("http", "no-such-host.invalid", 1)).is_answering()


def test_lists_are_typed_and_nulls_mean_nothing() -> None:
    rows = [{"name": "a:latest", "size": 5, "details": None, "unknown": 1, "digest": "0" * 64}]
    with stub_server(
        {("GET", "/api/tags"): Answer({"models": rows}), ("GET", "/api/ps"): Answer({"models": None})}
    ) as s:
        client = Client(s.address)
        (model,) = client.list_models()
        assert (model.name, model.size, model.details.family) == ("a:latest", 5, "")
        assert client.loaded_models() == []


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (Answer({"error": "the shelf fell down"}, status=500), "the shelf fell down"),
        (Answer("<html>bad gateway</html>", status=502), "<html>bad gateway</html>"),
        (Answer("", status=503), "503 Service Unavailable"),
        (Answer("hello"), "invalid character 'h' looking for beginning of value"),
        (Answer(""), "unexpected end of JSON input"),
    ],
)
def test_errors_of_a_plain_answer(answer: Answer, text: str) -> None:
    with stub_server({("GET", "/api/tags"): answer}) as stub, pytest.raises(ServerError) as caught:
        Client(stub.address).list_models()
    assert caught.value.message == text


def test_an_error_before_a_stream_names_the_status() -> None:
    answer = Answer({"error": "model 'x' not found"}, status=404)
    with stub_server({("POST", "/api/generate"): answer}) as stub, pytest.raises(ServerError) as caught:
        list(Client(stub.address).generate({"model": "x"}))
    assert caught.value.message == "404 Not Found: model 'x' not found"
    assert caught.value.status == 404


def test_an_error_inside_a_stream_comes_after_its_pieces() -> None:
    lines = [{"response": "Hal"}, {"error": "the engine stopped"}]
    with stub_server({("POST", "/api/generate"): Answer(lines=lines)}) as stub:
        pieces = Client(stub.address).generate({"model": "x"})
        assert next(pieces).response == "Hal"
        with pytest.raises(ServerError, match=r"^the engine stopped$"):
            next(pieces)


def test_signing_in_is_asked_for_with_its_address() -> None:
    answer = Answer({"error": "unauthorized", "signin_url": "https://x.example/y"}, status=401)
    with stub_server({("POST", "/api/me"): answer, ("POST", "/api/push"): answer}) as stub:
        client = Client(stub.address)
        with pytest.raises(SignInRequired, match=r"something went wrong") as plain:
            client.user_name()
        with pytest.raises(SignInRequired, match=r"^401 Unauthorized$"):
            list(client.push("me/m"))
    assert plain.value.url == "https://x.example/y"


def test_a_stream_that_just_ends_is_an_answer() -> None:
    with stub_server({("POST", "/api/generate"): Answer(lines=[{"response": "Half"}])}) as stub:
        assert [piece.response for piece in Client(stub.address).generate({"model": "x"})] == ["Half"]


def test_a_stream_that_is_cut_is_none() -> None:
    cut = Answer(lines=[{"response": "Half"}], cut=True)
    with stub_server({("POST", "/api/generate"): cut}) as stub:
        pieces = Client(stub.address).generate({"model": "x"})
        assert next(pieces).response == "Half"
        with pytest.raises(ServerUnreachable, match="in the middle of its answer"):
            next(pieces)


def test_a_job_that_ends_before_success_has_failed() -> None:
    with stub_server({("POST", "/api/pull"): Answer(lines=[{"status": "pulling manifest"}])}) as stub:
        reports = Client(stub.address).pull("m")
        assert next(reports).status == "pulling manifest"
        with pytest.raises(ServerUnreachable, match="the last report was 'pulling manifest'"):
            next(reports)


def test_blobs_are_asked_for_and_sent(tmp_path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"x" * 3_000_000)
    sent: list[int] = []
    with stub_server({("POST", f"/api/blobs/{DIGEST}"): Answer({}, status=201)}) as stub:
        client = Client(stub.address)
        assert client.has_blob(DIGEST) is False
        client.upload_blob(DIGEST, path, on_sent=sent.append)
    assert sent[-1] == 3_000_000
    assert sent == sorted(sent)
    assert stub.bodies(f"/api/blobs/{DIGEST}")[-1] == path.read_bytes()


def test_hanging_up_ends_the_request() -> None:
    held = Answer(lines=[{"response": "one"}], hold=threading.Event())
    with stub_server({("POST", "/api/generate"): held}) as stub:
        pieces = Client(stub.address).generate({"model": "x"})
        next(pieces)
        pieces.close()
        assert stub.gone.wait(20)


def test_the_path_of_the_address_comes_first() -> None:
    with stub_server({("GET", "/deep/api/version"): Answer({"version": "1.2.3"})}) as stub:
        address = Address("http", stub.address.host, stub.address.port, "/deep")
        assert Client(address).version() == "1.2.3"
    assert USER_AGENT.startswith("tampu/")


def test_a_path_is_sent_as_an_address_needs_it() -> None:
    with stub_server({("GET", "/%C3%A4%20b%2Fc/api/version"): Answer({"version": "1.2.3"})}) as stub:
        address = Address("http", stub.address.host, stub.address.port, "/ä b%2Fc")
        assert Client(address).version() == "1.2.3"


def test_a_server_that_hangs_up_was_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(1)  # before that the client may be about to connect
            # Closing with a limit of no time resets the connection.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(ServerUnreachable) as caught:
            Client(Address("http", "127.0.0.1", listener.getsockname()[1])).list_models()
        thread.join()
    assert "dial" not in caught.value.message

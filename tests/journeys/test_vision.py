"""A model that sees, from the client to the engine: pictures change what it says, none is lost, bad ones are named."""

import base64
import hashlib
import io
import json
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import ollama
import pytest

from tests.journeys.conftest import Served, serving
from tests.vision import IMAGE_TOKENS, png, png_of, seeing_model

RED, BLUE = png(colour=(255, 0, 0)), png(colour=(0, 0, 255))
GO_TEMPLATE = "{{ range .Messages }}{{ .Role }}: {{ .Content }}\n{{ end }}assistant:"
GREEDY = {"temperature": 0, "num_predict": 8, "seed": 1}
EVERY_PATH = pytest.mark.parametrize("model", ["seeing", "seeing-itself"])
"""A Go template of ours, and the engine's own chat path."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home"), OLLAMA_NUM_PARALLEL="4") as server:
        files = {path.name: store(server, path) for path in seeing_model()}
        server.ask("/api/create", {"model": "seeing", "files": files, "template": GO_TEMPLATE, "stream": False})
        server.ask("/api/create", {"model": "seeing-itself", "files": files, "stream": False})
        server.upload("http.gguf", "blind", template=GO_TEMPLATE)
        server.upload("http-jinja.gguf", "blind-itself")
        yield server


def store(server: Served, path: Path) -> str:
    data = path.read_bytes()
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert server.request("POST", f"/api/blobs/{digest}", data)[0] in {200, 201}
    return digest


def encoded(*images: bytes) -> list[str]:
    return [base64.b64encode(image).decode() for image in images]


def message(text: str, *images: bytes, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": text, **({"images": encoded(*images)} if images else {})}


def chat(served: Served, model: str, *messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
    fields = {"options": GREEDY, "stream": False, **fields}
    return served.ask("/api/chat", {"model": model, "messages": list(messages), **fields})


def refusal(served: Served, path: str, **body: Any) -> str:
    status, answer = served.request("POST", path, {"stream": False, **body})
    assert status == 400, answer
    return answer.decode()


def test_the_model_is_known_to_see(served: Served) -> None:
    assert served.ask("/api/show", {"model": "seeing"})["capabilities"] == ["completion", "vision"]
    assert served.ask("/api/show", {"model": "blind"})["capabilities"] == ["completion"]


@EVERY_PATH
def test_a_picture_counts_and_changes_the_answer(served: Served, model: str) -> None:
    blind, red, blue = (chat(served, model, message("what?", *images)) for images in ((), (RED,), (BLUE,)))
    assert red["prompt_eval_count"] == blue["prompt_eval_count"] >= blind["prompt_eval_count"] + IMAGE_TOKENS
    texts = {answer["message"]["content"] for answer in (blind, red, blue)}
    assert len(texts) == 3


@EVERY_PATH
def test_an_answer_about_a_picture_is_held_to_its_form(served: Served, model: str) -> None:
    form = {"type": "object", "properties": {"n": {"enum": [7]}}, "required": ["n"], "additionalProperties": False}
    options = {**GREEDY, "num_predict": 60}
    blind, red = (
        chat(served, model, message("what?", *images), format=form, options=options) for images in ((), (RED,))
    )
    assert json.loads(red["message"]["content"]) == {"n": 7}
    assert red["prompt_eval_count"] >= blind["prompt_eval_count"] + IMAGE_TOKENS
    never = {"type": "object", "properties": {"n": {"pattern": "(?=x)"}}, "required": ["n"]}
    asked = {"model": model, "messages": [message("what?", RED)], "format": never}
    assert "#/properties/n" in refusal(served, "/api/chat", **asked)


@EVERY_PATH
def test_the_order_of_pictures_is_kept(served: Served, model: str) -> None:
    answers = [chat(served, model, message("what?", *pair)) for pair in ((RED, BLUE), (BLUE, RED), (RED, RED))]
    assert len({answer["message"]["content"] for answer in answers}) == 3
    assert len({answer["prompt_eval_count"] for answer in answers}) == 1


@EVERY_PATH
def test_a_picture_in_an_earlier_message_is_seen(served: Served, model: str) -> None:
    def asked(*images: bytes) -> dict[str, Any]:
        talk = [message("see", *images), message("i see", role="assistant"), message("what is it?")]
        return chat(served, model, *talk)

    blind, red, blue = asked(), asked(RED), asked(BLUE)
    assert len({answer["message"]["content"] for answer in (blind, red, blue)}) == 3


def test_placeholders_say_which_picture_goes_where(served: Served) -> None:
    """Three pictures and two places: the third goes in front, and is seen there."""
    green = png(colour=(0, 255, 0))
    inside = chat(served, "seeing", message("see [img] and [img]?", RED, BLUE, green))
    spelled = served.ask(
        "/api/generate",
        {"model": "seeing", "raw": True, "prompt": "user: [img-2]see [img-0] and [img-1]?\nassistant:",
         "images": encoded(RED, BLUE, green), "options": GREEDY, "stream": False},
    )  # fmt: skip
    moved = served.ask(
        "/api/generate",
        {"model": "seeing", "raw": True, "prompt": "user: [img-0]see [img-1] and [img-2]?\nassistant:",
         "images": encoded(green, RED, BLUE), "options": GREEDY, "stream": False},
    )  # fmt: skip
    assert inside["message"]["content"] == spelled["response"] == moved["response"]


@EVERY_PATH
def test_generate(served: Served, model: str) -> None:
    def asked(*images: bytes, **fields: Any) -> dict[str, Any]:
        body = {"model": model, "prompt": "what?", "images": encoded(*images), "options": GREEDY, "stream": False}
        return served.ask("/api/generate", body | fields)

    blind, red, blue = asked(), asked(RED), asked(BLUE)
    assert len({answer["response"] for answer in (blind, red, blue)}) == 3
    assert red["prompt_eval_count"] >= blind["prompt_eval_count"] + IMAGE_TOKENS
    own_template = asked(RED, template="{{ .Prompt }} assistant:")
    assert own_template["prompt_eval_count"] > IMAGE_TOKENS, "a prompt without a place for it has it in front"
    assert asked(RED, raw=True)["prompt_eval_count"] > IMAGE_TOKENS


@EVERY_PATH
def test_what_does_not_fit_is_told(served: Served, model: str) -> None:
    """The old picture goes with its message, and that is told; one that cannot be left out is refused with numbers."""
    options = {**GREEDY, "num_ctx": 2048}
    long = "what is the sky? " * 60
    talk = [message(long, RED), message(long, role="assistant"), message(long, role="user"), message("what?", BLUE)]
    answer = chat(served, model, *talk, options=options)
    assert answer["dropped"]["messages"] >= 1
    kept = chat(served, model, *talk[answer["dropped"]["messages"] :], options=options)
    assert kept["message"]["content"] == answer["message"]["content"]
    assert "dropped" not in kept
    told = refusal(served, "/api/chat", model=model, messages=talk, options=options, truncate=False)
    assert "2048" in told
    too_long = message("what is the sky? " * 600, RED)
    assert "2048" in refusal(served, "/api/chat", model=model, messages=[too_long], options=options)


@EVERY_PATH
def test_many_at_once_see_their_own_picture(served: Served, model: str) -> None:
    colours = [(index * 30, 255 - index * 30, 128) for index in range(8)]
    asked = [message("what?", png(colour=colour)) for colour in colours]
    one_by_one = [chat(served, model, item)["message"]["content"] for item in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda item: chat(served, model, item)["message"]["content"], asked))
    # Batches of different sizes add up in another order; a picture of another's would change nearly all.
    assert sum(a == b for a, b in zip(one_by_one, together, strict=True)) >= 6


@pytest.mark.parametrize("model", ["blind", "blind-itself"])
def test_a_model_that_does_not_see_says_so(served: Served, model: str) -> None:
    for path, body in (
        ("/api/generate", {"prompt": "what?", "images": encoded(RED)}),
        ("/api/chat", {"messages": [message("what?", RED)]}),
    ):
        told = refusal(served, path, model=model, **body)
        assert "does not support images" in told
        assert model in told
    wav = sound()
    assert "does not support sound" in refusal(served, "/api/generate", model=model, prompt="x", images=encoded(wav))


def sound(rate: int = 16000) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\0\0" * 1600)
    return written.getvalue()


@EVERY_PATH
@pytest.mark.parametrize(
    ("image", "words"),
    [
        (b"", "is empty"),
        (b"no picture at all", "no kind that can be read"),
        (b"%PDF-1.7 ", "no kind that can be read"),
        (b"P6 100000 100000 255 ", "no kind that can be read"),
        (RED[:20], "damaged PNG"),
        (RED[:60], "cannot be decoded"),
        (png_of(60_000, 60_000, b""), "60000 x 60000 pixels"),
        (png_of(0, 5, b""), "damaged PNG"),
        (b"GIF89a\xff\xff\xff\xff\0\0\0", "65535 x 65535 pixels"),
        (b"BM" + bytes(12) + b"\x28\0\0\0\xff\xff\xff\x7f\xff\xff\xff\x7f", "pixels"),
        (b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff", "pixels"),
        (sound(), "does not support sound"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[:8].hex(),
)
def test_a_bad_picture_is_refused_in_words(served: Served, model: str, image: bytes, words: str) -> None:
    told = refusal(served, "/api/chat", model=model, messages=[message("a"), message("what?", RED, image)])
    assert words in told
    assert "support" in words or "decoded" in words or "messages[1].images[1]" in told
    told = refusal(served, "/api/generate", model=model, prompt="what?", images=encoded(image))
    assert words in told


def test_what_is_no_base64_is_refused_by_its_place(served: Served) -> None:
    for bad, place in (("@@", "images[1]"), ("iVBO", None), (f"data:image/png;base64,{encoded(RED)[0]}", "images[1]")):
        told = refusal(served, "/api/generate", model="seeing", prompt="what?", images=[*encoded(RED), bad])
        assert place is None or place in told
    assert "data:image/png;base64," in told
    for wrong in ("x", [1], [None, {}], {"a": 1}, [["x"]]):
        assert "images" in refusal(served, "/api/generate", model="seeing", prompt="what?", images=wrong)


def test_too_many_pixels_or_pictures_together(served: Served) -> None:
    large = png_of(7000, 7000, b"")
    told = refusal(served, "/api/generate", model="seeing", prompt="x", images=encoded(large, large, large))
    assert "147 megapixels together" in told
    told = refusal(served, "/api/generate", model="seeing", prompt="x", images=encoded(*[RED] * 300))
    assert "at most 256" in told


def test_a_webp_is_seen_like_the_png_of_it(served: Served) -> None:
    image = pytest.importorskip("PIL.Image", reason="the extra `webp` is not installed")
    written = io.BytesIO()
    image.open(io.BytesIO(RED)).save(written, "WEBP", lossless=True)
    answers = [chat(served, "seeing", message("what?", picture)) for picture in (RED, written.getvalue())]
    assert answers[0]["message"]["content"] == answers[1]["message"]["content"]
    told = refusal(served, "/api/generate", model="seeing", prompt="x", images=encoded(written.getvalue()[:30]))
    assert "images[0] is a damaged WebP" in told


def test_the_official_client_with_pictures(served: Served, tmp_path: Path) -> None:
    """The documented ways to give one: a path, bytes, base64; in chats and in generate; streaming."""
    file = tmp_path / "picture.png"
    file.write_bytes(RED)
    with ollama.Client(served.url) as client:
        answers = {
            client.chat(
                model="seeing",
                messages=[{"role": "user", "content": "What is in this image?", "images": [given]}],
                options=GREEDY,
            ).message.content
            for given in (str(file), RED, encoded(RED)[0])
        }
        assert len(answers) == 1
        said = client.generate("seeing", "explain this comic:", images=[file], stream=True, options=GREEDY)
        assert "".join(part.response for part in said)


def test_a_request_that_only_loads_or_shows_its_prompt_needs_no_picture(served: Served) -> None:
    assert (
        served.ask("/api/generate", {"model": "seeing", "images": ["eA=="], "stream": False})["done_reason"] == "load"
    )
    body = {"model": "blind", "messages": [message("hi", RED)], "stream": False, "_debug_render_only": True}
    assert "[img-0]hi" in served.ask("/api/chat", body)["_debug_info"]["rendered_template"]

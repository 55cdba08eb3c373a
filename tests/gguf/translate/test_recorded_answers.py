"""Every published layout that we know, translated and run by the real engine: it answers as was recorded."""

import base64
import io
import math
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tampu.engine.process import ChildEngine
from tampu.gguf.reader import read_header
from tests.engine.running import running
from tests.gguf.translate.variants import ANSWERS_AS, VARIANTS, variant
from tests.published import NAMES, NATIVE, planned_views, published_answers, published_model, views_of, written

pytestmark = pytest.mark.anyio

TOLERANCE = 0.02
SEEN_TOLERANCE = 0.03
VECTOR_TOLERANCE = 0.002
# Between versions of the engine, also without any translation:
UNSTEADY_EYES = {"deepseekocr": 0.2}
"""An encoder that magnifies rounding; its recorded answers move as much between kernels."""
NEAR_TIES = {("nemotron_h_omni", 0): 2}
"""By model and prompt: the one step at which two experts of a block are as good as equal, so that rounding chooses."""
_TIED_EXPERT = ("blk.3.exp_probs_b.bias", 1, 1e-4)
"""Whose advantage makes the bundled engine choose at that step as the recorded one does."""
OTHER_PICTURES = {"gemma4", "glmocr"}
"""The bundled engine resizes their pictures in another way than the recorded one; only the counts of tokens agree."""
IMAGE_TOKENS = {"gemma4": (40, 280)}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.recorded("gguf/published")
@pytest.mark.parametrize("name", NAMES)
async def test_a_published_model_answers_as_recorded(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if name in OTHER_PICTURES or name in UNSTEADY_EYES or any(name == model for model, _ in NEAR_TIES):
        record_property("explained", ["Other builds of an engine round otherwise"])
    text, projector = views_of(name)
    assert (text is None) == (name in NATIVE or name == "llava")
    model = published_model(name) if text is None else written(text, tmp_path / "text.gguf")
    projectors = () if projector is None else (written(projector, tmp_path / "projector.gguf"),)
    await _check_answers(name, model, projectors)
    assert bool(projectors) == bool(published_answers(name).get("vision"))


async def test_where_experts_tie_the_least_advantage_of_one_gives_the_recorded_answer(tmp_path: Path) -> None:
    name, expert, advantage = _TIED_EXPERT
    text, _ = views_of("nemotron_h_omni")
    assert text is not None
    model = written(text, tmp_path / "text.gguf")
    header, content = read_header(model), bytearray(model.read_bytes())
    (tensor,) = (tensor for tensor in header.tensors if tensor.name == name)
    at = header.data_offset + tensor.offset + 4 * expert
    struct.pack_into("<f", content, at, struct.unpack_from("<f", content, at)[0] + advantage)
    model.write_bytes(content)
    async with running(model, num_ctx=2048) as child:
        for case in published_answers("nemotron_h_omni")["text"]:
            _check_answer(await _completed(child, case["prompt"], n_predict=20), case, TOLERANCE)


@pytest.mark.parametrize("name", sorted(ANSWERS_AS))
async def test_a_variant_answers_as_the_recorded_model_that_it_is_made_of(name: str, tmp_path: Path) -> None:
    model, projectors = _views_of_variant(name, tmp_path)
    await _check_answers(ANSWERS_AS[name], model, projectors)


async def _check_answers(name: str, model: Path, projectors: tuple[Path, ...]) -> None:
    answers = published_answers(name)
    least, most = IMAGE_TOKENS.get(name, (None, None))
    async with running(
        model,
        num_ctx=2048,
        projector_paths=projectors,
        embedding="embedding" in answers,
        least_image_tokens=least,
        most_image_tokens=most,
    ) as child:
        for case in answers.get("tokenize", ()):
            assert await child.engine.tokenize(case["text"], add_special=case["add_special"]) == case["ids"]
        for number, case in enumerate(answers.get("text", ())):
            tied = NEAR_TIES.get((name, number))
            _check_answer(await _completed(child, case["prompt"], n_predict=20), case, TOLERANCE, tied=tied)
        for case in answers.get("vision") or () if projectors else ():
            await _check_vision(child, name, case)
        for case in answers.get("embedding", ()):
            (vector,) = (await child.engine.embed([case["tokens"]])).vectors
            assert vector == pytest.approx(case["embedding"], abs=VECTOR_TOLERANCE)


def _views_of_variant(name: str, folder: Path) -> tuple[Path, tuple[Path, ...]]:
    text, projector = planned_views(variant(name), read_header(variant(name)))
    assert text is not None
    projectors = () if projector is None else (written(projector, folder / "projector.gguf"),)
    return written(text, folder / "text.gguf"), projectors


async def test_a_dense_nemotron_h_omni_sees(tmp_path: Path) -> None:
    model, projectors = _views_of_variant("nemotron_h_omni-dense", tmp_path)
    (case,) = published_answers("nemotron_h_omni")["vision"][:1]
    async with running(model, num_ctx=2048, projector_paths=projectors) as child:
        assert (await _completed(child, [5, 6, 7], n_predict=5))["tokens_evaluated"] == 3
        text = case["prompt"].replace("<__media__>", child.engine.properties.media_marker)
        prompt = {"prompt_string": text, "multimodal_data": [case["image_png_base64"]]}
        assert (await _completed(child, prompt, n_predict=5))["tokens_evaluated"] == case["prompt_tokens"]


async def test_gemma4_hears_what_is_in_the_same_file(tmp_path: Path) -> None:
    model, projectors = _views_of_variant("gemma4-sound", tmp_path)
    async with running(model, num_ctx=2048, projector_paths=projectors) as child:
        heard = {}
        for pitch in (220, 880):
            prompt = {"prompt_string": child.engine.properties.media_marker, "multimodal_data": [_sound(pitch)]}
            answer = await _completed(child, prompt, n_predict=1)
            (step,) = answer["completion_probabilities"]
            heard[pitch] = answer["tokens_evaluated"], [each["logprob"] for each in step["top_logprobs"]]
    counts = {count for count, _ in heard.values()}
    assert len(counts) == 1
    assert min(counts) > 10  # 0.5 s, a token for each 40 ms
    assert heard[220][1] != heard[880][1]


def _sound(pitch: float, seconds: float = 0.5, rate: int = 16_000) -> str:
    samples = [int(20_000 * math.sin(2 * math.pi * pitch * at / rate)) for at in range(int(seconds * rate))]
    with io.BytesIO() as file:
        with wave.open(file, "wb") as sound:
            sound.setparams((1, 2, rate, len(samples), "NONE", ""))
            sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
        return base64.b64encode(file.getvalue()).decode()


def test_every_variant_is_run() -> None:
    assert set(VARIANTS) == {*ANSWERS_AS, "nemotron_h_omni-dense"}


async def _check_vision(child: ChildEngine, name: str, case: Any) -> None:
    text = case["prompt"].replace("<__media__>", child.engine.properties.media_marker)
    prompt = {"prompt_string": text, "multimodal_data": [case["image_png_base64"]]}
    answer = await _completed(child, prompt, n_predict=len(case["tokens"]))
    if name in OTHER_PICTURES:
        assert answer["tokens_evaluated"] == case["prompt_tokens"]
    else:
        _check_answer(answer, case, UNSTEADY_EYES.get(name, SEEN_TOLERANCE))


async def _completed(child: ChildEngine, prompt: Any, *, n_predict: int) -> Any:
    """The engine's own answer, which tells the ids of tokens."""
    body = {"prompt": prompt, "n_predict": n_predict, "temperature": 0, "n_probs": 5, "return_tokens": True}
    client: Any = child.engine
    connector = aiohttp.UnixConnector(client._address.socket)
    headers = {"Authorization": f"Bearer {client._key}"}
    async with (
        aiohttp.ClientSession(connector=connector, headers=headers) as session,
        session.post("http://engine/completion", json={**body, "cache_prompt": False}) as response,
    ):
        assert response.status == 200, await response.text()
        return await response.json()


def _check_answer(answer: Any, case: Any, tolerance: float, *, tied: int | None = None) -> None:
    assert answer["tokens"] == case["tokens"]
    assert answer["tokens_evaluated"] == case["prompt_tokens"]
    for number, (step, (_, _, best)) in enumerate(zip(answer["completion_probabilities"], case["steps"], strict=True)):
        if number == tied:
            continue
        got = {each["id"]: each["logprob"] for each in step["top_logprobs"]}
        shared = [(got[token], logprob) for token, logprob in best if token in got]
        assert len(shared) >= 4  # the fifth and the sixth may change places
        assert [each for each, _ in shared] == pytest.approx([each for _, each in shared], abs=tolerance)

"""Causes of failure read from engines' logs."""

import pytest

from tampu.engine.log_watch import LINE_LIMIT, TAIL_LINES, LogTail, cause_of_failure, last_words
from tampu.errors import EngineOutOfMemory, EngineStartFailed

STAMP = "0.00.004.432 E "


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        (
            "llama_model_load: error loading model: unknown model architecture: 'zlama'",
            EngineStartFailed,
            "the engine does not know the model architecture 'zlama'; a newer version of the engine may",
        ),
        (
            "ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory",
            EngineOutOfMemory,
            "the model does not fit into the memory that is free; use a smaller model or a smaller num_ctx",
        ),
        (
            "llama_kv_cache_init: failed to allocate buffer for kv cache",
            EngineOutOfMemory,
            "the model does not fit into the memory that is free; use a smaller model or a smaller num_ctx",
        ),
        (
            "  what():  Resource temporarily unavailable",
            EngineOutOfMemory,
            "the system gives the engine no further thread; its memory or its number of processes is used up",
        ),
        (
            "gguf_init_from_reader: invalid magic characters: 'hell', expected 'GGUF'",
            EngineStartFailed,
            "the model file is not a GGUF file",
        ),
        (
            "gguf_init_from_file: failed to open GGUF file '/home/ann/m.gguf' (No such file or directory)",
            EngineStartFailed,
            "the model file cannot be opened: No such file or directory",
        ),
        (
            "llama_model_load: error loading model: tensor 'x' data is not within the file bounds, model is corrupted",
            EngineStartFailed,
            "the model file is cut short or damaged; pull or create it again",
        ),
        (
            "llama_model_load: error loading model: missing tensor 'blk.0.x' in /home/ann/models/m.gguf",
            EngineStartFailed,
            "error loading model: missing tensor 'blk.0.x' in ...",
        ),
        (
            "/build/src/llama-context.cpp:2289: GGML_ASSERT(n_outputs_max <= cparams.n_outputs_max) failed",
            EngineStartFailed,
            "the engine gave up on a check of its own: n_outputs_max <= cparams.n_outputs_max",
        ),
        (
            "/build/src/llama-vocab.cpp:2665: GGML_ASSERT(id_to_token.size() == token_to_id.size()) failed",
            EngineStartFailed,
            'the key "tokenizer.ggml.tokens" of the model file has a token twice; pull or create the model again',
        ),
        (
            (
                "mtmd_init_from_file: error: mismatch between text model (n_embd = 160) and mmproj (n_embd = 48)\n"
                "hint: you may be using wrong mmproj\n\n"
                f"{STAMP}srv    load_model: failed to load multimodal model, '/home/ann/blobs/sha256-5'"
            ),
            EngineStartFailed,
            (
                "the projector sha256-5 was made for another model: this one takes vectors of 160 numbers, the "
                "projector gives 48; create the model with the projector that was published with it"
            ),
        ),
        (
            "clip_init: failed to load model '/home/ann/p.gguf': load_hparams: unknown projector type: x",
            EngineStartFailed,
            "the projector p.gguf cannot be loaded: load_hparams: unknown projector type: x",
        ),
    ],
)
def test_causes(line: str, kind: type, text: str) -> None:
    lines = ["0.00.001.000 W srv: hello", STAMP + line, STAMP + "srv load_model: failed to load model, '/home/ann/x'"]
    error = cause_of_failure(lines)
    assert type(error) is kind
    assert error.message == text


@pytest.mark.parametrize(("kind", "key"), [("pre-tokenizer type", "pre"), ("tokenizer", "model")])
def test_a_way_of_cutting_text_that_the_engine_does_not_know_is_named_with_its_key(kind: str, key: str) -> None:
    line = f"{STAMP}llama_model_load: error loading model: error loading model vocabulary: unknown {kind}: 'new-one'"
    error = cause_of_failure([line], "the engine (1.2)")
    assert isinstance(error, EngineStartFailed)
    assert f'"tokenizer.ggml.{key}" of the model file is "new-one", which the engine (1.2) does not' in error.message


def test_no_known_cause() -> None:
    assert cause_of_failure(["0.00.001.000 W srv: all is well"]) is None
    assert last_words([STAMP + "first", STAMP + "cannot map /var/lib/x/y.gguf", "", "  "]) == "cannot map ..."
    assert last_words([]) == ""


def test_the_tail_is_bounded() -> None:
    tail = LogTail()
    for number in range(3 * TAIL_LINES):
        tail.add(f"{number} " + "x" * 3 * LINE_LIMIT)
    assert len(tail.lines()) == TAIL_LINES
    assert tail.lines()[-1].startswith(f"{3 * TAIL_LINES - 1} ")
    assert max(map(len, tail.lines())) == LINE_LIMIT
    assert tail.line_count == 3 * TAIL_LINES


def test_lines_that_were_asked_for_push_no_others_out() -> None:
    tail, reached = LogTail(), list[str]()
    tail.add("0.00.052.562 E the reason")
    for number in range(2 * TAIL_LINES):
        tail.constraints.expect(f"barrier-{number}", lambda: reached.append("x"))
        tail.add(f"0.00.060.000 W srv operator(): got exception: barrier-{number}")
    assert tail.lines() == ["0.00.052.562 E the reason"]
    assert len(reached) == 2 * TAIL_LINES
    assert tail.line_count == 2 * TAIL_LINES + 1

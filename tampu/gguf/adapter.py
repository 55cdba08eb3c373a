"""Whether a LoRA adapter is whole, and whether it fits a model: what engines demand, told in words before one starts.

Pure. An adapter has two narrow tensors for each tensor `T` of the model that it changes: `T.lora_a` and `T.lora_b`.
"""

from collections.abc import Iterator
from typing import Final

from tampu.errors import InvalidModelFile
from tampu.gguf.header import Header, TensorInfo
from tampu.gguf.metadata import architecture_of

_A, _B = ".lora_a", ".lora_b"
_IGNORED: Final = "_norm.weight"
"""Engines leave such tensors out."""
_LOOKED_UP: Final = "token_embd.weight"
"""Its rows are looked up rather than multiplied, so the two sides change places."""


def check_adapter(adapter: Header) -> None:
    """Raise InvalidModelFile, naming the first problem, for what no engine takes as an adapter of any model."""
    for problem in _problems(adapter):
        raise InvalidModelFile(f"the adapter cannot be used: {problem}")


def check_fit(adapter: Header, weights: Header) -> None:
    """Raise InvalidModelFile, naming the first problem, for an adapter that was made for another model."""
    for problem in (*_problems(adapter), *_misfits(adapter, weights)):
        raise InvalidModelFile(f"the adapter does not fit the model: {problem}; use the model that it was trained on")


def _problems(adapter: Header) -> Iterator[str]:
    kind = adapter.metadata.get("adapter.type")
    if kind != "lora":
        yield f'its kind is "{kind}", only "lora" is supported' if kind is not None else "adapter.type is missing"
    named = {tensor.name for tensor in adapter.tensors}
    changed = sorted(name.removesuffix(_A).removesuffix(_B) for name in named if name.endswith((_A, _B)))
    if not changed:
        yield "it has no tensors that change a model"
    for name in changed:
        if not {name + _A, name + _B} <= named:
            yield f'of the two tensors for "{name}" one is missing'
    for name in sorted(named):
        if not name.endswith((_A, _B, _IGNORED)):
            yield f'"{name}" is no tensor of an adapter'
    for tensor in adapter.tensors:
        if len(tensor.shape) < 2:
            yield f'tensor "{tensor.name}" has fewer than two dimensions'


def _misfits(adapter: Header, weights: Header) -> Iterator[str]:
    made_for, architecture = architecture_of(adapter), architecture_of(weights)
    if made_for != architecture:
        yield f"it is made for {made_for}, the model is {architecture}"
    ours = {tensor.name: tensor for tensor in adapter.tensors}
    theirs = {tensor.name: tensor for tensor in weights.tensors}
    for tensor in adapter.tensors:
        name = tensor.name.removesuffix(_A)
        if name == tensor.name:
            continue
        if name not in theirs:
            yield f'the model has no tensor "{name}"'
        else:
            yield from _misshapen(theirs[name], tensor, ours[name + _B])


def _misshapen(changed: TensorInfo, a: TensorInfo, b: TensorInfo) -> Iterator[str]:
    there = changed.shape[:2]
    here = (a.shape[0], b.shape[1])
    if changed.name == _LOOKED_UP:
        here = here[1], here[0]
    if there != here:
        yield f'"{changed.name}" is {_sides(there)} in the model, {_sides(here)} in the adapter'
    elif a.shape[1] != b.shape[0]:
        yield f'the two tensors for "{changed.name}" do not belong together'


def _sides(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))

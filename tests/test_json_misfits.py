"""What is said of JSON whose values do not fit: word for word what clients of Ollama have always been told."""

from typing import Annotated, Any, ClassVar

import msgspec
import pytest

from tampu.errors import BadRequest
from tampu.json_misfits import READS_ITSELF, type_fault, unfit
from tampu.wire import Int64, decode


class Leaf(msgspec.Struct):
    go_name: ClassVar = "Leaf"

    id: str = ""
    index: int = 0


class Line(msgspec.Struct):
    go_name: ClassVar = "Line"
    reads_itself: ClassVar = True

    text: str = ""
    leaves: list[Leaf] = []


class Part(msgspec.Struct):
    go_name: ClassVar = "part.Part"

    size: Annotated[int, msgspec.Meta(title="int64")] = 0


class Nested(msgspec.Struct):
    go_name: ClassVar = "struct { Size float64 }"

    size: int | float | None = None


class Alone(msgspec.Struct):
    go_name: ClassVar = "part.Alone"
    reads_itself: ClassVar = True
    alias_name: ClassVar = "struct { Name string }"

    name: str = ""


class Shape(msgspec.Struct):
    kinds: Annotated[str | list[str], READS_ITSELF] = ""
    inner: Annotated[dict[str, "Shape"] | None, READS_ITSELF] = None


class Body(msgspec.Struct):
    go_name: ClassVar = "PlayRequest"

    model: str = ""
    stream: bool | None = None
    files: dict[str, str] | None = None
    options: dict[str, Any] = {}
    numbers: list[Int64] = []
    free: Any = None
    lines: list[Line] = []
    leaf: Leaf | None = None
    parts: tuple[Part, ...] = ()
    shape: Shape | None = None
    nested: Nested | None = None
    alone: list[Alone] = []
    ratio: Annotated[int | float | None, msgspec.Meta(title="float32")] = None


class Nameless(msgspec.Struct):
    model: str = ""


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ("[1]", "array into Go value of type api.PlayRequest"),
        ('"x"', "string into Go value of type api.PlayRequest"),
        ('{"model":1}', "number into Go struct field PlayRequest.model of type string"),
        ('{"MODEL":true}', "bool into Go struct field PlayRequest.model of type string"),
        ('{"stream":"x"}', "string into Go struct field PlayRequest.stream of type bool"),
        ('{"files":[]}', "array into Go struct field PlayRequest.files of type map[string]string"),
        ('{"files":{"a":{}}}', "object into Go struct field PlayRequest.files of type string"),
        ('{"options":1}', "number into Go struct field PlayRequest.options of type map[string]interface {}"),
        ('{"numbers":[1,2.50]}', "number 2.50 into Go struct field PlayRequest.numbers of type int"),
        (
            '{"numbers":[9223372036854775808]}',
            "number 9223372036854775808 into Go struct field PlayRequest.numbers of type int",
        ),
        ('{"lines":{}}', "object into Go struct field PlayRequest.lines of type []api.Line"),
        ('{"lines":["x"]}', "string into Go struct field PlayRequest.lines of type api.Alias"),
        ('{"lines":[{"text":1}]}', "number into Go struct field PlayRequest.lines.text of type string"),
        ('{"lines":[{"leaves":[{"id":1}]}]}', "number into Go struct field PlayRequest.lines.leaves.id of type string"),
        ('{"leaf":{"index":"1"}}', "string into Go struct field Leaf.leaf.index of type int"),
        ('{"options":{"a":[1,1e400]}}', "number 1e400 into Go struct field PlayRequest.options of type float64"),
        ('{"free":-1e999,"model":1}', "number -1e999 into Go struct field PlayRequest.free of type float64"),
        ('{"parts":1}', "number into Go struct field PlayRequest.parts of type []part.Part"),
        ('{"parts":[1]}', "number into Go struct field PlayRequest.parts of type part.Part"),
        ('{"parts":[{"size":"1"}]}', "string into Go struct field Part.parts.size of type int64"),
        ('{"nested":[]}', "array into Go struct field PlayRequest.nested of type struct { Size float64 }"),
        ('{"nested":{"size":"x"}}', "string into Go struct field .nested.size of type float64"),
        ('{"ratio":"x"}', "string into Go struct field PlayRequest.ratio of type float32"),
        ('{"alone":[5]}', "number into Go struct field PlayRequest.alone of type struct { Name string }"),
        ('{"model":1,"alone":[{"name":5}]}', "number into Go struct field PlayRequest.alone.name of type string"),
        ('{"shape":{"kinds":1}}', "number into Go struct field Shape.shape.kinds of type []string"),
        ('{"shape":{"kinds":["a",{}]}}', "object into Go struct field Shape.shape.kinds of type string"),
        ('{"model":1,"shape":{"inner":{"x":[]}}}', "array into Go struct field Shape.shape.inner of type api.Shape"),
        (
            '{"shape":{"inner":{"x":{"inner":{"y":{"kinds":true}}}}}}',
            "bool into Go struct field Shape.shape.inner.inner.kinds of type []string",
        ),
        ('{"stream":1,"model":2}', "number into Go struct field PlayRequest.stream of type bool"),
        ('{"model":1,"lines":[null,{"text":[]}]}', "array into Go struct field PlayRequest.lines.text of type string"),
    ],
)
def test_types(raw: str, fault: str) -> None:
    assert type_fault(raw.encode(), Body) == f"json: cannot unmarshal {fault}"
    with pytest.raises(BadRequest, match="json: cannot unmarshal"):
        decode(Body, raw.encode())


@pytest.mark.parametrize("value", ["1", "[]", '"x"', "true"])
def test_a_map_that_reads_itself_has_its_own_words(value: str) -> None:
    raw = b'{"model":1,"shape":{"inner":%s}}' % value.encode()
    assert type_fault(raw, Body) == "Value looks like object, but can't find closing '}' symbol"


@pytest.mark.parametrize("depth", [900, 5_000, 20_000])
def test_depth_is_refused_in_words(depth: int) -> None:
    with pytest.raises(BadRequest, match=r"nested too deeply|exceeded max depth|cannot unmarshal"):
        decode(Body, b'{"model":1,"free":' + b'[{"a":' * depth + b"1" + b"}]" * depth + b"}")


def test_a_body_without_such_a_name_keeps_our_words() -> None:
    with pytest.raises(BadRequest, match=r"json: expected `str`, got `int` - at `\$\.model`"):
        decode(Nameless, b'{"model":1}')


@pytest.mark.parametrize(
    "raw",
    [
        "{}",
        "null",
        '{"model":null,"free":[1,{}],"other":{"a":1},"numbers":[null,-1]}',
        '{"shape":{"kinds":"x","inner":{"y":null}}}',
    ],
)
def test_what_fits(raw: str) -> None:
    assert type_fault(raw.encode(), Body) == ""


def test_a_value_that_was_read_already() -> None:
    assert unfit({}, "string") == "json: cannot unmarshal object into Go value of type string"
    assert (
        unfit(True, "int", "Leaf.leaf.index")
        == "json: cannot unmarshal bool into Go struct field Leaf.leaf.index of type int"
    )

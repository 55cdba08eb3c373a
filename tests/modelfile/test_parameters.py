import time

import pytest

from tampu.errors import InvalidModelfile
from tampu.modelfile.document import Instruction, Kind, Modelfile
from tampu.modelfile.parameters import deprecated_parameters, deprecation_warning, parameters
from tampu.modelfile.parse import parse_modelfile
from tampu.options import OPTION_READERS, merge_options


def read(*lines):
    return parse_modelfile("\n".join(("FROM x", *(f"PARAMETER {line}" for line in lines), "")).encode())


def test_values_by_type():
    found = parameters(read("num_ctx 4096", "temperature 0.5", "use_mmap false", "stop a", "seed -1", "top_p 1"))
    assert found == {
        "num_ctx": 4096,
        "temperature": 0.5,
        "use_mmap": False,
        "stop": ["a"],
        "seed": -1,
        "top_p": 1.0,
    }


def test_stops_grow_and_the_last_of_others_counts():
    assert parameters(read("stop a", "top_k 1", 'stop " b "', "top_k 2")) == {"stop": ["a", " b "], "top_k": 2}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.123456789", 0.12345679),
        ("0.7", 0.7),
        ("16777217", 16777216.0),
        ("9223372036854775807", 9.223372e18),
        ("1e-50", 0.0),
        ("3.4028234e38", 3.4028235e38),
    ],
)
def test_fractions_have_the_digits_that_an_engine_takes(text, number):
    assert parameters(read(f"min_p {text}")) == {"min_p": number}


def test_large_numbers_as_show_prints_them():
    found = parameters(read("num_ctx 1.048576e+06", "seed 1.2345678901e+10"))
    assert found == {"num_ctx": 1048576, "seed": 12345678901}
    assert all(isinstance(value, int) for value in found.values())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("shoe_size 44", "unknown parameter 'shoe_size'"),
        (" stop a", "unknown parameter ''"),
        ("temperature warm", "invalid float value [warm]"),
        ("temperature nan", "invalid float value [nan]"),
        ("temperature 1_0", "invalid float value [1_0]"),
        ("temperature 1e999", "invalid float value [1e999]"),
        ("temperature 3.5e38", "invalid float value [3.5e38]"),
        ("num_ctx 1.5", "invalid int value [1.5]"),
        ("num_ctx 1.5e0", "invalid int value [1.5e0]"),
        ("num_ctx 1e30", "invalid int value [1e30]"),
        ("num_ctx \u0661", "invalid int value [\u0661]"),
        ("num_ctx 9223372036854775808", "invalid int value [9223372036854775808]"),
        ("num_ctx ", "invalid int value []"),
        ("use_mmap yes", "invalid bool value [yes]"),
        (f"seed {'9' * 5000}", f"invalid int value [{'9' * 5000}]"),
    ],
)
def test_errors(line, message):
    with pytest.raises(InvalidModelfile) as refused:
        parameters(read("top_k 1", line))
    assert refused.value.message == f"(line 3): {message}"


def test_deprecated_names_are_left_out_and_named():
    modelfile = read("mirostat 1", "top_k 3", "low_vram true")
    assert parameters(modelfile) == {"top_k": 3}
    assert deprecated_parameters(modelfile) == ["mirostat", "low_vram"]
    assert deprecation_warning("mirostat") == "warning: parameter mirostat is deprecated"


def test_every_option_of_a_run_can_be_set():
    samples = {"stop": "a", "use_mmap": "true"}
    found = parameters(read(*(f"{name} {samples.get(name, '1')}" for name in OPTION_READERS)))
    assert found.keys() == OPTION_READERS.keys()
    merge_options(found)


def test_no_line_is_named_of_what_was_not_read_from_a_file():
    typed = Modelfile((Instruction(Kind.PARAMETER, ("num_ctx", "many")),))
    with pytest.raises(InvalidModelfile, match=r"^invalid int value \[many\]$"):
        parameters(typed)


def test_many_words_to_stop_at_take_time_in_proportion():
    def seconds(count):
        modelfile = read(*["stop a"] * count)
        started = time.process_time()
        assert len(parameters(modelfile)["stop"]) == count
        return time.process_time() - started

    assert seconds(40_000) < 60 * max(seconds(2_000), 0.002)

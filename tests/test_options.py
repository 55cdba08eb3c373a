import pytest

from tampu.errors import InvalidParameter
from tampu.options import OPTION_READERS, LoadOptions, Options, Sampling, merge_options


def test_defaults() -> None:
    assert merge_options() == Options(LoadOptions(), Sampling())


def test_later_layers_win_key_by_key_and_null_keeps_the_layer_below() -> None:
    merged = merge_options({"temperature": 0.1, "seed": 1, "stop": ["a"]}, {"temperature": None, "seed": 2, "stop": []})
    assert merged.sampling == Sampling(temperature=0.1, seed=2, stop=())


def test_fractions_of_integers_are_cut_toward_zero() -> None:
    assert merge_options({"top_k": 40.9, "num_keep": -1.5}).sampling == Sampling(top_k=40, num_keep=-1)


@pytest.mark.parametrize(("value", "nearest"), [(10**30, 2**31 - 1), (1e308, 2**31 - 1), (-1e308, -(2**31))])
def test_integers_beyond_the_engines_are_the_nearest_it_has(value: float, nearest: int) -> None:
    merged = merge_options({"main_gpu": value, "num_predict": value, "seed": 2**40})
    assert (merged.load.main_gpu, merged.sampling.num_predict, merged.sampling.seed) == (nearest, nearest, 2**40)


def test_unknown_keys_change_nothing() -> None:
    assert merge_options({"mirostat": 1, "NUM_CTX": 7}) == Options()


@pytest.mark.parametrize("key", OPTION_READERS)
@pytest.mark.parametrize("value", ["x", {}, True, [1]])
def test_a_wrong_type_names_the_option(key: str, value: object) -> None:
    if key == "use_mmap" and value is True:
        return
    with pytest.raises(InvalidParameter, match=f'option "{key}" must be of'):
        merge_options({key: value})


def test_load_options_are_told_from_sampling() -> None:
    merged = merge_options({"num_ctx": 512, "num_predict": 5})
    assert merged.load == LoadOptions(num_ctx=512)
    assert merged.sampling == Sampling(num_predict=5)

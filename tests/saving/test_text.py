import json
import math
import pathlib

import numpy as np
import pytest
import yaml

from kforge.saving.errors import FileError, UnsafeFileError
from kforge.saving.text import dump_json, dump_yaml, load_json, load_yaml

GOLDEN = pathlib.Path(__file__).parents[1] / "data" / "golden" / "text.json"


def golden_models():
    cases = json.loads(GOLDEN.read_text())["cases"]
    return [pytest.param(c["out"], id=c["id"]) for c in cases if "yaml" in c["out"]]


class Thing:
    def get_config(self):
        return {"size": np.float32(0.5)}


class TestJson:
    @pytest.mark.parametrize("out", golden_models())
    def test_texts_of_keras_come_back_letter_by_letter(self, out):
        assert dump_json(load_json(out["json"])) == out["json"]
        assert dump_json(load_json(out["json"]), indent=2, sort_keys=True) == out["json_indent"]

    def test_bytes_and_numbers_that_are_none(self):
        value = load_json(b'{"a": [NaN, Infinity, -Infinity, 1e999], "b": "\\u00e9[[["}')
        assert math.isnan(value["a"][0])
        assert value["a"][1:] == [math.inf, -math.inf, math.inf]
        assert value["b"] == "é[[["
        assert dump_json([math.inf, math.nan]) == "[Infinity, NaN]"

    def test_objects_become_plain(self):
        value = {"a": np.int64(3), "b": np.arange(2), "c": Thing(), "d": len, "e": Thing, "f": (1,)}
        assert json.loads(dump_json(value)) == {
            "a": 3,
            "b": [0, 1],
            "c": {"class_name": "Thing", "config": {"size": 0.5}},
            "d": "len",
            "e": "Thing",
            "f": [1],
        }
        with pytest.raises(TypeError, match=r"Not JSON serializable: 1j of type complex"):
            dump_json({"a": 1j})

    def test_what_is_deep_but_honest_is_read(self):
        text = '{"config": [' * 120 + "1" + "]}" * 120
        assert json.dumps(load_json(text)) == text
        quotes = json.dumps(["[" * 1000, '\\"[' * 1000, "\\"] * 10)
        assert json.dumps(load_json(quotes)) == quotes

    def test_a_large_array_is_read(self):
        matrix = np.random.RandomState(0).rand(2000, 50)
        assert load_json(dump_json({"value": matrix}))["value"] == matrix.tolist()

    def test_other_syntax_is_an_error_of_json(self):
        with pytest.raises(json.JSONDecodeError, match="training_config: Expecting"):
            load_json("{'a': 1}", "training_config")
        with pytest.raises(TypeError, match="expected a string, got dict"):
            load_json({})


class TestYaml:
    @pytest.mark.parametrize("out", golden_models())
    def test_texts_of_keras_come_back_letter_by_letter(self, out):
        assert dump_yaml(load_yaml(out["yaml"])) == out["yaml"]

    def test_tags_of_python_2_and_3(self):
        text = "[!!python/tuple [1, null], !!python/unicode 'é', !!python/str b, 1.5e-3, yes]"
        assert load_yaml(text) == [(1, None), "é", "b", 0.0015, True]

    def test_numbers_of_numpy(self):
        """Keras 2.3.1 writes them for `ReLU(max_value=6)`, as MobileNet has it."""
        scalar, vector = np.float32(0.1), np.arange(3, dtype=">i2").reshape(3, 1)
        text = yaml.dump([vector, np.array(6.0, "float32"), np.asfortranarray(np.eye(2)), scalar])
        text = text.replace("numpy._core.", "numpy.core.")  # which NumPy 2 calls it
        assert load_yaml(text) == [[[0], [1], [2]], 6.0, [[1.0, 0.0], [0.0, 1.0]], scalar]

    @pytest.mark.parametrize("change", ["f4 O8", "f4 U9", "f4 c16", "AADAQA== AA=="])
    def test_numbers_of_numpy_and_nothing_else_of_it(self, change):
        text = yaml.dump(np.float32(6)).replace("numpy._core.", "numpy.core.")
        assert load_yaml(text) == 6.0
        with pytest.raises(FileError, match="not valid YAML"):
            load_yaml(text.replace(*change.split()))

    def test_aliases_are_shared_objects(self):
        shape = (1, 1)
        text = dump_yaml({"dilation_rate": shape, "strides": shape})
        assert text.count("&id001") == text.count("*id001") == 1
        assert load_yaml(text) == {"dilation_rate": shape, "strides": shape}

    def test_objects_become_plain(self):
        value = {"a": np.int64(3), "b": np.arange(2), "c": Thing(), "d": len}
        assert load_yaml(dump_yaml(value)) == {
            "a": 3,
            "b": [0, 1],
            "c": {"class_name": "Thing", "config": {"size": 0.5}},
            "d": "len",
        }
        with pytest.raises(TypeError, match="Not JSON serializable"):
            dump_yaml({"a": 1j})

    def test_the_writer_names_nothing_of_python_but_tuples(self):
        text = dump_yaml({"f": np.sin, "t": (np.float64(1),), "c": Thing})
        assert {word for word in text.split() if word.startswith("!!")} == {"!!python/tuple"}

    @pytest.mark.parametrize("text", ["a: b: c", "[", "*unknown", "!!int x", "!!bool x", "? [a]"])
    def test_other_syntax_is_an_error(self, text):
        with pytest.raises(FileError, match="not valid YAML"):
            load_yaml(text)
        assert not issubclass(FileError, UnsafeFileError)

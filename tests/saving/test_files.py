"""Files that other Keras versions saved: what they predict, and how their training goes on."""

import json
import warnings

import numpy as np
import pytest

import kforge
from tests import golden

FOREIGN = golden.DATA.parent / "foreign"

# Bytecode of Python 3.7, which no other Python can run.
BYTECODE = {"lambda", "lambda_arguments"}


@golden.cases("h5_keras122")
def test_keras_1_2(case):
    golden.check(case)


@golden.cases("h5_keras208")
def test_keras_2_0(case):
    golden.check(case)


@golden.cases("h5_keras224")
def test_keras_2_2(case):
    golden.check(case)


@golden.cases("h5_keras231")
def test_keras_2_3(case):
    if case.id in BYTECODE:
        with pytest.raises(ValueError, match="'lambda_1' holds a function as bytecode"):
            golden.run(case)
    elif case.id == "nested":  # a bias before a normalization: its gradient is rounding noise
        golden.check(case, atol=1e-3)
    else:
        golden.check(case)


@golden.cases("h5_tf_keras")
def test_tf_keras(case):
    if case.id == "weights_rnn":  # a GRU's defaults are others there
        with pytest.raises(ValueError, match="`reset_after=True`, the other without"):
            golden.run(case)
    elif case.id == "nested":  # so is the order of `get_weights`
        found, wanted = golden.run(case), case.expected()
        for name in ("predict", "resume"):
            golden.same(found[name], wanted[name], case.spec["rtol"], golden.ATOL)
    else:
        golden.check(case)


@pytest.mark.parametrize("name, function", [("lambda", None), ("lambda_arguments", "scale")])
def test_a_lambda_comes_back_as_the_callers_function(name, function):
    case = golden.load("h5_keras231")[name]
    functions = {
        None: lambda x: x,
        "scale": lambda x, factor=1.0: x * factor,
    }
    path = golden.DATA / "h5" / "keras231" / f"{name}.h5"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one of the files is of a model without training
        model = kforge.models.load_model(path, {"lambda_1": functions[function]})
    golden.same(model.get_weights(), case.expected()["weights"])
    if function == "scale":
        golden.same(model.predict(case.array("in_x0")), case.expected()["predict"], 1e-3)


def foreign():
    for path in sorted(FOREIGN.glob("*.json")):
        for name, case in json.loads(path.read_text())["cases"].items():
            yield pytest.param(case, id=name)


@pytest.mark.parametrize("case", list(foreign()))
def test_what_tf_keras_and_keras_3_save_today(case):
    model = kforge.models.load_model(FOREIGN / case["file"], compile="resume" in case)
    inputs = [np.array(x, "float32") for x in case["inputs"]]
    golden.same(model.predict(inputs), np.array(case["predict"]))
    if "resume" in case:
        with np.load(FOREIGN / "batch.npz") as batch:
            x, y = batch["x"], batch["y"]
        resumed = [model.train_on_batch(x, y)[0] for _ in range(3)]
        np.testing.assert_allclose(resumed, case["resume"], rtol=1e-5)
        assert model.metrics_names == ["loss", "mae"]

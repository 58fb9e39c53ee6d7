"""Architectures, weights and outputs as Keras 2.3.1 had them."""

import json

import numpy as np
import pytest

import kforge
from kforge import backend as K
from kforge import initializers
from tests import golden

pytestmark = pytest.mark.filterwarnings("ignore:The output shape of `ResNet50:UserWarning")


def architecture(model):
    """A model's JSON, without the code of lambdas, which is another one in each Python."""

    def clean(tree):
        if isinstance(tree, list):
            return [clean(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        found = {key: clean(value) for key, value in tree.items()}
        return {**found, "function": None} if "function_type" in found else found

    tree = clean(json.loads(model.to_json()))
    return {"class_name": tree["class_name"], "config": tree["config"]}


def formula_weights(model):
    """What the weights were when the outputs were recorded: random numbers, one seed a weight."""
    arrays = []
    for seed, weight in enumerate(w for layer in model.layers for w in layer.weights):
        random, shape = np.random.RandomState(seed), K.int_shape(weight)
        name = weight.name.split("/")[-1]
        if "variance" in name:
            array = random.uniform(0.8, 1.2, shape)
        elif "gamma" in name:
            array = random.uniform(0.8, 1.0, shape)
        elif len(shape) == 1:
            array = random.uniform(-0.1, 0.1, shape)
        else:
            inputs = shape[:-2] if "depthwise" in name else shape[:-1]
            array = random.normal(0, np.sqrt(1.5 / np.prod(inputs)), shape)
        arrays.append(array.astype("float32"))
    return arrays


@pytest.fixture(autouse=True)
def class_index(monkeypatch):
    """The programs put other names of classes there."""
    utils = kforge.applications.imagenet_utils
    monkeypatch.setattr(utils, "CLASS_INDEX", utils.CLASS_INDEX)


@golden.cases("applications")
def test_as_recorded(case):
    with initializers.deferred(lambda nbytes: None):  # weights do not matter, or are given
        golden.check(case, architecture=architecture, formula_weights=formula_weights)

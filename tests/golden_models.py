"""What models of Keras 2.3.1 computed: outputs, masks, gradients, and what a training step moves.

@golden_models.cases("models_conv")
def test_model(case):
    golden_models.check(case)
"""

import re

import numpy as np

import kforge
from kforge import backend as K
from tests import golden

cases = golden.cases

# Names of stored arrays that are given, not computed.
GIVEN = re.compile(r"(x|w|G|target)(_.*_)?\d+")


def check(case):
    """Builds the model of a case, and asserts that it computes what Keras's did."""
    kforge.config.reset_uids()
    layout = K.image_data_format()
    K.set_image_data_format(case.spec.get("image_data_format", layout))
    try:
        model = kforge.models.model_from_json(case.spec["model_json"], _custom_objects(case))
        model.set_weights(case.listed("w"))
        wanted = {n: case.array(n) for n in case.arrays if not GIVEN.fullmatch(n)}
        found = _results(model, case, wanted)
    finally:
        K.set_image_data_format(layout)
    tolerances = case.spec.get("rtol", golden.RTOL), case.spec.get("atol", golden.ATOL)
    golden.same(found, wanted, *tolerances)
    assert set(found) == set(wanted)


def _custom_objects(case):
    names = {"keras": kforge, "K": K, "L": kforge.layers, "np": np}
    known = set(names)
    exec(case.spec.get("custom", ""), names)
    return {k: v for k, v in names.items() if k not in known and isinstance(v, type)}


def _results(model, case, wanted):
    inputs = case.listed("x")
    found = _numbered("y", model.predict(inputs, batch_size=len(inputs[0])))
    for step in case.spec.get("more_batches", ()):  # of a stateful model
        if step == "reset":
            model.reset_states()
        else:
            batch = case.listed(f"x_{step}_")
            found |= _numbered(f"y_{step}_", model.predict(batch, batch_size=len(batch[0])))
    if "more_batches" in case.spec:
        model.reset_states()
    if "m0" in wanted:
        masks = model.compute_mask(list(model.inputs), None)
        masks = masks if isinstance(masks, list) else [masks]
        found |= _numbered("m", K.function(list(model.inputs), masks)(inputs))
    found |= _gradients(model, case, "", 0) | _gradients(model, case, "t", 1)
    if "tw0" in wanted:
        model.compile(kforge.optimizers.SGD(lr=0.0), "mse")
        model.train_on_batch(inputs, case.listed("target"))
        found |= _numbered("tw", model.get_weights())
    return {name: value for name, value in found.items() if name in wanted}


def _gradients(model, case, prefix, phase):
    """Gradients for inputs and weights, and in training the outputs, in one phase.

    A gradient that does not exist is absent.
    """
    if not any(name.startswith((f"{prefix}d", "ty")) for name in case.arrays):
        return {}
    total = sum(K.sum(y * K.constant(g)) for y, g in zip(model.outputs, case.listed("G")))
    variables = {f"{prefix}dx{i}": x for i, x in enumerate(model.inputs)}
    variables |= {f"{prefix}dw{i}": w for i, w in enumerate(model.trainable_weights)}
    wanted = dict(zip(variables, K.gradients(total, list(variables.values()))))
    if phase:
        wanted |= _numbered("ty", list(model.outputs))
    wanted = {name: K.identity(x) for name, x in wanted.items() if x is not None}
    run = K.function([*model.inputs, K.learning_phase()], list(wanted.values()))
    return dict(zip(wanted, run([*case.listed("x"), phase])))


def _numbered(prefix, values):
    values = values if isinstance(values, list) else [values]
    return {f"{prefix}{i}": value for i, value in enumerate(values)}

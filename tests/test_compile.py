"""What layers and losses are lowered to is one graph for `torch.compile`, gradients included."""

import inspect

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import losses, lowering, symbolic
from kforge.layers import Input
from kforge.training.compilable import make_compilable
from tests import layer_cases

# Cases in which something cannot be compiled, with what is compiled instead, and why.
OTHER_ARGUMENTS = {
    "AlphaDropout": {"seed": None},  # with a seed it has a torch.Generator, which Dynamo refuses
}
# What they draw differs: compiled code draws in its own order.
RANDOM = {
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
    *("GaussianNoise", "GaussianDropout", "AlphaDropout"),
}


def compiled(lowered):
    """The generated function as one graph, as a step compiles it; raises where it is several."""
    torch._dynamo.reset()
    make_compilable(lowered.module)
    return torch.compile(lowered.module, fullgraph=True, backend="aot_eager", dynamic=False)


def run(function, lowered, inputs):
    """Outputs, and the gradients of their sum for all weights and inputs that have one."""
    tensors = [*inputs, *lowered.captured]
    sources = [t.requires_grad_() for t in inputs if t.dtype.is_floating_point]
    sources += [t for t in lowered.captured if t.requires_grad]
    with symbolic.executing(lowered.phase):
        found = list(function(*tensors))
    total = sum(out.sum() for out in found if out.dtype.is_floating_point)
    grads = torch.autograd.grad(total, sources, allow_unused=True)
    return [*found, *(g for g in grads if g is not None)]


def check(lowered, inputs, random=False):
    wanted = run(lowered.forward, lowered, inputs)
    found = run(compiled(lowered), lowered, inputs)
    assert len(found) == len(wanted)
    for f, w in zip(found, wanted):
        assert f.shape == w.shape and f.dtype is w.dtype
        if not random:
            torch.testing.assert_close(f, w, rtol=1e-4, atol=1e-5)


def lower_case(case, phase):
    """(lowered function, inputs) of a layer."""
    tensors = [Input(s, dtype="int32" if case.integers else None) for s in case.shapes]
    out = case.call(case.make(**OTHER_ARGUMENTS.get(case.name, {})), tensors)
    lowered = lowering.lower([out], tensors, phase=phase)
    data = [torch.from_numpy(np.ascontiguousarray(a)) for a in case.data()]
    return lowered, [array.to(t.dtype) for array, t in zip(data, tensors)]


@pytest.mark.parametrize("case", layer_cases.CASES, ids=repr)
def test_a_layer_is_one_graph(case):
    check(*lower_case(case, 1), random=case.name in RANDOM)


def test_normalization_of_new_data_is_one_graph():
    (case,) = [c for c in layer_cases.CASES if c.name == "BatchNormalization"]
    check(*lower_case(case, 0))


FUNCTIONS = {
    name: found
    for name in losses.__all__
    if inspect.isfunction(found := getattr(losses, name))
    and list(inspect.signature(found).parameters)[:2] == ["y_true", "y_pred"]
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_loss_is_one_graph(name):
    shape = (None, 1) if name.startswith("sparse") else (None, 3)
    y_true, y_pred = K.placeholder(shape), K.placeholder((None, 3))
    weights = K.placeholder((None,))
    found = losses.LossFunctionWrapper(FUNCTIONS[name])(y_true, y_pred, sample_weight=weights)
    lowered = lowering.lower([found], [y_true, y_pred, weights], phase=1)
    rng = np.random.RandomState(0)
    targets = rng.randint(0, 3, (5, 1)) if name.startswith("sparse") else rng.uniform(size=(5, 3))
    arrays = [targets, rng.dirichlet(np.ones(3), 5), rng.uniform(size=5)]
    check(lowered, [torch.tensor(a, dtype=torch.float32) for a in arrays])

"""Graphs become functions."""

import numpy as np
import pytest
import torch

from kforge import differentiation, lowering, operations
from kforge.symbolic import placeholder
from kforge.variable import Variable, record_update


@pytest.fixture
def x():
    return placeholder((None, 3), torch.float32, "x")


def run(outputs, inputs, values, **options):
    return lowering.lower(outputs, inputs, **options).run(values)


def test_variables_are_arguments_and_follow_their_values(x):
    w = Variable(np.ones((3, 2), "float32"), "w")
    lowered = lowering.lower([torch.matmul(x, w)], [x])
    assert "self." not in lowered.module.code
    assert torch.equal(lowered.run([torch.ones(1, 3)])[0], torch.full((1, 2), 3.0))
    w.assign(np.zeros((3, 2)))
    assert torch.equal(lowered.run([torch.ones(1, 3)])[0], torch.zeros(1, 2))


def test_a_graph_can_be_cut_anywhere(x):
    middle = x * 2
    (found,) = run([middle + 1], [middle], [torch.zeros(1, 3)])
    assert torch.equal(found, torch.ones(1, 3))


def test_a_placeholder_that_is_not_fed_is_named(x):
    with pytest.raises(ValueError, match="feed a value for placeholder tensor 'x'"):
        run([x + 1], [], [])


@pytest.mark.parametrize("phase, value", [(0, 0.0), (1, 1.0)])
def test_only_one_branch_of_the_learning_phase_is_generated(x, phase, value):
    y = operations.select(torch.ones_like(x), torch.zeros_like(x))
    lowered = lowering.lower([y], [x], phase=phase)
    assert ("ones_like" in lowered.module.code) == bool(phase)
    assert lowered.run([torch.randn(1, 3)])[0].unique().item() == value


def test_updates_happen_after_the_run(x):
    count = Variable(torch.zeros(()), "count", trainable=False)
    lowered = lowering.lower([count + 0], [x], [record_update("add", count, 1.0)])
    assert [float(lowered.run([torch.zeros(1, 3)])[0]) for _ in range(3)] == [0.0, 1.0, 2.0]
    assert count.numpy() == 3


def test_gradients_are_those_of_autograd(x):
    w = Variable(torch.randn(3, 2), "w")
    grads = differentiation.gradients([torch.sum(torch.tanh(torch.matmul(x, w)) ** 2)], [x, w])
    values = torch.randn(4, 3, requires_grad=True)
    found = run(grads, [x], [values.detach()])
    loss = (torch.tanh(values @ w.native) ** 2).sum()
    for got, want in zip(found, torch.autograd.grad(loss, [values, w.native])):
        torch.testing.assert_close(got, want)


def test_gradients_of_gradients(x):
    (slope,) = differentiation.gradients([torch.sum(x**3)], [x])
    (curve,) = differentiation.gradients([torch.sum(slope)], [x])
    values = torch.randn(2, 3)
    torch.testing.assert_close(run([curve], [x], [values])[0], 6 * values)


def test_no_path_no_gradient(x):
    other = placeholder((None, 3), torch.float32, "other")
    stopped = x.detach()
    assert differentiation.gradients([torch.sum(stopped)], [x, other]) == [None, None]


def test_three_thousand_operations_in_a_row(x):
    y = x
    for _ in range(3000):
        y = torch.tanh(y)
    assert run([y], [x], [torch.ones(1, 3)])[0].shape == (1, 3)


def test_code_is_told_from_opaque_functions(x):
    with pytest.raises(TypeError):
        float(torch.sum(x))
    assert lowering.evaluate(Variable(np.float32(2.5), "v") * 2) == 5

"""Recurrences against the same formulas as plain operations: values, gradients, both twice."""

import itertools

import pytest
import torch

from kforge.backend import recurrences as R

STEPS, BATCH, FEATURES, UNITS = 4, 3, 2, 2
GATES = {"simple": 1, "lstm": 4, "gru": 3, "gru_reset_after": 3}

ACTIVATIONS = [
    pytest.param(a, g, id=f"{a}-{g}")
    for a, g in itertools.product(R.ACTIVATIONS, ("sigmoid", "hard_sigmoid"))
]
kinds = pytest.mark.parametrize("kind", GATES)


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def arguments(kind, projected=False):
    """Sequences, first states, weights and biases of a recurrence."""
    torch.manual_seed(0)
    width = GATES[kind] * UNITS
    x = drawn(STEPS, BATCH, width if projected else FEATURES)
    states = [drawn(BATCH, UNITS) for _ in range(2 if kind == "lstm" else 1)]
    weights = [None, None] if projected else [drawn(width, FEATURES), drawn(width)]
    weights.append(drawn(width, UNITS))
    return [x, *states, *weights, *([drawn(width)] if kind == "gru_reset_after" else [])]


def dropout():
    return 2.0 * torch.tensor([[1, 0], [1, 1], [0, 1]], dtype=torch.float64)


def unit(kind, *settings):
    kinds = {"simple": R._Simple, "lstm": R._LSTM, "gru": R._GRU}
    return kinds.get(kind, R._GRUResetAfter)(*settings)


def plain(kind, settings, drop, x, *rest):
    """What a recurrence computes, step by step."""
    count = 2 if kind == "lstm" else 1
    states, (weight, bias, kernel, *state_bias) = rest[:count], rest[count:]
    state_bias = state_bias[0] if state_bias else None
    return R._plain(unit(kind, *settings), x, weight, bias, kernel, state_bias, drop, *states)


def function(kind, drop, *settings):
    return lambda *a: getattr(R, kind)(*a, drop, *settings)


@kinds
@pytest.mark.parametrize("activation, gate", ACTIVATIONS)
@pytest.mark.parametrize("drop", [None, dropout()], ids=["", "dropout"])
def test_values_and_gradients(kind, activation, gate, drop):
    settings = (activation,) if kind == "simple" else (activation, gate)
    given = arguments(kind)
    run = function(kind, drop, *settings)
    for found, wanted in zip(run(*given), plain(kind, settings, drop, *given), strict=True):
        torch.testing.assert_close(found, wanted)
    assert torch.autograd.gradcheck(run, given)


@kinds
def test_gradients_of_gradients(kind):
    assert torch.autograd.gradgradcheck(function(kind, dropout()), arguments(kind))


@kinds
def test_inputs_may_be_projected_already(kind):
    given = arguments(kind, projected=True)
    before = given[0].detach().clone()
    assert torch.autograd.gradcheck(function(kind, None), given)
    assert torch.equal(given[0], before)


def test_without_biases():
    x, h, weight, _, kernel, _ = arguments("gru_reset_after")
    run = lambda x, h, w, u: R.gru_reset_after(x, h, w, None, u, None)  # noqa: E731
    assert torch.autograd.gradcheck(run, (x, h, weight, kernel))


def test_gates_in_the_order_of_torch():
    given = arguments("gru_reset_after")
    module = torch.nn.GRU(FEATURES, UNITS, dtype=torch.float64)
    x, h, weight, bias, kernel, state_bias = given
    module.weight_ih_l0.data, module.weight_hh_l0.data = weight, kernel
    module.bias_ih_l0.data, module.bias_hh_l0.data = bias, state_bias
    outputs, last = module(x, h[None])
    # torch calls "update" what Keras calls so; its reset gate comes first.
    found = R.gru_reset_after(*given, None, "tanh", "sigmoid", True)
    torch.testing.assert_close(found[0], outputs)
    torch.testing.assert_close(found[1], last[0])
    assert torch.autograd.gradcheck(
        function("gru_reset_after", None, "tanh", "sigmoid", True), given
    )


def test_lstm_of_torch():
    x, h, c, weight, bias, kernel = arguments("lstm")
    module = torch.nn.LSTM(FEATURES, UNITS, dtype=torch.float64)
    module.weight_ih_l0.data, module.weight_hh_l0.data = weight, kernel
    module.bias_ih_l0.data, module.bias_hh_l0.data = bias, torch.zeros_like(bias)
    outputs, (last_h, last_c) = module(x, (h[None], c[None]))
    found = R.lstm(x, h, c, weight, bias, kernel)
    for f, w in zip((found[0], *found[2:]), (outputs, last_h[0], last_c[0])):
        torch.testing.assert_close(f, w)


@kinds
@pytest.mark.parametrize("result", [0, -1], ids=["sequence", "last"])
def test_one_result_is_enough_for_gradients(kind, result):
    given = arguments(kind)
    tensors = [a for a in given if a is not None]
    found = torch.autograd.grad(function(kind, None)(*given)[result].sum(), tensors)
    settings = ("tanh",) if kind == "simple" else ("tanh", "sigmoid")
    wanted = torch.autograd.grad(plain(kind, settings, None, *given)[result].sum(), tensors)
    for f, w in zip(found, wanted):
        torch.testing.assert_close(f, w)


@kinds
def test_backward_may_run_twice(kind):
    given = arguments(kind)
    loss = function(kind, dropout())(*given)[0].square().sum()
    first = torch.autograd.grad(loss, given, retain_graph=True)
    for a, b in zip(first, torch.autograd.grad(loss, given)):
        assert torch.equal(a, b)


@kinds
def test_shapes_without_values(kind):
    given = [a.detach().to("meta").requires_grad_() for a in arguments(kind)]
    *sequences, _ = found = function(kind, None)(*given)
    assert all(f.requires_grad for f in found)
    assert sequences[0].shape == (STEPS, BATCH, UNITS) and found[-1].shape == (BATCH, UNITS)

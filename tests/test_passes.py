"""Rewrites: fewer operations, same values and gradients."""

import pytest
import torch
import torch.nn.functional as F

from kforge import lowering
from kforge.symbolic import placeholder


def lower(function, *shapes):
    inputs = [placeholder(s, torch.float32, f"x{i}") for i, s in enumerate(shapes)]
    return lowering.lower([function(*inputs)], inputs)


def check(function, *shapes):
    """The lowered function gives what `function` gives, with the same gradients; its code."""
    lowered = lower(function, *shapes)
    values = [torch.rand([2 if d is None else d for d in s], requires_grad=True) for s in shapes]
    found = lowered.forward(*values, *lowered.captured)[0]
    torch.testing.assert_close(found, function(*values))
    for got, want in zip(
        torch.autograd.grad(found.sum(), values),
        torch.autograd.grad(function(*values).sum(), values),
    ):
        torch.testing.assert_close(got, want)
    return lowered.module.code


KERNEL = torch.rand(3, 3, 3, 3)


def permuting(x):
    out = F.conv2d(torch.permute(x, (0, 3, 1, 2)), KERNEL)
    return torch.permute(out, (0, 2, 3, 1))


def test_permutations_between_kernels_cancel_and_relu_overwrites():
    code = check(lambda x: torch.relu(permuting(torch.relu(permuting(x)))), (None, 8, 8, 3))
    assert code.count("permute(") == 2 and code.count("relu_(") == 2


def test_permutations_sink_below_sums():
    code = check(lambda x: permuting(x) + torch.relu(permuting(x)), (None, 5, 5, 3))
    assert code.index("+") < code.rindex("torch.permute")


@pytest.mark.parametrize("axis", [-1, 1])
def test_permutations_sink_below_concatenations(axis):
    def function(x):
        y = permuting(x)
        return permuting(torch.cat([y, F.relu6(y), y], axis)[..., :3])

    code = check(function, (None, 9, 9, 3))
    assert code.index("cat(") < code.rindex("torch.permute")
    assert code.count("permute(") == 4  # in, out, and around the slice


def test_permutations_sink_though_others_need_them():
    def residual(x):
        y = torch.relu(permuting(x))
        return torch.relu(y + F.elu(y))

    code = check(lambda x: permuting(residual(x)), (None, 9, 9, 3))
    assert code.count("permute(") == 2


def test_relu_spares_what_others_need():
    code = check(lambda x: (lambda h: torch.relu(h) + h)(F.linear(x, torch.eye(3))), (None, 3))
    assert "relu_" not in code


@pytest.mark.parametrize(
    "loss, kernel",
    [
        (lambda a, b: torch.mean(torch.mean(torch.square(a - b), -1)), "mse_loss"),
        (lambda a, b: torch.mean(torch.mean(torch.abs(a - b), -1)), "l1_loss"),
        (lambda a, b: torch.mean(F.cross_entropy(a, b, reduction="none")), "cross_entropy_loss"),
    ],
)
def test_losses_become_one_kernel(loss, kernel):
    code = check(loss, (None, 4), (None, 4))
    assert kernel in code and "torch.mean" not in code


def test_losses_that_broadcast_stay():
    code = check(lambda a, b: torch.mean(torch.mean(torch.square(a - b), -1)), (None, 4), (4,))
    assert "mse_loss" not in code

"""How sample weights align with values, and how values become one loss."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import symbolic
from kforge.weighting import (
    Reduction,
    broadcast_weights,
    compute_weighted_loss,
    masked_weights,
    squeeze_or_expand_dimensions,
)


def ones(*shape):
    return torch.ones(shape)


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (((4, 1), (4,)), ((4,), (4,))),
        (((4,), (4, 1)), ((4,), (4,))),
        (((4, 3), (4,)), ((4, 3), (4,))),  # class numbers: nothing to squeeze
        (((4, 3), (4, 3)), ((4, 3), (4, 3))),
    ],
)
def test_predictions_and_targets(shapes, expected):
    y_pred, y_true = squeeze_or_expand_dimensions(*(ones(*s) for s in shapes))
    assert (tuple(y_pred.shape), tuple(y_true.shape)) == expected


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ((4,), (4,), (4,)),
        ((4,), (4, 1), (4,)),
        ((4, 3), (4,), (4, 3)),  # of samples
        ((4, 3, 2), (4,), (4, 3, 2)),
        ((4, 3, 2), (4, 3), (4, 3, 2)),  # of steps
        ((4, 3), (), (4, 3)),
    ],
)
def test_weights_and_values(values, weights, expected):
    found = compute_weighted_loss(ones(*values), 2 * ones(*weights), Reduction.NONE)
    assert tuple(found.shape) == expected
    assert torch.all(found == 2)


@pytest.mark.parametrize(("values", "weights"), [((4, 3), (3,)), ((4,), (3,)), ((4,), (4, 3))])
def test_weights_that_do_not_fit(values, weights):
    with pytest.raises(ValueError, match=r"Incompatible shapes: `values` \(4,.*`sample_weight`"):
        broadcast_weights(ones(*values), ones(*weights))


def test_unknown_sizes():
    values = symbolic.placeholder((None, None, 4), torch.float32, "values")
    weights = symbolic.placeholder((None, None), torch.float32, "weights")
    weighted = compute_weighted_loss(values, weights, Reduction.NONE)
    assert tuple(weighted.shape) == (None, None, 4)
    # A loss of the whole batch counts as often as there are samples.
    whole = compute_weighted_loss(torch.sum(values), weights[:, 0], Reduction.NONE)
    assert tuple(whole.shape) == (None,)
    # Weights with an axis more than the values fit if its size turns out to be 1.
    values = symbolic.placeholder((None,), torch.float32, "values")
    run = K.function([values, weights], [compute_weighted_loss(values, weights, Reduction.NONE)])
    assert run([[3.0, 5.0], [[2.0], [0.0]]])[0].tolist() == [6.0, 0.0]
    with pytest.raises(ValueError, match="Cannot squeeze axis -1 of a tensor of shape"):
        run([[3.0, 5.0], [[2.0, 1.0], [0.0, 1.0]]])


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [("none", [2.0, 0.0, 12.0]), ("sum", 14.0), ("sum_over_batch_size", 14.0 / 3)],
)
def test_reductions(reduction, expected):
    found = compute_weighted_loss(np.array([1.0, 2.0, 4.0]), [2.0, 0.0, 3.0], reduction)
    np.testing.assert_allclose(K.eval(found), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="Invalid Reduction Key mean"):
        compute_weighted_loss(ones(3), None, "mean")


def test_no_weights_cost_nothing():
    values = symbolic.placeholder((None,), torch.float32, "values")
    assert compute_weighted_loss(values, None, Reduction.NONE) is values
    assert compute_weighted_loss(values).op.args[0] is values


def test_masks():
    mask = torch.tensor([[True, False], [True, True]])
    assert masked_weights(None, None, "float32") is None
    assert masked_weights(mask, None, "float32").tolist() == [[1, 0], [1, 1]]
    assert masked_weights(mask, torch.tensor([2.0, 3.0]), "float32").tolist() == [[2, 0], [3, 3]]

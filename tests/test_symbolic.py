"""Symbolic tensors: what is recorded, and the shapes that are found."""

import pickle

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import lowering
from kforge.dimensions import TensorShape
from kforge.symbolic import NeedsValue, as_tensor, placeholder


def x(*shape):
    return placeholder(shape, torch.float32, "x")


@pytest.mark.parametrize(
    "function, shape",
    [
        (lambda t: t + 1, (None, 4, None)),
        (lambda t: torch.cat([t, t], 1), (None, 8, None)),
        (lambda t: t[:, ::-1], (None, 4, None)),
        (lambda t: t[..., 0], (None, 4)),
        (lambda t: t.sum(1), (None, None)),
        (lambda t: t.mean((1, 2), keepdim=True), (None, 1, 1)),
        (lambda t: torch.permute(t, (0, 2, 1)), (None, None, 4)),
        (lambda t: torch.matmul(t.transpose(1, 2), torch.ones(4, 3)), (None, None, 3)),
        (lambda t: np.ones((4, 1), "float32") * t, (None, 4, None)),
    ],
)
def test_sizes_that_depend_on_unknown_ones_are_unknown(function, shape):
    assert tuple(function(x(None, 4, None)).shape) == shape


def test_what_is_recorded_computes_the_same():
    t = x(None, 3)
    y = torch.relu(-t)[:, ::-1] ** 2 / 4
    values = torch.randn(5, 3)
    (found,) = lowering.lower([y], [t]).run([values])
    assert torch.equal(found, torch.flip(torch.relu(-values), (1,)) ** 2 / 4)


def test_several_results_are_a_list():
    values, indices = torch.max(x(None, 3), 1)
    assert tuple(values.shape) == (None,) and indices.dtype is torch.int64


def test_what_does_not_fit_is_told_with_static_shapes():
    with pytest.raises(ValueError, match=r"\(None, 3\), \(None, 4\)"):
        x(None, 3) + x(None, 4)


@pytest.mark.parametrize("ask", [bool, float, int, np.asarray, lambda t: t.item()])
def test_a_value_is_refused(ask):
    with pytest.raises(NeedsValue, match="symbolic"):
        ask(x(1))


def test_a_tensor_is_not_taken_for_a_list():
    assert not hasattr(x(1), "__len__")
    with pytest.raises(TypeError):
        list(x(1))


def test_parts_of_unknown_size():
    t = K.placeholder((None, None, 4))
    assert t[:5].shape == (None, None, 4) and t[:, 2:].shape == (None, None, 4)
    assert t[..., :3].shape == (None, None, 3) and t[0, None, -3:, 1].shape == (1, None)
    assert t[:, -1:].shape == (None, 1, 4)
    few = K.function([t], [K.sum(t[:5], axis=0)])
    assert few([np.ones((2, 1, 4))])[0].tolist() == [[2, 2, 2, 2]]
    assert few([np.ones((9, 1, 4))])[0].tolist() == [[5, 5, 5, 5]]


@pytest.mark.parametrize("short, long", [((None, 1), (None, None, 1)), ((None,), (None, None))])
def test_unknown_sizes_are_broadcast_from_the_last_axis(short, long):
    a, b = K.placeholder(short), K.placeholder(long)
    assert (a + b).shape == (b * a).shape == K.maximum(a, b).shape == long
    few, many = np.ones((2,) + (1,) * (len(short) - 1)), np.ones((3, 2, 1)[: len(long)])
    assert K.function([a, b], [a + b])([few, many])[0].tolist() == (many + 1).tolist()


def test_parts_whose_bounds_are_data():
    t, n = K.placeholder((None, 6)), K.placeholder((None,), dtype="int32")
    part = t[0, n[0] : n[1]]
    assert part.shape == (None,)
    assert K.function([t, n], [part])([[range(6)], [2, 5]])[0].tolist() == [2, 3, 4]


def test_tensors_are_compared_by_identity():
    a, b = x(3), x(3)
    assert a in [b, a] and a != b and len({a, b}) == 2


def test_read_only_arrays_become_tensors():
    array = np.arange(3.0)
    array.flags.writeable = False
    assert as_tensor(array).dtype is torch.float32


def test_powers_of_negative_numbers():
    assert K.eval((-2) ** K.constant([2.0, 3.0])).tolist() == [4.0, -8.0]


def test_a_slice_up_to_a_size_of_another_tensor():
    feature_map = x(None, None, None, 6)
    rows, columns = K.shape(feature_map)[1], K.shape(feature_map)[2]
    cells = K.constant(np.arange(128.0).reshape(1, 8, 8, 2))[:, :rows, :columns]
    assert tuple(cells.shape) == (1, None, None, 2)
    shifted = feature_map[..., :2] + cells
    assert tuple(shifted.shape) == (None, None, None, 2)
    (found,) = K.function([feature_map], [shifted])([np.zeros((2, 3, 5, 6))])
    assert found.shape == (2, 3, 5, 2) and found[1, 2, 4].tolist() == [40, 41]


def test_a_slice_from_a_size_of_another_tensor():
    length = K.shape(x(None, None, 4))[1]
    table = K.constant(np.ones((9, 4)))
    assert tuple(table[length:].shape) == (None, 4)
    assert tuple(table[: length - 1].shape) == (None, 4)
    assert tuple(table[: K.shape(table)[0] - 1].shape) == (8, 4)


def test_known_batches_meet_unknown_ones_and_other_sizes():
    grid, feature_map = x(2, None, None, 3), x(None, None, None, 3)
    scaled = K.resize_images(feature_map, 2, 2, "channels_last")
    assert tuple((grid + scaled).shape) == (2, None, None, 3)


def test_sizes_have_a_value_as_in_tensorflow():
    shape = x(None, 3).shape
    assert shape[1].value == shape[1] == 3 and shape[0] is None
    assert tuple(K.reshape(x(None, 3), (-1, shape[1], 1)).shape) == (None, 3, 1)
    assert [size.value for size in shape.dims] == [None, 3]
    assert type(pickle.loads(pickle.dumps(shape[1]))) is int
    assert [type(size) for size in shape[1:]] == [int] and shape.as_list() == [None, 3]


def test_unknown_sizes_make_unknown_sizes():
    rows, columns = x(None, 3).get_shape()
    for size in (rows * 2, 2 * rows, rows // 2, columns + rows, columns - rows, rows % 2):
        assert size.value is None
    assert columns * 2 == 6


def test_a_shape_is_declared_by_that_of_another_tensor():
    t = x(None, None)
    t.set_shape(x(None, 3).get_shape())
    assert t.shape == (None, 3)
    assert TensorShape(x(None, 3).get_shape()) == (None, 3)


def test_shapes_are_put_together_and_compared():
    shape = x(None, 3).shape
    more = [4]
    assert shape.concatenate(more) == shape + more == (None, 3, 4)
    assert shape.is_compatible_with([7, None]) and not shape.is_compatible_with([7, 4])
    assert shape.merge_with([7, None]).as_list() == [7, 3]
    assert shape.with_rank(2) == shape.with_rank_at_least(1) == shape
    with pytest.raises(ValueError, match="not compatible"):
        shape.assert_is_compatible_with((7, 4))
    with pytest.raises(ValueError, match="must have rank 3"):
        shape.assert_has_rank(3)


@pytest.mark.parametrize("rank", [5, 6, 7, 8])
def test_shapes_of_many_unknown_sizes(rank):
    many = placeholder((None,) * rank, torch.float64, "x")
    assert tuple((many.sum(-1, keepdim=True) * many).shape) == (None,) * rank
    assert tuple(many.mean((1, 2)).shape) == (None,) * (rank - 2)


def test_an_operation_tells_its_kind_and_what_it_takes():
    logits = K.dot(x(None, 3), K.variable(np.ones((3, 2))))
    probabilities = K.softmax(logits)
    assert probabilities.op.type == "Softmax" and logits.op.type == "MatMul"
    (found,) = probabilities.op.inputs
    assert found is logits
    assert K.relu(logits).op.type == "Relu" and x(None).op.type == "Placeholder"
    assert [t.shape[-1] for t in K.concatenate([logits, probabilities]).op.inputs] == [2, 2]

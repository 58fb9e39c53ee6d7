"""Rules for shapes agree with the operations, and spare torch's compiler."""

import operator
import os
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from kforge import rules
from kforge.trees import leaves


def x(*shape, dtype=torch.float32):
    return torch.ones(shape, dtype=dtype)


IMAGE, VOLUME, MATRIX = x(2, 4, 9, 8), x(2, 4, 5, 6, 7), x(3, 4)
WHOLE, FLAGS = x(3, 4, dtype=torch.int64), x(3, 4, dtype=torch.bool)
STATES = [x(1, 2, 6), x(1, 2, 6)]
LSTM = [x(24, 4), x(24, 6), x(24), x(24)]
RUN = True, 1, 0.0, True, False, False  # biases, layers, dropout, training, directions, batch first

CASES = [
    (torch.relu, IMAGE),
    (torch.relu, IMAGE.permute(0, 2, 3, 1)),
    (torch.Tensor.relu, IMAGE),
    (torch.clamp, IMAGE, 0.0, 1.0),
    (torch.exp, WHOLE),
    (torch.pow, MATRIX, 2),
    (operator.pow, 2, MATRIX),
    (torch.pow, 0.9, MATRIX),
    (torch.pow, MATRIX, x(5, 1, 1)),
    (torch.softmax, MATRIX, -1),
    (torch.softmax, MATRIX, -1, torch.float64),
    (operator.add, MATRIX, 1),
    (operator.add, MATRIX, x(5, 1, 4)),
    (operator.add, x(5, 1), MATRIX[:1]),
    (operator.sub, 1, x(3, dtype=torch.float64)),
    (operator.add, WHOLE, WHOLE),
    (operator.add, WHOLE, 0.5),
    (operator.truediv, WHOLE, WHOLE),
    (operator.mul, FLAGS, 201),
    (operator.mul, WHOLE, 3),
    (operator.sub, WHOLE, WHOLE[:1].int()),
    (torch.maximum, FLAGS, FLAGS),
    (torch.lerp, MATRIX, MATRIX, MATRIX[:1]),
    (torch.isfinite, MATRIX),
    (torch.floor, MATRIX),
    (F.layer_norm, IMAGE, [9, 8], x(9, 8), x(9, 8), 1e-3),
    (torch.cumsum, MATRIX, -1),
    (torch.cumsum, WHOLE, 0),
    (torch.sum, FLAGS, -1),
    (torch.prod, MATRIX, 1),
    (torch.index_add, MATRIX, 0, WHOLE[:, 0], MATRIX),
    (torch.Tensor.repeat, MATRIX, [2, 1, 3]),
    (torch.Tensor.repeat, MATRIX, 2, 3),
    (torch.gather, MATRIX, -1, WHOLE[:2, :2] % 3),
    (torch.einsum, "bij, bjk -> bik", x(2, 3, 4), x(2, 4, 5)),
    (torch.einsum, "bi,nio->bno", MATRIX, x(2, 4, 5)),
    (torch.einsum, "...i,ij", MATRIX, x(4, 5)),
    (torch.einsum, "ij->", MATRIX),
    (operator.mul, MATRIX.half(), MATRIX),
    (torch.add, MATRIX, x(1)[0]),
    (operator.gt, MATRIX, 0),
    (torch.ne, WHOLE, x(4)),
    (torch.logical_and, FLAGS, FLAGS),
    (torch.where, FLAGS, MATRIX, 0.0),
    (torch.where, FLAGS[:1], MATRIX, MATRIX[:, :1]),
    (torch.Tensor.where, MATRIX, FLAGS, MATRIX),
    (torch.sum, MATRIX),
    (torch.sum, WHOLE, 1),
    (torch.mean, IMAGE, (1, -1)),
    (torch.mean, IMAGE, (1, 2), True),
    (torch.amax, IMAGE, -1),
    (torch.any, FLAGS, -1),
    (torch.any, FLAGS),
    (torch.argmax, IMAGE, 1),
    (torch.cat, [MATRIX, x(2, 4)]),
    (torch.cat, [MATRIX, x(3, 2)], -1),
    (torch.cat, [MATRIX, WHOLE], 1),
    (torch.stack, [MATRIX, MATRIX], -1),
    (torch.flip, IMAGE, (1,)),
    (torch.zeros_like, WHOLE),
    (F.linear, x(2, 3, 4), x(5, 4), x(5)),
    (torch.matmul, x(2, 3, 4), x(4, 5)),
    (torch.matmul, x(7, 1, 3, 4), x(2, 4, 5)),
    (torch.matmul, x(4), x(4, 5)),
    (torch.conv2d, IMAGE, x(6, 4, 3, 2), x(6), [2, 1], [1, 0], [1, 2]),
    (torch.conv2d, IMAGE, x(8, 1, 3, 3), None, 1, 0, 1, 4),
    (torch.conv2d, IMAGE, x(6, 4, 3, 3), None, 1, "same"),
    (torch.conv3d, VOLUME, x(6, 4, 3, 3, 3)),
    (torch.conv_transpose2d, IMAGE, x(4, 6, 3, 2), None, [2, 3], [1, 0], [1, 2]),
    (torch.conv_transpose2d, IMAGE, x(4, 3, 3, 3), None, 2, 0, 0, 2),
    (torch.max_pool2d, IMAGE, (2, 3), (2, 2), [0, 1], 1, True),
    (F.interpolate, IMAGE, (4, 5)),
    (F.interpolate, IMAGE, None, (2.0, 3.0)),
    (F.interpolate, VOLUME, None, 2),
    (torch.logit, MATRIX / 2, 1e-7),
    (torch.logsumexp, MATRIX, 1),
    (operator.mod, MATRIX, 2),
    (torch.max_pool2d, IMAGE, 3, 2),
    (torch.max_pool3d, VOLUME, (2, 2, 2), (1, 2, 3)),
    (F.avg_pool2d, IMAGE, (3, 2), (3, 3), [1, 1], True, False),
    (F.avg_pool3d, VOLUME, (2, 3, 2), (2, 2, 2)),
    (torch.embedding, x(10, 3), WHOLE % 3),
    (F.embedding, WHOLE % 3, x(10, 3)),
    (torch.batch_norm, IMAGE, x(4), x(4), x(4), x(4), False, 0.0, 1e-3, False),
    (torch.native_batch_norm, IMAGE, x(4), None, None, None, True, 0.0, 1e-3),
    (torch.lstm, x(5, 2, 4), STATES, LSTM, *RUN),
    (torch.gru, x(5, 2, 4), STATES[0], [x(18, 4), x(18, 6), x(18), x(18)], *RUN),
    (F.cross_entropy, MATRIX, WHOLE[:, 0], None, None, -100, None, "none"),
    (F.cross_entropy, MATRIX, MATRIX),
    (torch.binary_cross_entropy_with_logits, MATRIX, MATRIX, None, None, 0),
    (torch.binary_cross_entropy_with_logits, MATRIX, MATRIX, None, None, 1),
]


def to_meta(tree):
    if isinstance(tree, (list, tuple)):
        return type(tree)(to_meta(t) for t in tree)
    return tree.to("meta") if isinstance(tree, torch.Tensor) and tree.dim() else tree


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_rules_agree_with_operations(case):
    func, *args = case
    found, wanted = rules.infer(func, to_meta(args), {}), func(*args)
    several = isinstance(wanted, (list, tuple))
    for f, w in zip(found, wanted) if several else [(found, wanted)]:
        assert f.is_meta and f.shape == w.shape and f.dtype is w.dtype


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_gradients_flow_through_smooth_operations_and_no_others(case):
    func, *args = case

    def tracked(tree):
        if isinstance(tree, (list, tuple)):
            return type(tree)(map(tracked, tree))
        is_float = isinstance(tree, torch.Tensor) and tree.is_floating_point()
        return tree.clone().requires_grad_() if is_float else tree

    if rules.is_smooth(func, to_meta(args)):
        floats = any(x.is_floating_point() for x in leaves(args) if isinstance(x, torch.Tensor))
        for out in leaves(func(*tracked(args))):
            assert out.requires_grad is (floats and out.is_floating_point())


@pytest.mark.parametrize(
    "func, args, message",
    [
        (torch.cat, ([MATRIX, x(2, 5)],), "Sizes of tensors must match"),
        (F.linear, (MATRIX, x(5, 3)), "size mismatch|must have"),
        (torch.conv2d, (IMAGE, x(6, 3, 3, 3)), "channel"),
        (torch.conv2d, (IMAGE, x(6, 4, 30, 3)), "Kernel size"),
        (torch.max_pool2d, (IMAGE, 20, 20), "too small"),
        (torch.sum, (MATRIX, 5), "out of range|Dimension"),
        (torch.einsum, ("ij,jk->ik", MATRIX, MATRIX), "does not broadcast"),
        (torch.gather, (MATRIX, 0, x(3, 9, dtype=torch.int64)), "to be smaller than|Size does not"),
    ],
)
def test_what_does_not_fit_is_said_by_the_operation(func, args, message):
    with pytest.raises((RuntimeError, IndexError), match=message):
        rules.infer(func, to_meta(args), {})


def test_sizes_that_differ_are_said_by_the_rule():
    with pytest.raises(rules.Misfit, match=r"sizes \d and \d cannot be broadcast"):
        rules.infer(operator.add, to_meta((MATRIX, x(3, 5))), {})


def test_values_stay_values():
    """Tensors with values, such as shapes, are computed with, not described."""
    shape = torch.tensor([3, 4])
    assert rules.infer(operator.mul, (shape, 2), {}).tolist() == [6, 8]


def test_building_and_training_does_not_import_torchs_compiler():
    program = """
import sys
import numpy as np
import kforge
from kforge import backend as K, layers as L
model = kforge.Sequential([
    L.Conv2D(4, 3, strides=2, padding="same", activation="relu", input_shape=(8, 8, 3)),
    L.BatchNormalization(), L.MaxPooling2D(), L.Dropout(0.5), L.Flatten(),
    L.Dense(3, activation="softmax"),
])
model.compile("adam", "categorical_crossentropy", ["accuracy"])
model.fit(np.ones((4, 8, 8, 3)), np.eye(3)[[0, 1, 2, 0]], verbose=0)
model = kforge.Sequential([L.Embedding(9, 4, mask_zero=True), L.LSTM(3), L.Dense(1)])
model.compile("rmsprop", "mse")
model.fit(np.ones((4, 5)), np.ones((4, 1)), verbose=0)
# unknown numbers of steps (those of the weights) meet known ones
model = kforge.Sequential([L.TimeDistributed(L.Dense(1), input_shape=(3, 4))])
model.compile("sgd", "mse", sample_weight_mode="temporal")
model.fit(np.ones((4, 3, 4)), np.ones((4, 3, 1)), sample_weight=np.ones((4, 3)), verbose=0)
model = kforge.Sequential([
    L.LocallyConnected1D(3, 2, input_shape=(5, 2)), L.GaussianNoise(0.1), L.LayerNormalization(),
    L.Flatten(), L.Highway(), L.Dense(3, activation="softmax"),
])
metrics = ["top_k_categorical_accuracy", kforge.metrics.AUC(), kforge.metrics.Precision()]
model.compile("nadam", "mse", metrics)
model.fit(np.ones((4, 5, 2)), np.eye(3)[[0, 1, 2, 0]], verbose=0)
L.UpSampling2D(interpolation="bilinear")(L.Input((8, 8, 3)))
L.Dot(1)([L.Input((8, 3)), L.Input((8, 3))])
K.batch_dot(K.placeholder((None, 3, 4)), K.one_hot(K.placeholder((None, 4), dtype="int32"), 5))
w, x = K.variable(np.ones((4, 2))), K.placeholder((None, 4))
K.function([x], K.gradients(K.mean(K.square(K.dot(x, w))), [x, w]))([np.ones((3, 4))])
print(sorted({"torch._dynamo", "sympy"} & set(sys.modules)))
"""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"

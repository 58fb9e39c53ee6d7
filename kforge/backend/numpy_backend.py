"""K on NumPy arrays: the functions of `keras.backend.numpy_backend`, whose results are arrays.

Keras's tests, and those of layers written for Keras, take them as the reference of what K should
compute. Here they are K itself, with K's arguments, run at once. Given tensors, as the step
function of `rnn` is, a function gives tensors.

>>> dot(np.ones((2, 3)), np.ones((3, 1)))
array([[3.],
       [3.]], dtype=float32)
"""

import builtins
import functools

import numpy as np
import torch

from .. import backend, lowering
from ..symbolic import Symbolic
from ..trees import leaves, map_leaves

# The functions of K that there are, by K's names.
_NAMES = """
    abs all any arange argmax argmin batch_dot batch_flatten batch_normalization bias_add
    binary_crossentropy categorical_crossentropy clip concatenate constant conv1d conv2d
    conv2d_transpose conv3d conv3d_transpose cos count_params ctc_decode cumprod cumsum
    depthwise_conv2d dot dropout elu equal eval exp expand_dims eye flatten floatx gather
    get_value get_variable_shape greater greater_equal hard_sigmoid in_test_phase in_top_k
    in_train_phase int_shape l2_normalize learning_phase less less_equal log logsumexp max maximum
    mean min minimum ndim not_equal one_hot ones ones_like permute_dimensions pool2d pool3d pow
    print_tensor prod random_normal_variable random_uniform_variable relu repeat repeat_elements
    reshape resize_images resize_volumes reverse rnn round separable_conv1d separable_conv2d
    set_learning_phase sigmoid sign sin slice softmax softplus softsign spatial_2d_padding
    spatial_3d_padding sqrt square squeeze stack std sum switch tanh temporal_padding tile
    transpose var variable zeros zeros_like
""".split()

# Those whose axes in space are counted from the rank of their first argument.
_BY_RANK = {
    "conv": "conv{}d",
    "conv_transpose": "conv{}d_transpose",
    "depthwise_conv": "depthwise_conv{}d",
    "pool": "pool{}d",
    "separable_conv": "separable_conv{}d",
}

__all__ = ["dtype", *_NAMES, *_BY_RANK]


def dtype(x):
    """The name of the dtype of an array as it is; K would take float64 as its `floatx()`."""
    return x.dtype.name if isinstance(x, np.ndarray) else backend.dtype(x)


def _on_arrays(function):
    """`function` with arrays as its result, where no tensor is among its arguments."""

    @functools.wraps(function)
    def run(*args, **kwargs):
        given = leaves([args, kwargs])
        if builtins.any(isinstance(x, (Symbolic, torch.Tensor)) for x in given):
            return function(*args, **kwargs)
        return map_leaves(lowering.evaluate, function(*args, **kwargs))

    return run


def _of_rank(name, pattern):
    def run(x, *args, **kwargs):
        function = globals().get(pattern.format(np.ndim(x) - 2))
        if function is None:
            raise ValueError(f"{name}: no {name} of an input of rank {np.ndim(x)}.")
        return function(x, *args, **kwargs)

    run.__name__ = name
    run.__doc__ = f"`{pattern.format('N')}` for the N axes in space that `x` has."
    return run


globals().update({name: _on_arrays(getattr(backend, name)) for name in _NAMES})
globals().update({name: _of_rank(name, pattern) for name, pattern in _BY_RANK.items()})

"""`tf.contrib.layers`: layers that apply an activation and a normalization too; regularizers."""

from ... import backend as K
from ... import initializers, regularizers
from ...backend import session
from . import nn
from .arrays import one_hot
from .layers import FUNCTIONS, batch_normalization, dropout
from .numeric import add_n
from .scopes import GraphKeys, add_to_collection, get_collection, get_variable, variable_scope
from .spatial import FORMATS
from .values import convert, tensor

__all__ = ["CONTRIB"]


def xavier_initializer(uniform=True, seed=None, dtype="float32"):
    """Glorot and Bengio's initializer, uniform or normal."""
    distribution = "uniform" if uniform else "truncated_normal"
    return initializers.VarianceScaling(1.0, "fan_avg", distribution, seed)


def variance_scaling_initializer(
    factor=2.0, mode="FAN_IN", uniform=False, seed=None, dtype="float32"
):
    """Values with the variance `factor` divided by the number of inputs, outputs, or their mean."""
    distribution = "uniform" if uniform else "truncated_normal"
    return initializers.VarianceScaling(factor, mode.lower(), distribution, seed)


def l1_regularizer(scale, scope=None):
    """The sum of absolute values times `scale`."""
    return regularizers.l1(scale)


def l2_regularizer(scale, scope=None):
    """Half the sum of squares times `scale`."""
    return regularizers.l2(scale / 2)


def l1_l2_regularizer(scale_l1=1.0, scale_l2=1.0, scope=None):
    """The sum of `l1_regularizer` and `l2_regularizer`."""
    return regularizers.l1_l2(scale_l1, scale_l2 / 2)


def sum_regularizer(regularizer_list, scope=None):
    """The sum of what several regularizers give."""
    given = [r for r in regularizer_list if r is not None]
    return (lambda weights: add_n([r(weights) for r in given])) if given else None


def apply_regularization(regularizer, weights_list=None):
    """The sum of a regularizer of variables, which is also kept in a collection."""
    given = get_collection("weights") if weights_list is None else list(weights_list)
    losses = [regularizer(w) for w in given]
    for loss in losses:
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return add_n(losses) if losses else convert(0.0)


def _then(found, normalizer_fn, normalizer_params, activation_fn):
    if normalizer_fn is not None:
        found = normalizer_fn(found, **(normalizer_params or {}))
    return found if activation_fn is None else activation_fn(found)


def fully_connected(
    inputs,
    num_outputs,
    activation_fn=nn.relu,
    normalizer_fn=None,
    normalizer_params=None,
    weights_initializer=None,
    weights_regularizer=None,
    biases_initializer="zeros",
    biases_regularizer=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    scope=None,
):
    """A dense layer, ReLU unless `activation_fn` is something else."""
    found = FUNCTIONS["dense"](
        inputs,
        num_outputs,
        None,
        biases_initializer is not None and normalizer_fn is None,
        kernel_initializer=weights_initializer or xavier_initializer(),
        kernel_regularizer=weights_regularizer,
        bias_initializer=biases_initializer,
        bias_regularizer=biases_regularizer,
        trainable=trainable,
        name=_scope_name(scope, "fully_connected"),
        reuse=reuse,
    )
    return _then(found, normalizer_fn, normalizer_params, activation_fn)


def linear(inputs, num_outputs, activation_fn=None, **settings):
    """`fully_connected` without an activation."""
    return fully_connected(inputs, num_outputs, activation_fn, **settings)


def _convolution(function):
    def convolution(
        inputs,
        num_outputs,
        kernel_size,
        stride=1,
        padding="SAME",
        data_format=None,
        rate=1,
        activation_fn=nn.relu,
        normalizer_fn=None,
        normalizer_params=None,
        weights_initializer=None,
        weights_regularizer=None,
        biases_initializer="zeros",
        biases_regularizer=None,
        reuse=None,
        variables_collections=None,
        outputs_collections=None,
        trainable=True,
        scope=None,
    ):
        found = FUNCTIONS[function](
            inputs,
            num_outputs,
            kernel_size,
            strides=stride,
            padding=padding,
            data_format=_keras_format(data_format),
            dilation_rate=rate,
            use_bias=biases_initializer is not None and normalizer_fn is None,
            kernel_initializer=weights_initializer or xavier_initializer(),
            kernel_regularizer=weights_regularizer,
            bias_initializer=biases_initializer,
            bias_regularizer=biases_regularizer,
            trainable=trainable,
            name=_scope_name(scope, "Conv"),
            reuse=reuse,
        )
        return _then(found, normalizer_fn, normalizer_params, activation_fn)

    convolution.__doc__ = f"`tf.layers.{function}`, ReLU unless `activation_fn` is something else."
    return convolution


def _scope_name(scope, default):
    return getattr(scope, "name", scope) or session.current.graph.unique(default)


def _keras_format(data_format):
    return None if data_format is None else FORMATS[data_format]


def _pooling(function):
    def pooling(
        inputs, kernel_size, stride=2, padding="VALID", data_format=None,
        outputs_collections=None, scope=None,
    ):  # fmt: skip
        data_format = _keras_format(data_format)
        return FUNCTIONS[function](inputs, kernel_size, stride, padding, data_format)

    pooling.__doc__ = f"`tf.layers.{function}`."
    return pooling


def batch_norm(
    inputs,
    decay=0.999,
    center=True,
    scale=False,
    epsilon=0.001,
    activation_fn=None,
    param_initializers=None,
    param_regularizers=None,
    updates_collections=GraphKeys.UPDATE_OPS,
    is_training=True,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    batch_weights=None,
    fused=None,
    data_format="NHWC",
    zero_debias_moving_mean=False,
    scope=None,
):
    """`tf.layers.batch_normalization`; with updates_collections=None it updates by itself."""
    if batch_weights is not None or zero_debias_moving_mean:
        raise ValueError("batch_norm: batch_weights and zero_debias_moving_mean are not offered.")
    updates = get_collection(GraphKeys.UPDATE_OPS)
    found = batch_normalization(
        inputs,
        1 if data_format == "NCHW" else -1,
        decay,
        epsilon,
        center,
        scale,
        training=is_training,
        trainable=trainable,
        name=_scope_name(scope, "BatchNorm"),
        reuse=reuse,
        **{f"{k}_initializer": v for k, v in (param_initializers or {}).items()},
        **{f"{k}_regularizer": v for k, v in (param_regularizers or {}).items()},
    )
    if updates_collections is None:
        new = get_collection(GraphKeys.UPDATE_OPS)[len(updates) :]
        with K.control_dependencies(new):
            found = K.identity(found)
    return found if activation_fn is None else activation_fn(found)


def _normalized(inputs, axes, center, scale, epsilon, activation_fn, reuse, scope, default):
    x = tensor(inputs)
    shape = [x.shape[-1]]
    with variable_scope(scope, default, reuse=reuse):
        beta = get_variable("beta", shape, initializer=initializers.Zeros()) if center else None
        gamma = get_variable("gamma", shape, initializer=initializers.Ones()) if scale else None
    mean, variance = nn.moments(x, axes, keepdims=True)
    found = nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
    return found if activation_fn is None else activation_fn(found)


def layer_norm(
    inputs,
    center=True,
    scale=True,
    activation_fn=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    begin_norm_axis=1,
    begin_params_axis=-1,
    scope=None,
):
    """Each sample with mean 0 and variance 1 (Ba et al., 2016)."""
    rank = len(tensor(inputs).shape)
    axes = list(range(begin_norm_axis % rank, rank))
    return _normalized(inputs, axes, center, scale, 1e-12, activation_fn, reuse, scope, "LayerNorm")


def instance_norm(
    inputs,
    center=True,
    scale=True,
    epsilon=1e-6,
    activation_fn=None,
    param_initializers=None,
    reuse=None,
    variables_collections=None,
    outputs_collections=None,
    trainable=True,
    data_format="NHWC",
    scope=None,
):
    """Each channel of each sample with mean 0 and variance 1 (Ulyanov et al., 2016)."""
    if data_format != "NHWC":
        raise ValueError(f"instance_norm: data_format={data_format!r}; expected 'NHWC'.")
    axes = list(range(1, len(tensor(inputs).shape) - 1))
    return _normalized(
        inputs, axes, center, scale, epsilon, activation_fn, reuse, scope, "InstanceNorm"
    )


def _contrib_dropout(
    inputs, keep_prob=0.5, noise_shape=None, is_training=True, outputs_collections=None, scope=None
):
    """Elements set to 0, all but a part `keep_prob`, if `is_training`."""
    return dropout(inputs, 1.0 - keep_prob, noise_shape, training=is_training)


CONTRIB = {
    "apply_regularization": apply_regularization,
    "avg_pool2d": _pooling("average_pooling2d"),
    "batch_norm": batch_norm,
    "bias_add": nn.bias_add,
    "conv2d": _convolution("conv2d"),
    "convolution2d": _convolution("conv2d"),
    "convolution": _convolution("conv2d"),
    "conv2d_transpose": _convolution("conv2d_transpose"),
    "conv3d": _convolution("conv3d"),
    "dropout": _contrib_dropout,
    "flatten": FUNCTIONS["flatten"],
    "fully_connected": fully_connected,
    "instance_norm": instance_norm,
    "l1_l2_regularizer": l1_l2_regularizer,
    "l1_regularizer": l1_regularizer,
    "l2_regularizer": l2_regularizer,
    "layer_norm": layer_norm,
    "linear": linear,
    "max_pool2d": _pooling("max_pooling2d"),
    "one_hot_encoding": one_hot,
    "relu": fully_connected,
    "sum_regularizer": sum_regularizer,
    "variance_scaling_initializer": variance_scaling_initializer,
    "xavier_initializer": xavier_initializer,
    "xavier_initializer_conv2d": xavier_initializer,
}

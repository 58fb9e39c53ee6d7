"""`tf.contrib.layers`: layers that apply an activation and a normalization too; regularizers."""

from ... import backend as K
from ... import initializers, regularizers
from . import nn
from .arrays import one_hot
from .contrib_scopes import add_arg_scope, repeat, stack
from .layers import FUNCTIONS, batch_normalization, dropout, made
from .numeric import add_n
from .scopes import (
    GraphKeys,
    add_to_collection,
    free_name,
    get_collection,
    get_collection_ref,
    get_variable,
    variable_scope,
)
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


# ---- what all layers have in common ------------------------------------------------------------

_ROLES = {"kernel": "weights", "bias": "biases"}  # as dictionaries of collections call them
_ROLES |= {name: name for name in ("beta", "gamma", "moving_mean", "moving_variance")}


def _names(collections):
    return [collections] if isinstance(collections, str) else list(collections or ())


def _collect_variables(collections, variables):
    """Adds `variables`, {role: variable}, to collections: names, or {role: names}."""
    for role, variable in variables.items():
        chosen = collections.get(role) if isinstance(collections, dict) else collections
        for name in _names(chosen) if variable is not None else ():
            if not any(v is variable for v in get_collection(name)):
                add_to_collection(name, variable)


def _variables_of(layer):
    return {role: getattr(layer, attribute, None) for attribute, role in _ROLES.items()}


def _finished(found, activation_fn, collections):
    """`found`, activated, which then is in `collections` too."""
    found = found if activation_fn is None else activation_fn(found)
    for name in _names(collections):
        add_to_collection(name, found)
    return found


def _scope_name(scope, default):
    return getattr(scope, "name", scope) or free_name(default)


def _keras_format(data_format):
    return None if data_format is None else FORMATS[data_format]


# ---- layers with weights -----------------------------------------------------------------------


def _weighted(function, default, given, **own):
    """What a function of `tf.layers` gives for the arguments `given` of one here, and its `own`."""
    name, normalizer = _scope_name(given["scope"], default), given["normalizer_fn"]
    found = FUNCTIONS[function](
        given["inputs"],
        given["num_outputs"],
        **own,
        use_bias=given["biases_initializer"] is not None and normalizer is None,
        kernel_initializer=given["weights_initializer"] or xavier_initializer(),
        kernel_regularizer=given["weights_regularizer"],
        bias_initializer=given["biases_initializer"],
        bias_regularizer=given["biases_regularizer"],
        trainable=given["trainable"],
        name=name,
        reuse=given["reuse"],
    )
    layer = made(name)
    for role, variable in _variables_of(layer).items():
        if variable is not None:
            variable.name = f"{layer.name}/{role}:0"
    _collect_variables(given["variables_collections"], _variables_of(layer))
    if normalizer is not None:
        with variable_scope(name, reuse=given["reuse"]):
            found = normalizer(found, **(given["normalizer_params"] or {}))
    return _finished(found, given["activation_fn"], given["outputs_collections"])


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
    return _weighted("dense", "fully_connected", locals())


def linear(inputs, num_outputs, activation_fn=None, **settings):
    """`fully_connected` without an activation."""
    return fully_connected(inputs, num_outputs, activation_fn, **settings)


def _convolution(functions):
    """A convolution; `functions` of `tf.layers` has one for each number of axes of the input."""

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
        given = locals()
        rank = len(tensor(inputs).shape)
        if rank not in functions:
            raise ValueError(f"A convolution of {rank} axes; expected one of {sorted(functions)}.")
        return _weighted(
            functions[rank],
            "Conv",
            given,
            kernel_size=kernel_size,
            strides=stride,
            padding=padding,
            data_format=_keras_format(data_format),
            dilation_rate=rate,
        )

    names = ", ".join(f"`tf.layers.{name}`" for name in functions.values())
    convolution.__doc__ = f"{names}, ReLU unless `activation_fn` is something else."
    return convolution


# ---- normalization -----------------------------------------------------------------------------


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
    name, updates = _scope_name(scope, "BatchNorm"), get_collection_ref(GraphKeys.UPDATE_OPS)
    known = len(updates)
    found = batch_normalization(
        inputs,
        1 if data_format == "NCHW" else -1,
        decay,
        epsilon,
        center,
        scale,
        training=is_training,
        trainable=trainable,
        name=name,
        reuse=reuse,
        **{f"{k}_initializer": v for k, v in (param_initializers or {}).items()},
        **{f"{k}_regularizer": v for k, v in (param_regularizers or {}).items()},
    )
    _collect_variables(variables_collections, _variables_of(made(name)))
    if updates_collections is None:
        with K.control_dependencies(updates[known:]):
            found = K.identity(found)
    elif updates_collections != GraphKeys.UPDATE_OPS:
        new, updates[known:] = updates[known:], []
        for collection in _names(updates_collections):
            get_collection_ref(collection).extend(new)
    return _finished(found, activation_fn, outputs_collections)


def _normalized(x, axes, epsilon, shape, around, default, given):
    """`x` normalized over `axes`, with parameters of `shape` that show as `around`."""
    initial = {"beta": initializers.Zeros(), "gamma": initializers.Ones()}
    initial |= given.get("param_initializers") or {}
    wanted = [name for name, use in (("beta", "center"), ("gamma", "scale")) if given[use]]
    with variable_scope(given["scope"], default, reuse=given["reuse"]):
        found = {
            name: get_variable(name, shape, None, initial[name], trainable=given["trainable"])
            for name in wanted
        }
    _collect_variables(given["variables_collections"], found)
    beta, gamma = (
        K.reshape(found[name], around) if name in found else None for name in ("beta", "gamma")
    )
    mean, variance = nn.moments(x, axes, keepdims=True)
    found = nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
    return _finished(found, given["activation_fn"], given["outputs_collections"])


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
    """Each sample with mean 0 and variance 1 (Ba et al., 2016), over the axes from
    `begin_norm_axis`; the axes from `begin_params_axis` have parameters."""
    given, x = locals(), tensor(inputs)
    rank = len(x.shape)
    if not (-rank <= begin_norm_axis < rank and -rank <= begin_params_axis < rank):
        raise ValueError(
            f"layer_norm: begin_norm_axis={begin_norm_axis} and begin_params_axis="
            f"{begin_params_axis} must be axes of the input, which has {rank}."
        )
    axes, shape = list(range(begin_norm_axis % rank, rank)), x.shape[begin_params_axis % rank :]
    return _normalized(x, axes, 1e-12, shape, shape, "LayerNorm", given)


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
    given, x = locals(), tensor(inputs)
    rank = len(x.shape)
    channels = {"NHWC": rank - 1, "NCHW": 1}[data_format]
    axes = [axis for axis in range(1, rank) if axis != channels]
    around = [-1 if axis == channels else 1 for axis in range(rank)]
    return _normalized(x, axes, epsilon, [x.shape[channels]], around, "InstanceNorm", given)


# ---- layers without weights --------------------------------------------------------------------


def _pooling(function):
    def pooling(
        inputs, kernel_size, stride=2, padding="VALID", data_format=None,
        outputs_collections=None, scope=None,
    ):  # fmt: skip
        data_format = _keras_format(data_format)
        found = FUNCTIONS[function](inputs, kernel_size, stride, padding, data_format)
        return _finished(found, None, outputs_collections)

    pooling.__doc__ = f"`tf.layers.{function}`."
    return pooling


def _contrib_dropout(
    inputs, keep_prob=0.5, noise_shape=None, is_training=True, outputs_collections=None, scope=None
):
    """Elements set to 0, all but a part `keep_prob`, if `is_training`."""
    found = dropout(inputs, 1.0 - keep_prob, noise_shape, training=is_training)
    return _finished(found, None, outputs_collections)


def _flatten(inputs, outputs_collections=None, scope=None):
    """Samples as vectors."""
    return _finished(FUNCTIONS["flatten"](inputs), None, outputs_collections)


def one_hot_encoding(
    labels, num_classes, on_value=1.0, off_value=0.0, outputs_collections=None, scope=None
):
    """`tf.one_hot`."""
    found = one_hot(labels, num_classes, on_value, off_value)
    return _finished(found, None, outputs_collections)


_CONV = {3: "conv1d", 4: "conv2d", 5: "conv3d"}

_LAYERS = {
    "avg_pool2d": _pooling("average_pooling2d"),
    "batch_norm": batch_norm,
    "bias_add": nn.bias_add,
    "conv1d": _convolution({3: "conv1d"}),
    "conv2d": _convolution({4: "conv2d"}),
    "convolution": _convolution(_CONV),
    "conv2d_transpose": _convolution({4: "conv2d_transpose"}),
    "conv3d": _convolution({5: "conv3d"}),
    "dropout": _contrib_dropout,
    "flatten": _flatten,
    "fully_connected": fully_connected,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "linear": linear,
    "max_pool2d": _pooling("max_pooling2d"),
    "one_hot_encoding": one_hot_encoding,
}
_LAYERS = {name: add_arg_scope(function) for name, function in _LAYERS.items()}
CONTRIB = {
    **_LAYERS,
    "apply_regularization": apply_regularization,
    "convolution2d": _LAYERS["conv2d"],
    "convolution2d_transpose": _LAYERS["conv2d_transpose"],
    "l1_l2_regularizer": l1_l2_regularizer,
    "l1_regularizer": l1_regularizer,
    "l2_regularizer": l2_regularizer,
    "relu": _LAYERS["fully_connected"],
    "repeat": repeat,
    "softmax": nn.softmax,
    "stack": stack,
    "sum_regularizer": sum_regularizer,
    "variance_scaling_initializer": variance_scaling_initializer,
    "xavier_initializer": xavier_initializer,
    "xavier_initializer_conv2d": xavier_initializer,
}

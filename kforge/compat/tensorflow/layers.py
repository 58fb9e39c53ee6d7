"""`tf.layers`: functions that make a layer, and apply it, at once."""

import inspect

from ... import backend as K
from ... import layers as keras_layers
from ...backend import session
from ...variable import record_update
from . import nn
from .flow import cond
from .scopes import GraphKeys, add_to_collection, free_name, get_variable_scope, open_scope
from .values import tensor

__all__ = ["CLASSES", "FUNCTIONS", "made"]


# ---- layers by name -----------------------------------------------------------------------------


def _layer(make, default, name, reuse):
    """The layer of this name in the scope around, made by ``make(name)`` where there is none."""
    graph, scope = session.current.graph, get_variable_scope()
    full = open_scope(name or free_name(default))
    reuse = reuse or scope.reuse
    found = graph.named.get(("layer", full))
    if found is not None and not reuse:
        raise ValueError(
            f"The layer {full} already exists. Did you mean to set reuse=True or "
            "reuse=tf.AUTO_REUSE?"
        )
    if found is None and reuse is True:
        raise ValueError(f"The layer {full} does not exist, but is to be reused.")
    if found is None:
        found = graph.named["layer", full] = make(full)
    return found


def made(name):
    """The layer that a function made, or used again, under a name in the scope around."""
    return session.current.graph.named["layer", get_variable_scope().original_name_scope + name]


def _function(cls, default):
    """The function of `tf.layers` for a class of Keras."""
    taken = list(inspect.signature(cls.__init__).parameters)[1:]

    def call(inputs, *args, name=None, reuse=None, trainable=True, **kwargs):
        kwargs.update(zip(taken, args))
        kwargs = {k: v for k, v in kwargs.items() if v is not None or k == "activation"}
        if isinstance(kwargs.get("padding"), str):
            kwargs["padding"] = kwargs["padding"].lower()
        kwargs = {k: _in_kerass_terms(k, v) for k, v in kwargs.items()}
        if "kernel_initializer" not in taken:  # nothing to use again
            return cls(name=open_scope(name or free_name(default)), **kwargs)(tensor(inputs))
        layer = _layer(
            lambda full: cls(name=full, trainable=trainable, **kwargs), default, name, reuse
        )
        before = len(layer.losses)
        found = layer(tensor(inputs))
        _name_weights(layer)
        for loss in layer.losses[before:]:
            add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
        return found

    call.__name__ = call.__qualname__ = default
    call.__doc__ = f"What a new `keras.layers.{cls.__name__}` gives for `inputs`."
    return call


def _name_weights(layer):
    """Weights are named after the layer, which has the names of scopes in its own already."""
    for weight in layer.weights:
        weight.name = f"{layer.name}/{weight.name.rpartition('/')[2]}"


def _in_kerass_terms(word, value):
    """Initializers may be classes of `tf`, and whatever is made of them."""
    return value() if word.endswith("initializer") and isinstance(value, type) else value


_NAMES = {
    "average_pooling1d": "AveragePooling1D",
    "average_pooling2d": "AveragePooling2D",
    "average_pooling3d": "AveragePooling3D",
    "conv1d": "Conv1D",
    "conv2d": "Conv2D",
    "conv2d_transpose": "Conv2DTranspose",
    "conv3d": "Conv3D",
    "conv3d_transpose": "Conv3DTranspose",
    "dense": "Dense",
    "max_pooling1d": "MaxPooling1D",
    "max_pooling2d": "MaxPooling2D",
    "max_pooling3d": "MaxPooling3D",
    "separable_conv1d": "SeparableConv1D",
    "separable_conv2d": "SeparableConv2D",
}


def flatten(inputs, name=None, data_format="channels_last"):
    """Samples as vectors: each one's elements in a row."""
    x = tensor(inputs)
    if len(x.shape) < 3:
        return K.identity(x if len(x.shape) == 2 else K.expand_dims(x), name)
    return keras_layers.Flatten(data_format, name=name)(x)


def dropout(inputs, rate=0.5, noise_shape=None, seed=None, training=False, name=None):
    """Elements set to 0 by chance, if `training`, which may be a tensor."""
    x = tensor(inputs)
    return cond(training, lambda: nn.dropout(x, None, noise_shape, seed, rate), lambda: x)


def batch_normalization(
    inputs,
    axis=-1,
    momentum=0.99,
    epsilon=1e-3,
    center=True,
    scale=True,
    beta_initializer="zeros",
    gamma_initializer="ones",
    moving_mean_initializer="zeros",
    moving_variance_initializer="ones",
    beta_regularizer=None,
    gamma_regularizer=None,
    beta_constraint=None,
    gamma_constraint=None,
    training=False,
    trainable=True,
    name=None,
    reuse=None,
    renorm=False,
    renorm_clipping=None,
    renorm_momentum=0.99,
    fused=None,
    virtual_batch_size=None,
    adjustment=None,
):
    """`inputs` normalized by the batch, if `training`, which may be a tensor, else by the past.

    The updates of the moving statistics are in the collection UPDATE_OPS.
    """
    if renorm or virtual_batch_size is not None or adjustment is not None:
        raise ValueError(
            "batch_normalization: renorm, virtual_batch_size, adjustment are not offered."
        )
    x = tensor(inputs)
    settings = {
        "axis": axis,
        "momentum": momentum,
        "epsilon": epsilon,
        "center": center,
        "scale": scale,
        "beta_initializer": beta_initializer,
        "gamma_initializer": gamma_initializer,
        "moving_mean_initializer": moving_mean_initializer,
        "moving_variance_initializer": moving_variance_initializer,
        "beta_regularizer": beta_regularizer,
        "gamma_regularizer": gamma_regularizer,
        "beta_constraint": beta_constraint,
        "gamma_constraint": gamma_constraint,
        "trainable": trainable,
    }
    layer = _layer(lambda full: _statistics(full, x, settings), "batch_normalization", name, reuse)
    return _normalized(x, layer, training)


def _statistics(name, x, settings):
    """A layer that holds what a normalization of `x` needs."""
    made = keras_layers.BatchNormalization(name=name, **settings)
    made.build(tuple(x.shape))
    made.built = True
    _name_weights(made)
    return made


def _normalized(x, layer, training):
    axis, momentum = layer.axis % len(x.shape), layer.momentum
    axes = [i for i in range(len(x.shape)) if i != axis]
    around = [1 if i in axes else -1 for i in range(len(x.shape))]
    mean, variance = nn.moments(x, axes)
    past, estimate = (layer.moving_mean, layer.moving_variance), variance
    if len(x.shape) == 4:  # for images, what is kept is the estimate for more than the batch
        count = K.cast(K.size(x), "float32") / x.shape[axis]
        estimate = variance * count / K.maximum(count - 1.0, 1.0)
    for moving, now in zip(past, (mean, estimate)):
        kept = moving * momentum + now * (1.0 - momentum)
        step = cond(training, lambda new=kept: new, lambda old=moving: K.identity(old))
        if training is not False:
            add_to_collection(GraphKeys.UPDATE_OPS, record_update("assign", moving, step))
    used = cond(training, lambda: [mean, variance], lambda: [K.identity(m) for m in past])
    parameters = (*used, layer.beta, layer.gamma)
    parameters = [p if p is None else K.reshape(p, around) for p in parameters]
    return nn.batch_normalization(x, *parameters, layer.epsilon)


CLASSES = {
    name: getattr(keras_layers, name)
    for name in (*_NAMES.values(), "Flatten", "BatchNormalization", "Dropout", "InputSpec", "Layer")
}
FUNCTIONS = {name: _function(getattr(keras_layers, cls), name) for name, cls in _NAMES.items()}
FUNCTIONS |= {"batch_normalization": batch_normalization, "dropout": dropout, "flatten": flatten}

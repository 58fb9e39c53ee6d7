"""Decorators that let a constructor or method take Keras 1's arguments, under Keras's names.

For layers in scripts that were made from Keras's own:

>>> class Scaled(Layer):
...     @interfaces.legacy_dense_support
...     def __init__(self, units, kernel_initializer="ones", **kwargs):
...         ...

They follow the table in `kforge.compat.arguments`.
"""

from .arguments import (
    TABLE,
    Old,
    accept,
    add_weight_args_preprocessing,
    batchnorm_args_preprocessor,
    conv1d_args_preprocessor,
    conv2d_args_preprocessor,
    conv3d_args_preprocessor,
    convlstm2d_args_preprocessor,
    deconv2d_args_preprocessor,
    embedding_kwargs_preprocessor,
    generator_methods_args_preprocessor,
    raise_duplicate_arg_error,
    recurrent_args_preprocessor,
    separable_conv2d_args_preprocessor,
    zeropadding2d_args_preprocessor,
)

__all__ = [
    "add_weight_args_preprocessing",
    "batchnorm_args_preprocessor",
    "conv1d_args_preprocessor",
    "conv2d_args_preprocessor",
    "conv3d_args_preprocessor",
    "convlstm2d_args_preprocessor",
    "deconv2d_args_preprocessor",
    "embedding_kwargs_preprocessor",
    "generate_legacy_interface",
    "generator_methods_args_preprocessor",
    "get_updates_arg_preprocessing",
    "raise_duplicate_arg_error",
    "recurrent_args_preprocessor",
    "separable_conv2d_args_preprocessor",
    "zeropadding2d_args_preprocessor",
]

# Decorators by the part of their names between "legacy_" and "_support".
_SUPPORT = {
    "add_weight": "Layer.add_weight",
    "batchnorm": "BatchNormalization",
    "conv1d": "Conv1D",
    "conv2d": "Conv2D",
    "conv3d": "Conv3D",
    "convlstm2d": "ConvLSTM2D",
    "cropping2d": "Cropping2D",
    "cropping3d": "Cropping3D",
    "deconv2d": "Conv2DTranspose",
    "dense": "Dense",
    "dropout": "Dropout",
    "embedding": "Embedding",
    "gaussiandropout": "GaussianDropout",
    "gaussiannoise": "GaussianNoise",
    "generator_methods": "Model.fit_generator",
    "global_pooling": "GlobalMaxPooling2D",
    "input": "InputLayer",
    "model_constructor": "Model.__init__",
    "pooling1d": "MaxPooling1D",
    "pooling2d": "MaxPooling2D",
    "pooling3d": "MaxPooling3D",
    "prelu": "PReLU",
    "recurrent": "LSTM",
    "separable_conv2d": "SeparableConv2D",
    "spatialdropout1d": "SpatialDropout1D",
    "spatialdropoutNd": "SpatialDropout2D",
    "upsampling1d": "UpSampling1D",
    "upsampling2d": "UpSampling2D",
    "upsampling3d": "UpSampling3D",
    "zeropadding2d": "ZeroPadding2D",
    "zeropadding3d": "ZeroPadding3D",
}


def get_updates_arg_preprocessing(args, kwargs):
    """From (params, constraints, loss), or (params, loss), to (loss=..., params=...)."""
    kwargs = {name: value for name, value in kwargs.items() if name != "constraints"}
    if len(args) > 1 and isinstance(args[1], (list, tuple)):
        kwargs["params"] = args[1]
        losses = [x for x in args[2:] if not isinstance(x, dict)]
        if losses:
            kwargs["loss"] = losses[-1]
        args = args[:1]
    return args, kwargs, []


def generate_legacy_interface(
    allowed_positional_args=None,
    conversions=None,
    preprocessor=None,
    value_conversions=None,
    object_type="class",
):
    """A decorator for functions whose arguments had other names.

    `conversions`: pairs (old name, new name); `value_conversions`: {new name: {old value: new
    value}}; `preprocessor`: from (args, kwargs) to (args, kwargs, changes). With
    `allowed_positional_args`, more positional arguments than those raise `TypeError`.
    """
    values = value_conversions or {}

    def rewrite(args, kwargs):
        kwargs, changed = dict(kwargs), []
        if preprocessor is not None:
            args, kwargs, changed = preprocessor(args, kwargs)
        if allowed_positional_args is not None and len(args) > len(allowed_positional_args) + 1:
            raise TypeError(
                f"At most {len(allowed_positional_args)} positional arguments are taken, "
                f"{tuple(allowed_positional_args)}; got {list(args[1:])}."
            )
        for old, new in conversions or ():
            if old in kwargs:
                raise_duplicate_arg_error(old, new, kwargs)
                kwargs[new] = kwargs.pop(old)
                changed = [*changed, (old, new)]
        for name, known in values.items():
            if isinstance(kwargs.get(name), str) and kwargs[name] in known:
                kwargs[name] = known[kwargs[name]]
        return args, kwargs, changed

    return _support(Old(rewrite=rewrite), by_class=object_type == "class")


def _support(old, by_class=True):
    def legacy_support(func):
        name = None if by_class and func.__name__ == "__init__" else func.__name__
        return accept(func, old, name)

    return legacy_support


for _name, _key in _SUPPORT.items():
    globals()[f"legacy_{_name}_support"] = _support(TABLE[_key])

legacy_lambda_support = _support(Old())
legacy_get_updates_support = _support(Old(rewrite=get_updates_arg_preprocessing))

__all__ += [name for name in globals() if name.startswith("legacy_")]

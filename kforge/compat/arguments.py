"""Keras 1's names of arguments: one table, and the code that applies it.

`TABLE` says, for each class and method that Keras 2 renamed arguments of, which old name is which
new one. `accept` gives a function both; what a user wrote in the old words, it shows in the new
ones, once, in a warning that points at the user's line. Calls from kforge itself, such as those
that make layers of an old file's configuration, are translated without one.
"""

import difflib
import functools
import inspect
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["TABLE", "Old", "accept", "accept_all", "convert", "replaced", "unknown_argument"]

_DATA_FORMATS = {"tf": "channels_last", "th": "channels_first", "default": None}

#: What values of old arguments have become, by the argument's old name.
VALUES = {
    "dim_ordering": _DATA_FORMATS,
    "consume_less": {"cpu": 1, "mem": 1, "gpu": 2},
}


#: Regularizers, constraints and their arguments, as configurations of Keras 1 have them.
OBJECTS = {"L1L2Regularizer": "L1L2", "WeightRegularizer": "L1L2", "m": "max_value"}


@dataclass(frozen=True)
class Old:
    """How Keras 1 called a class or function.

    `words`: "old=new" pairs; without a new name the argument is dropped. `rewrite`: a function of
    (args, kwargs), `self` the first of args, that gives both in new words, and a list of pairs
    (old name, new name) of what it changed; for what takes more than a new name.
    """

    words: str = ""
    rewrite: Callable | None = None
    names: dict = field(init=False, default=None)

    def __post_init__(self):
        pairs = (word.partition("=") for word in self.words.split())
        object.__setattr__(self, "names", {old: new for old, _, new in pairs})


def raise_duplicate_arg_error(old_arg, new_arg, given=None):
    """`TypeError` for an argument in both words, if `given`, where there is one, has the new."""
    if given is None or (new_arg and new_arg in given):
        raise TypeError(
            f"For the `{new_arg}` argument, both the legacy keyword argument `{old_arg}` and the "
            f"Keras 2 keyword argument `{new_arg}` were given. Stick to the latter!"
        )


# ---- rewrites -----------------------------------------------------------------------------------
#
# Each takes and gives the positional arguments with `self` first.


def _kernel(*sizes):
    """A rewrite of a kernel's sizes given one by one: as (32, 3, 3), or by the names `sizes`."""

    def rewrite(args, kwargs):
        at = 2  # after self and the number of filters
        given, count = list(args[at : at + len(sizes)]), len(sizes)
        if not all(isinstance(n, int) for n in given) or len(given) + len(args[:at]) < len(args):
            return args, kwargs, []
        named = [name for name in sizes[len(given) :] if name in kwargs]
        if len(given) + len(named) != count or (len(given) == 1 and not named):
            return args, kwargs, []
        kwargs = dict(kwargs)
        kernel_size = tuple(given + [kwargs.pop(name) for name in named])
        if len(args) < at:
            kwargs["kernel_size"] = kernel_size
        else:
            args = (*args[:at], kernel_size)
        return args, kwargs, [("/".join(sizes), "kernel_size")]

    return rewrite


conv2d_args_preprocessor = _kernel("nb_row", "nb_col")
conv3d_args_preprocessor = _kernel("kernel_dim1", "kernel_dim2", "kernel_dim3")


def deconv2d_args_preprocessor(args, kwargs):
    """The shape of the output is computed; the rest is as in `conv2d_args_preprocessor`."""
    kwargs, changed = dict(kwargs), []
    if len(args) == 5 and isinstance(args[4], tuple):
        args, changed = args[:-1], [("output_shape", None)]
    if "output_shape" in kwargs:
        del kwargs["output_shape"]
        changed = [("output_shape", None)]
    args, kwargs, more = conv2d_args_preprocessor(args, kwargs)
    return args, kwargs, changed + more


def separable_conv2d_args_preprocessor(args, kwargs):
    """One initializer was for both kernels."""
    kwargs, changed = dict(kwargs), []
    if "init" in kwargs:
        kwargs["depthwise_initializer"] = kwargs["pointwise_initializer"] = kwargs.pop("init")
        changed = [("init", "depthwise_initializer/pointwise_initializer")]
    args, kwargs, more = conv2d_args_preprocessor(args, kwargs)
    return args, kwargs, changed + more


def conv1d_args_preprocessor(args, kwargs):
    """Inputs were described as `input_dim` and `input_length`."""
    kwargs = dict(kwargs)
    if "input_dim" not in kwargs:
        return args, kwargs, []
    length, size = kwargs.pop("input_length", None), kwargs.pop("input_dim")
    if size is not None:
        kwargs["input_shape"] = (length, size)
    return args, kwargs, [("input_dim", "input_shape")]


def recurrent_args_preprocessor(args, kwargs):
    """LSTM's initial forget bias was any initializer; Keras 2 takes all for the default, one."""
    kwargs, changed = dict(kwargs), []
    if "forget_bias_init" in kwargs:
        name = kwargs.pop("forget_bias_init")
        if getattr(name, "__name__", name) in ("one", "ones", "Ones"):
            kwargs["unit_forget_bias"] = True
            changed = [("forget_bias_init", "unit_forget_bias")]
        else:
            changed = [("forget_bias_init", None)]
    for name in ("input_dim", "input_length"):  # as old configurations have them
        if name in kwargs and kwargs[name] is None:
            del kwargs[name]
    return args, kwargs, changed


def convlstm2d_args_preprocessor(args, kwargs):
    """`recurrent_args_preprocessor` and `conv2d_args_preprocessor`."""
    args, kwargs, changed = recurrent_args_preprocessor(args, kwargs)
    args, kwargs, more = conv2d_args_preprocessor(args, kwargs)
    return args, kwargs, changed + more


def embedding_kwargs_preprocessor(args, kwargs):
    """Dropout of whole words is a layer of its own."""
    kwargs = dict(kwargs)
    return args, kwargs, [("dropout", None)] if kwargs.pop("dropout", 0) else []


def batchnorm_args_preprocessor(args, kwargs):
    """Only mode 0 is left: statistics of the features, moving ones in tests."""
    if len(args) > 1 and not isinstance(args[1], int):
        raise TypeError(
            f"BatchNormalization: its first argument is `axis`, a whole number; got {args[1]!r}. "
            "Use keyword arguments instead of positional ones."
        )
    kwargs = dict(kwargs)
    if "mode" not in kwargs:
        return args, kwargs, []
    mode = kwargs.pop("mode")
    if mode != 0:
        raise TypeError(
            "The `mode` argument of `BatchNormalization` no longer exists. `mode=1` and `mode=2` "
            f"are no longer supported; got mode={mode!r}."
        )
    return args, kwargs, [("mode", None)]


def zeropadding2d_args_preprocessor(args, kwargs):
    """The padding of each side was given in a dictionary."""
    kwargs = dict(kwargs)
    padding = kwargs.get("padding", args[1] if len(args) > 1 else None)
    sides = ("top_pad", "bottom_pad", "left_pad", "right_pad")
    if not isinstance(padding, dict) or not set(padding) <= set(sides):
        return args, kwargs, []
    top, bottom, left, right = (padding.get(side, 0) for side in sides)
    kwargs["padding"] = ((top, bottom), (left, right))
    return args[:1] + args[2:], kwargs, [("padding", "padding")]


def add_weight_args_preprocessing(args, kwargs):
    """From (shape, initializer, name=...) to (name, shape, initializer)."""
    kwargs = dict(kwargs)
    if len(args) < 2 or isinstance(args[1], str) or args[1] is None:
        return args, kwargs, []
    kwargs["shape"] = args[1]
    if len(args) > 2:
        kwargs["initializer"] = args[2]
    return args[:1], kwargs, [("shape", "shape")]


def generator_methods_args_preprocessor(args, kwargs):
    """Epochs were so many samples, not batches."""
    kwargs, changed = dict(kwargs), []
    for old, new, source in (
        ("samples_per_epoch", "steps_per_epoch", "generator"),
        ("nb_val_samples", "validation_steps", "validation_data"),
        ("val_samples", "steps", "generator"),
    ):
        if old not in kwargs:
            continue
        raise_duplicate_arg_error(old, new, kwargs)
        given = kwargs.get(source, args[1] if source == "generator" and len(args) > 1 else None)
        samples, size = kwargs.pop(old), getattr(given, "batch_size", None)
        kwargs[new] = max(1, samples // size) if samples and size else samples
        changed.append((old, new))
    return args, kwargs, changed


# ---- the table ----------------------------------------------------------------------------------

_WEIGHTS = (
    " init=kernel_initializer W_regularizer=kernel_regularizer W_constraint=kernel_constraint"
    " b_regularizer=bias_regularizer b_constraint=bias_constraint bias=use_bias"
)
_STEPS = (
    " init=kernel_initializer inner_init=recurrent_initializer W_regularizer=kernel_regularizer"
    " U_regularizer=recurrent_regularizer b_regularizer=bias_regularizer dropout_W=dropout"
    " dropout_U=recurrent_dropout"
)
_GATES = _STEPS + " inner_activation=recurrent_activation"
_NO_CHOICE = " consume_less= implementation="  # of layers that compute in one way only
_IMAGES = " dim_ordering=data_format"
_FILTERS = "nb_filter=filters border_mode=padding"
_CONV = _FILTERS + " subsample=strides" + _IMAGES + _WEIGHTS
_CONV1D = _FILTERS + " filter_length=kernel_size subsample_length=strides" + _WEIGHTS
_SEPARABLE = (
    _FILTERS + " subsample=strides" + _IMAGES + " b_regularizer=bias_regularizer"
    " b_constraint=bias_constraint bias=use_bias"
)
_POOL = "border_mode=padding" + _IMAGES
_POOL1D = "pool_length=pool_size stride=strides border_mode=padding"
_GENERATOR = "nb_worker=workers pickle_safe=use_multiprocessing max_q_size=max_queue_size"

_SAMPLES = (
    " Keras 1 counted samples, Keras 2 counts batches. The number was divided by the `batch_size` "
    "of the generator if that has one; if not, divide it yourself."
)

#: What else the warning about an argument says.
NOTES = {
    "dropout": " Add a `SpatialDropout1D` layer after it instead.",
    "nb_val_samples": _SAMPLES,
    "samples_per_epoch": _SAMPLES,
    "show_accuracy": ' Accuracy is a metric now: `compile(..., metrics=["accuracy"])`.',
    "val_samples": _SAMPLES,
}

#: {class, or Class.method: its Keras 1 words}.
TABLE = {
    "BatchNormalization": Old(
        "beta_init=beta_initializer gamma_init=gamma_initializer", batchnorm_args_preprocessor
    ),
    "Conv1D": Old(_CONV1D, conv1d_args_preprocessor),
    "Conv2D": Old(_CONV, conv2d_args_preprocessor),
    "Conv2DTranspose": Old(_CONV, deconv2d_args_preprocessor),
    "Conv3D": Old(_CONV, conv3d_args_preprocessor),
    "Conv3DTranspose": Old(_CONV, conv3d_args_preprocessor),
    "ConvLSTM2D": Old(_CONV + _GATES + _NO_CHOICE, convlstm2d_args_preprocessor),
    "Dense": Old("output_dim=units" + _WEIGHTS),
    "Embedding": Old(
        "init=embeddings_initializer W_regularizer=embeddings_regularizer"
        " W_constraint=embeddings_constraint",
        embedding_kwargs_preprocessor,
    ),
    "GaussianNoise": Old("sigma=stddev"),
    "InputLayer": Old("input_dtype=dtype"),
    "LocallyConnected1D": Old(_CONV1D, conv1d_args_preprocessor),
    "LocallyConnected2D": Old(_CONV, conv2d_args_preprocessor),
    "PReLU": Old("init=alpha_initializer"),
    "SeparableConv2D": Old(_SEPARABLE, separable_conv2d_args_preprocessor),
    "SimpleRNN": Old("output_dim=units" + _STEPS + _NO_CHOICE, recurrent_args_preprocessor),
    "UpSampling1D": Old("length=size"),
    "ZeroPadding2D": Old(_IMAGES, zeropadding2d_args_preprocessor),
    **dict.fromkeys(("Dropout", "GaussianDropout", "SpatialDropout1D"), Old("p=rate")),
    **dict.fromkeys(
        ("GRU", "LSTM"),
        Old(
            "output_dim=units consume_less=implementation" + _GATES,
            recurrent_args_preprocessor,
        ),
    ),
    **dict.fromkeys(("AveragePooling1D", "MaxPooling1D"), Old(_POOL1D)),
    **{
        f"{kind}{rank}D": Old(words)
        for rank in (2, 3)
        for kind, words in (
            ("AveragePooling", _POOL),
            ("Cropping", _IMAGES),
            ("GlobalAveragePooling", _IMAGES),
            ("GlobalMaxPooling", _IMAGES),
            ("MaxPooling", _POOL),
            ("SpatialDropout", "p=rate" + _IMAGES),
            ("UpSampling", _IMAGES),
        )
    },
    "ZeroPadding3D": Old(_IMAGES),
    # Functions that stand for classes that are others now.
    "AtrousConvolution1D": Old("atrous_rate=dilation_rate " + _CONV1D, conv1d_args_preprocessor),
    "AtrousConvolution2D": Old("atrous_rate=dilation_rate " + _CONV, conv2d_args_preprocessor),
    "TimeDistributedDense": Old("output_dim=units" + _WEIGHTS, conv1d_args_preprocessor),
    # Methods.
    "Layer.add_weight": Old(rewrite=add_weight_args_preprocessing),
    "Model.__init__": Old("input=inputs output=outputs"),
    "Model.compile": Old("class_mode="),
    "Model.fit": Old("nb_epoch=epochs show_accuracy="),
    "Model.evaluate": Old("show_accuracy="),
    "Model.fit_generator": Old(
        f"nb_epoch=epochs show_accuracy= {_GENERATOR}", generator_methods_args_preprocessor
    ),
    "Model.evaluate_generator": Old(_GENERATOR, generator_methods_args_preprocessor),
    "Model.predict_generator": Old(_GENERATOR, generator_methods_args_preprocessor),
}


# ---- applying it --------------------------------------------------------------------------------


def convert(old, args, kwargs):
    """(args, kwargs, [(old name, new name or None)]) in the new words.

    Raises `TypeError` where an argument is given in both.
    """
    changed = []
    if old.rewrite is not None:
        args, kwargs, changed = old.rewrite(args, kwargs)
    if not old.names.keys().isdisjoint(kwargs):
        renamed = {}
        for name, value in kwargs.items():
            new = old.names.get(name, name)
            if new != name:
                raise_duplicate_arg_error(name, new, kwargs)
                changed.append((name, new or None))
                words = VALUES.get(name, {})
                value = words.get(value, value) if isinstance(value, str) else _object(value)
            if new:
                renamed[new] = value
        kwargs = renamed
    return args, kwargs, changed


def _object(value):
    """The config of a regularizer or constraint as it is written now: {"class_name", "config"}."""
    if not isinstance(value, dict) or "name" not in value:
        return value
    config = {OBJECTS.get(k, k): v for k, v in value.items() if k != "name"}
    return {"class_name": OBJECTS.get(value["name"], value["name"]), "config": config}


def accept(function, old, name=None):
    """`function`, which also takes the arguments that `old` lists; its signature is unchanged.

    `name` is what warnings call it: without one, as the class of `self`.
    """

    @functools.wraps(function)
    def accepting(*args, **kwargs):
        if old.rewrite is None and old.names.keys().isdisjoint(kwargs):
            return function(*args, **kwargs)
        args, kwargs, changed = convert(old, args, kwargs)
        if changed and not _is_ours(sys._getframe(1)):
            tell(name or type(args[0]).__name__, args[1:], kwargs, changed)
        return function(*args, **kwargs)

    return accepting


def accept_all(cls, name=None):
    """Makes a class, and its methods, take what `TABLE` lists for it under its name, or `name`."""
    name = name or cls.__name__
    if name in TABLE:
        cls.__init__ = accept(cls.__init__, TABLE[name], name)
    for key, old in TABLE.items():
        owner, _, method = key.partition(".")
        if method and owner == name:
            shown = name if method == "__init__" else method
            setattr(cls, method, accept(getattr(cls, method), old, shown))


def replaced(name, cls):
    """A function that makes what Keras 1 called `name`, which is a `cls` now."""

    def make(*args, **kwargs):
        args, kwargs, changed = convert(TABLE[name], (None, *args), kwargs)
        if not _is_ours(sys._getframe(1)):
            tell(name, args[1:], kwargs, changed, cls.__name__)
        return cls(*args[1:], **kwargs)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"`{cls.__name__}`, under the name that Keras 1 had for it."
    return make


def tell(name, args, kwargs, changed=(), now=None):
    """Warns that `name` was called in old words, and shows the call in new ones."""
    dropped = ", ".join(f"`{old}`" for old, new in changed if new is None)
    notes = dict.fromkeys(NOTES.get(old, "") for old, _ in changed)
    warnings.warn(
        f"Update your `{name}` call to the Keras 2 API: `{_call(now or name, args, kwargs)}`."
        + (f" Left out: {dropped}." if dropped else "")
        + "".join(notes),
        stacklevel=user_level(),
    )


def _call(name, args, kwargs):
    """How a call looks in source."""
    words = [_source(a) for a in args] + [f"{k}={_source(v)}" for k, v in kwargs.items()]
    return f"{name}({', '.join(words)})"


def _source(value):
    if isinstance(value, str):
        return f'"{value}"'
    if value is None or isinstance(value, (bool, int, float)):
        return repr(value)
    if isinstance(value, (tuple, list)) and len(value) <= 4:
        inner = ", ".join(_source(v) for v in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return getattr(value, "__name__", "...")


# ---- the user's line ----------------------------------------------------------------------------


def _is_ours(frame):
    return (frame.f_globals.get("__name__") or "").partition(".")[0] == __name__.partition(".")[0]


def is_own_call():
    """Whether the caller was called by kforge itself, and not by a user's code."""
    return _is_ours(sys._getframe(2))


def user_level():
    """The `stacklevel` with which a warning of the caller points at the user's line."""
    level, frame = 1, sys._getframe(1)
    while frame is not None and _is_ours(frame):
        level, frame = level + 1, frame.f_back
    return level


# ---- arguments that do not exist ----------------------------------------------------------------


def unknown_argument(owner, name, valid=()):
    """The `TypeError` for an argument that `owner`, a class, does not take.

    The nearest of the arguments that its constructors do take, and of `valid`, are in its text.
    """
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = dict.fromkeys(valid)
    for cls in owner.__mro__:
        if "__init__" in vars(cls) and cls is not object:
            parameters = inspect.signature(cls.__init__).parameters.values()
            taken.update({p.name: None for p in parameters if p.kind in kinds})
    for absent in ("self", name):  # a base class may take what this one does not
        taken.pop(absent, None)
    near = difflib.get_close_matches(name, taken, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(f'`{n}`' for n in near)}?" if near else "see its signature."
    return TypeError(
        "Keyword argument not understood:", name, f"{owner.__name__} does not take it; {hint}"
    )

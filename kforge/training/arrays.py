"""Arrays that a user passes: checked against the model, as torch tensors."""

import warnings

import numpy as np
import torch

from .. import config, losses, symbolic
from ..backend.variables import is_sparse, sparse
from ..compat.arguments import user_level

__all__ = [
    "array_inputs",
    "array_targets",
    "check_loss_target",
    "checked_array",
    "per_name",
    "same_length",
    "sample_weights",
    "weigh_samples",
    "weights_per_output",
]


# Losses that would broadcast targets of another shape.
_STRICT = (losses.mean_squared_error, losses.binary_crossentropy, losses.categorical_crossentropy)


def array_inputs(model, x):
    """The model's inputs as tensors. Raises `ValueError` naming input, expected and given."""
    inputs, names = model._feed_inputs, model._feed_input_names
    if not inputs:
        return _nothing(x, "input")
    if x is None:
        raise ValueError(f"No data provided for {names}: pass inputs `x`.")
    shapes = [tuple(t.shape) for t in inputs]
    tensors = per_name(x, names, "input", shapes)
    tensors = [
        sparse(t, i.torch_dtype) if hasattr(t, "tocoo") and is_sparse(i) else t
        for t, i in zip(tensors, inputs)
    ]
    tensors = [checked_array(t, s, n, "input") for t, s, n in zip(tensors, shapes, names)]
    return [_cast(t, i.torch_dtype) for t, i in zip(tensors, inputs)]


def array_targets(model, y):
    """The targets as tensors, one for each output that has a loss and is fed."""
    fed = model._compiled.fed
    if not fed:
        return _nothing(y, "target")
    if y is None:
        raise ValueError("This model has losses: pass targets `y`.")
    names, shapes = [e.name for e in fed], [e.target_shape for e in fed]
    tensors = per_name(y, names, "target", shapes)
    found = []
    for tensor, endpoint in zip(tensors, fed):
        tensor = checked_array(tensor, endpoint.target_shape, endpoint.name, "target")
        check_loss_target(tensor, endpoint.loss, endpoint.output.shape)
        found.append(_cast(tensor, endpoint.target.torch_dtype))
    return found


def _nothing(data, what):
    """No tensors; `ValueError` if there are data."""
    if data is not None and (len(data) if hasattr(data, "__len__") else 1):
        raise ValueError(f"Error when checking model {what}: expected no data, but got: {data}")
    return []


def per_name(data, names, what, shapes):
    """What was given for each name: data are a list, a dictionary or, for one name, an array."""
    if isinstance(data, dict):
        missing = [n for n in names if n not in data]
        if missing:
            raise ValueError(
                f'No data provided for "{missing[0]}". Need data for each key in: {names}'
            )
        return [data[n] for n in names]
    if isinstance(data, (list, tuple)):
        if len(data) == len(names) and (len(names) > 1 or not _is_sample(data, shapes)):
            return list(data)
        if len(names) == 1 and _is_sample(data, shapes):
            return [data]
        raise ValueError(
            f"Error when checking model {what}: the list of Numpy arrays that you are passing to "
            f"your model is not the size the model expected. Expected to see {len(names)} array(s) "
            f"({names}), but instead got the following list of {len(data)} arrays: "
            f"{str(data)[:200]}..."
        )
    if len(names) != 1:
        raise ValueError(
            f"The model expects {len(names)} {what} arrays, but only received one array. Found: "
            f"array with shape {np.shape(data)}"
        )
    return [data]


def _is_sample(data, shapes):
    """Whether a list is the data of one input itself (numbers, or lists of them), not arrays."""
    if not data or any(hasattr(d, "shape") and np.ndim(d) for d in data):
        return False
    first = data[0]
    if isinstance(first, (list, tuple)):
        return len(data) != 1 or shapes[0] is None or np.ndim(data) == len(shapes[0])
    return np.isscalar(first) or np.ndim(first) == 0


def checked_array(data, shape, name, what):
    """`data` as an array or tensor of the rank and sizes of `shape`."""
    if not isinstance(data, torch.Tensor):
        if hasattr(data, "toarray"):  # a SciPy sparse matrix
            data = data.toarray()
        elif hasattr(data, "values") and not isinstance(data, np.ndarray):  # a pandas frame
            data = data.values
        data = _as_numbers(data, name, what)
    if data.ndim == 0:
        data = data.reshape(1)
    if data.ndim == 1:
        data = data[:, None]
    if shape is None:
        return data
    given = tuple(data.shape)
    if len(given) != len(shape):
        raise ValueError(
            f"Error when checking {what}: expected {name} to have {len(shape)} dimensions, but got "
            f"array with shape {given}"
        )
    for expected, size in zip(shape[1:], given[1:]):
        if expected is not None and expected != size:
            raise ValueError(
                f"Error when checking {what}: expected {name} to have shape {shape[1:]} but got "
                f"array with shape {given[1:]}"
            )
    return data


def _as_numbers(data, name, what):
    """An array of numbers, also of those that were given as Python objects or as text."""
    try:
        found = np.asarray(data)
        return found.astype(config.numpy_floatx()) if found.dtype.kind in "OSU" else found
    except (TypeError, ValueError) as error:
        kind = (
            f"an array of {data.dtype} of shape {data.shape}"
            if hasattr(data, "dtype")
            else (f"a {type(data).__name__} of length {len(data)}")
        )
        raise ValueError(
            f"Error when checking {what}: {name} is {kind}; expected numbers ({error}). Are the "
            "samples of different lengths?"
        ) from None


def check_loss_target(target, loss, output_shape):
    """Refuses targets that a loss would broadcast, or one-hot targets that are not one-hot."""
    function = getattr(loss, "fn", loss)
    shape, expected = tuple(target.shape), tuple(output_shape)
    if function is losses.categorical_crossentropy and shape[-1] == 1:
        raise ValueError(
            f"You are passing a target array of shape {shape} while using as loss "
            "`categorical_crossentropy`, which expects targets to be binary matrices (1s and 0s) "
            "of shape (samples, classes). If your targets are integer classes, use "
            "`sparse_categorical_crossentropy`, or convert them with `keras.utils.to_categorical`."
        )
    if function in _STRICT:
        for size, wanted in zip(shape[1:], expected[1:]):
            if wanted is not None and size != wanted:
                raise ValueError(
                    f"A target array with shape {shape} was passed for an output of shape "
                    f"{expected} while using as loss `{function.__name__}`. This loss expects "
                    "targets to have the same shape as the output."
                )


def _cast(data, dtype):
    tensor = data if isinstance(data, torch.Tensor) else symbolic.as_tensor(data)
    return tensor if tensor.dtype is dtype else tensor.to(dtype)


def same_length(inputs, targets, weights):
    """Checks that all arrays have as many samples; gives that number."""
    counts = [{len(t) for t in ts if t is not None} for ts in (inputs, targets, weights)]
    for count, what in zip(
        counts, ("input arrays (x)", "target arrays (y)", "sample_weight arrays")
    ):
        if len(count) > 1:
            raise ValueError(
                f"All {what} should have the same number of samples. Got array shapes with "
                f"{sorted(count)} samples."
            )
    xs, ys, ws = (next(iter(c), None) for c in counts)
    if ys is not None and xs is not None and xs != ys:
        raise ValueError(
            "Input arrays should have the same number of samples as target arrays. Found "
            f"{xs} input samples and {ys} target samples."
        )
    if ws is not None and ys is not None and ws != ys:
        raise ValueError(
            "Sample_weight arrays should have the same number of samples as target arrays. Found "
            f"{ws} sample weights and {ys} target samples."
        )
    return xs if xs is not None else ys


def sample_weights(model, targets, sample_weight=None, class_weight=None):
    """A tensor of weights, or None, for each output that has a loss.

    `targets` are those of the outputs that are fed.
    """
    compiled = model._compiled
    by_output = dict(zip(map(id, compiled.fed), targets))
    names = [e.name for e in compiled.trained]
    given = weights_per_output(sample_weight, names, "sample_weight")
    classes = weights_per_output(class_weight, names, "class_weight")
    found = []
    for endpoint, weight, by_class in zip(compiled.trained, given, classes):
        weight = weigh_samples(by_output.get(id(endpoint)), weight, by_class, endpoint.mode)
        dtype = endpoint.sample_weight.torch_dtype
        found.append(None if weight is None else symbolic.as_tensor(weight, dtype))
    return found


def weights_per_output(given, names, what):
    """The `sample_weight` or `class_weight` of each output, None for those without."""
    if given is None or (isinstance(given, (list, tuple, dict)) and len(given) == 0):
        return [None] * len(names)
    if len(names) == 1:
        if isinstance(given, (list, tuple)) and len(given) == 1:
            return list(given)
        if isinstance(given, dict) and names[0] in given:
            return [given[names[0]]]
        if isinstance(given, dict) and what == "sample_weight":
            raise ValueError(
                f"`sample_weight` has entries for {sorted(given)}, but none for the output "
                f"{names[0]!r} of the model."
            )
        return [given]
    if isinstance(given, list):
        if len(given) != len(names):
            raise ValueError(
                f"Provided `{what}` was a list of {len(given)} elements, but the model has "
                f"{len(names)} outputs. You should provide one `{what}` array per model output."
            )
        return given
    if isinstance(given, dict):
        if unknown := [key for key in given if key not in names]:
            warnings.warn(
                f"`{what}` has entries for {unknown}, which have no effect: they are not outputs "
                f"with a loss of the model. Those are {names}.",
                stacklevel=user_level(),
            )
        return [given.get(n) for n in names]
    raise TypeError(
        f"The model has multiple outputs, so `{what}` should be either a list or a dict. Provided "
        f"`{what}` type not understood: {given}"
    )


def weigh_samples(target, weight, class_weight, mode):
    """The weights of an output's samples, class weights multiplied in; None if there are none.

    `mode` "temporal": a weight for each time step.
    """
    temporal = mode == "temporal"
    if weight is not None:
        weight = np.asarray(weight.cpu() if isinstance(weight, torch.Tensor) else weight)
        if temporal and weight.ndim != 2:
            raise ValueError(
                f"Found a sample_weight array with shape {weight.shape}. In order to use "
                "timestep-wise sample weighting, you should pass a 2D sample_weight array."
            )
        if not temporal and weight.ndim != 1:
            raise ValueError(
                f"Found a sample_weight array with shape {weight.shape}. In order to use "
                'timestep-wise sample weights, you should specify sample_weight_mode="temporal" in '
                "compile(). If you just mean to use sample-wise weights, make sure your "
                "sample_weight array is 1D."
            )
        if target is not None and len(weight) != len(target):
            raise ValueError(
                f"Found a sample_weight with shape {weight.shape}. Expected {len(target)} samples, "
                f"and a rank of at most {target.dim()}."
            )
    if class_weight is not None and not isinstance(class_weight, dict):
        warnings.warn(
            f"`class_weight` must be a dictionary {{class: weight}}. Got {class_weight!r}, which "
            "has no effect, as in Keras.",
            stacklevel=user_level(),
        )
    elif class_weight is not None:
        by_class = _class_weights(target, class_weight)
        weight = by_class if weight is None else weight * by_class
    return weight


def _class_weights(target, class_weight):
    if target is None:
        raise ValueError("`class_weight` needs targets that are passed as data.")
    if target.dim() > 2:
        raise ValueError("`class_weight` not supported for 3+ dimensional targets.")
    if target.dim() == 2 and target.shape[1] > 1:
        classes = target.argmax(1).cpu().numpy()
    else:
        classes = target.reshape(-1).long().cpu().numpy()
    missing = set(classes.tolist()) - set(class_weight)
    if missing:
        raise ValueError(
            "`class_weight` must contain all classes in the data. The classes "
            f"{missing} exist in the data but not in `class_weight`."
        )
    return np.asarray([class_weight[c] for c in classes.tolist()], dtype="float32")

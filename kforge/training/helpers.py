"""What Keras's training code was made of, under Keras's names, for scripts that import it.

``keras.engine.training_utils``, ``training_arrays`` and ``training_generator`` show this module.
"""

import functools
import inspect

import numpy as np
import torch

from .. import backend as K
from .. import metrics as metrics_module
from ..backend.values import as_list
from ..symbolic import as_tensor, is_symbolic
from .arrays import (
    check_loss_target,
    checked_array,
    per_name,
    same_length,
    weigh_samples,
    weights_per_output,
)
from .compile import (
    metrics_of,
    per_output,
    prepare_loss_weights,
    resolve_loss,
    resolve_metric,
    weight_placeholder,
)
from .data import shuffled
from .loop import should_run_validation
from .methods import TrainingMethods, refuse
from .streams import is_sequence, is_stream, iter_sequence_infinite

__all__ = [
    "batch_shuffle",
    "call_metric_function",
    "check_array_length_consistency",
    "check_generator_arguments",
    "check_loss_and_target_compatibility",
    "check_num_samples",
    "collect_per_output_metric_info",
    "evaluate_generator",
    "fit_generator",
    "get_input_shape_and_dtype",
    "get_loss_function",
    "get_metric_function",
    "get_metric_name",
    "get_output_sample_weight_and_mode",
    "get_static_batch_size",
    "is_generator_or_sequence",
    "is_sequence",
    "iter_sequence_infinite",
    "make_batches",
    "predict_generator",
    "prepare_loss_functions",
    "prepare_loss_weights",
    "prepare_sample_weights",
    "should_run_validation",
    "standardize_class_weights",
    "standardize_input_data",
    "standardize_sample_or_class_weights",
    "standardize_sample_weights",
    "standardize_single_array",
    "standardize_weights",
    "weighted_masked_objective",
]


# ---- batches ----------------------------------------------------------------------------------


def make_batches(size, batch_size):
    """(start, end) of each batch of `size` samples; the last may be smaller."""
    return [(start, min(size, start + batch_size)) for start in range(0, size, batch_size)]


def batch_shuffle(index_array, batch_size):
    """`index_array` with its whole batches in a random order; a smaller one stays last."""
    return shuffled(np.array(index_array), "batch", batch_size)


def check_num_samples(ins, batch_size=None, steps=None, steps_name="steps"):
    """The number of samples in a list of arrays, None where `steps` are counted instead."""
    if steps is not None:
        if batch_size is not None:
            raise ValueError(f"If {steps_name} is set, the `batch_size` must be None.")
        return None
    if not ins or not hasattr(ins[0], "shape"):
        raise ValueError(
            "The input data should have shape, or a number of steps should be given. Please "
            f"specify `{steps_name}`."
        )
    return int(ins[0].shape[0])


def is_generator_or_sequence(x):
    """Whether `x` gives batches by itself."""
    return is_stream(x)


def check_generator_arguments(y=None, sample_weight=None, validation_split=None):
    """Refuses arguments that a generator brings itself."""
    refuse(y=y, sample_weight=sample_weight, validation_split=validation_split)


def _of_models(method):
    """A method of models as a function of the model."""
    self, *others = inspect.signature(method).parameters.values()

    @functools.wraps(method)
    def function(model, *args, **kwargs):
        return getattr(model, method.__name__)(*args, **kwargs)

    function.__signature__ = inspect.Signature([self.replace(name="model"), *others])
    return function


fit_generator = _of_models(TrainingMethods.fit_generator)
evaluate_generator = _of_models(TrainingMethods.evaluate_generator)
predict_generator = _of_models(TrainingMethods.predict_generator)


# ---- arrays -----------------------------------------------------------------------------------


def standardize_single_array(x):
    """`x` as it goes into a model: an array without axes, or with one, gets a last axis."""
    return x if x is None or is_symbolic(x) else checked_array(x, None, "data", "input")


def standardize_input_data(data, names, shapes=None, check_batch_axis=True, exception_prefix=""):
    """The array of each name, from a list, a dictionary or a single array.

    `shapes` are those that the arrays must have, None for any; `exception_prefix` says in errors
    what they are, such as "input" or "target".
    """
    if not names:
        if data is not None and np.size(data):
            raise ValueError(
                f"Error when checking model {exception_prefix}: expected no data, but got {data}."
            )
        return []
    if data is None:
        return [None] * len(names)
    shapes = shapes or [None] * len(names)
    found = per_name(data, names, exception_prefix, shapes)
    for i, (shape, name) in enumerate(zip(shapes, names)):
        if found[i] is None or is_symbolic(found[i]):
            continue
        found[i] = checked_array(found[i], shape, name, exception_prefix)
        if shape and check_batch_axis and shape[0] not in (None, len(found[i])):
            raise ValueError(
                f"Error when checking {exception_prefix}: expected {name} to have shape {shape} "
                f"but got array with shape {tuple(found[i].shape)}"
            )
    return found


def check_array_length_consistency(inputs, targets, weights=None):
    """Raises `ValueError` unless all arrays have as many samples; None has none.

    Each argument is an array or a list of them.
    """
    groups = [[g] if g is None else as_list(g) for g in (inputs, targets, weights)]
    same_length(*([range(0) if a is None else a for a in group] for group in groups))


def check_loss_and_target_compatibility(targets, loss_fns, output_shapes):
    """Raises `ValueError` for targets that a loss of Keras's cannot take as they are."""
    for target, loss, shape in zip(targets, loss_fns, output_shapes):
        if None not in (loss, shape) and target is not None and not is_symbolic(target):
            check_loss_target(target, loss, shape)


def get_input_shape_and_dtype(layer):
    """Shape, with the batch axis, and dtype of the input of a layer or model; (None, None) if
    it has not been said."""
    while getattr(layer, "layers", None):
        layer = layer.layers[0]
    shape = getattr(layer, "batch_input_shape", None)
    return (None, None) if shape is None else (shape, layer.dtype)


def get_static_batch_size(layer):
    """The batch size that the input of a layer or model is fixed to, or None."""
    shape, _ = get_input_shape_and_dtype(layer)
    return shape[0] if shape else None


# ---- weights of samples -----------------------------------------------------------------------


def standardize_sample_or_class_weights(x_weight, output_names, weight_type):
    """The weights of each output, None for those without; `weight_type` is the argument's name."""
    return weights_per_output(x_weight, output_names, weight_type)


def standardize_class_weights(class_weight, output_names):
    """The class weights of each output, None for those without."""
    return weights_per_output(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight, output_names):
    """The sample weights of each output, None for those without."""
    return weights_per_output(sample_weight, output_names, "sample_weight")


def standardize_weights(y, sample_weight=None, class_weight=None, sample_weight_mode=None):
    """The weights of the samples of targets `y`, ones if none are given.

    `sample_weight_mode` "temporal": a weight for each time step.
    """
    if sample_weight_mode not in (None, "samplewise", "temporal"):
        raise ValueError(
            "`sample_weight_mode` should be None or 'temporal'. Found: " + str(sample_weight_mode)
        )
    found = weigh_samples(as_tensor(y), sample_weight, class_weight, sample_weight_mode)
    if found is None:
        axes = 2 if sample_weight_mode == "temporal" else 1
        found = np.ones(tuple(y.shape)[:axes])
    return K.cast_to_floatx(found)


def get_output_sample_weight_and_mode(
    skip_target_weighing_indices, sample_weight_mode, output_name, output_index
):
    """(placeholder of the sample weights, mode) of an output, (None, None) of one to skip."""
    if output_index in skip_target_weighing_indices:
        return None, None
    mode = "temporal" if sample_weight_mode == "temporal" else None
    return weight_placeholder(output_name, mode), mode


def prepare_sample_weights(output_names, sample_weight_mode, skip_target_weighing_indices):
    """(placeholders of the sample weights, modes) of all outputs."""
    modes = per_output(sample_weight_mode, output_names, "sample_weight_mode")
    found = [
        get_output_sample_weight_and_mode(skip_target_weighing_indices, mode, name, index)
        for index, (mode, name) in enumerate(zip(modes, output_names))
    ]
    return [weight for weight, _ in found], [mode for _, mode in found]


# ---- losses and metrics -----------------------------------------------------------------------


def get_loss_function(loss):
    """The `Loss` of a name, a function, an object, or None."""
    return resolve_loss(loss)


def prepare_loss_functions(loss, output_names):
    """The `Loss` of each output, None for those without."""
    return [resolve_loss(given) for given in per_output(loss, output_names, "loss")]


def weighted_masked_objective(fn):
    """A function of (y_true, y_pred, weights, mask=None) that gives the mean loss of a batch.

    As Keras did until 2.2: weights and mask are relative, a sample of weight 0 is not counted.
    """
    if fn is None:
        return None

    def weighted(y_true, y_pred, weights, mask=None):
        scores = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            scores = scores * mask / K.mean(mask)
        if weights is not None:
            inner = range(K.ndim(weights), K.ndim(scores))
            scores = (K.mean(scores, axis=list(inner)) if inner else scores) * weights
            scores = scores / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(scores)

    return weighted


def get_metric_name(metric, weighted=False):
    """The name that a metric, given to `compile` as name, function or object, has in logs."""
    if isinstance(metric, str):
        return metric
    metric = metrics_module.get(metric)
    return getattr(metric, "name", None) or metric.__name__


def get_metric_function(metric, output_shape=None, loss_fn=None):
    """The function or object of a metric; "accuracy" and "crossentropy" depend on the output's
    shape and its loss."""
    return resolve_metric(metric, loss_fn, output_shape or (None,))[1]


def collect_per_output_metric_info(
    metrics, output_names, output_shapes, loss_fns, is_weighted=False
):
    """{name: metric object} of each output, of what `compile` takes as `metrics`."""
    found = []
    for i, (shape, loss) in enumerate(zip(output_shapes, loss_fns)):
        given = metrics_of(metrics, i, output_names)
        made = dict(resolve_metric(metric, loss, shape) for metric in given)
        found.append({name: metrics_module.as_metric(m, name) for name, m in made.items()})
    return found


def call_metric_function(metric_fn, y_true, y_pred=None, weights=None, mask=None):
    """The value of a metric object on targets and predictions, or on values alone."""
    if mask is not None:
        mask = K.cast(mask, K.floatx())
        weights = mask if weights is None else torch.mul(weights, mask)
    values = (y_true,) if y_pred is None else (y_true, y_pred)
    return metric_fn(*values, sample_weight=weights)

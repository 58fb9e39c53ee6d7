"""From the arguments of `compile` to symbolic losses and metric updates."""

import warnings
from dataclasses import dataclass, field

import torch

from .. import config, losses, metrics, opaque, symbolic
from ..backend.values import as_list, given_tensor
from ..compat.arguments import user_level
from ..probes import probe_pair
from ..registry import is_own
from ..symbolic import KerasTensor
from ..utils.generic_utils import check_for_unexpected_keys
from ..variable import as_symbolic, is_update
from ..weighting import masked_weights

__all__ = [
    "Compiled",
    "Endpoint",
    "learned_weights",
    "metrics_of",
    "per_output",
    "prepare_loss_weights",
    "resolve_loss",
    "resolve_metric",
    "weight_placeholder",
]


@dataclass
class Endpoint:
    """What `compile` says of one output."""

    name: str
    output: KerasTensor
    loss: object  # a Loss, or None
    weight: float = 1.0
    mode: str | None = None  # "temporal": weights a step
    target: KerasTensor | None = None
    sample_weight: KerasTensor | None = None
    metrics: list = field(default_factory=list)  # (metric, takes sample weights)
    loss_metric: object = None  # the mean of the loss, where there are several outputs

    @property
    def target_shape(self):
        """The shape that targets are checked against, None where the loss is the user's own."""
        shape = tuple(self.output.shape)
        function = getattr(self.loss, "fn", None)
        if isinstance(self.loss, losses.SparseCategoricalCrossentropy) or (
            function is losses.sparse_categorical_crossentropy
        ):
            if config.image_data_format() == "channels_first" and len(shape) in (4, 5):
                return (shape[0], 1, *shape[2:])
            return (*shape[:-1], 1)
        if function is not None:
            known = getattr(losses, getattr(function, "__name__", ""), None) is not None
            return shape if known else None
        return shape if is_own(type(self.loss)) else None


class Compiled:
    """The losses and metrics of a compiled model.

    `endpoints` has one entry an output; `trainable` and `losses` are the weights that were
    trainable then and the losses that the model had.
    """

    def __init__(self, model, loss, metrics_, loss_weights, sample_weight_mode, weighted, targets):
        self.model = model
        names, outputs = model.output_names, model.outputs
        self.trainable = learned_weights(model)
        chosen = per_output(loss, names, "loss")
        if isinstance(loss, dict):
            _warn_of_missing([n for n, fn in zip(names, chosen) if fn is None])
        weights = prepare_loss_weights(names, loss_weights)
        modes = per_output(sample_weight_mode, names, "sample_weight_mode")
        if isinstance(sample_weight_mode, dict):
            trained = [name for name, fn in zip(names, chosen) if fn is not None]
            missing = [name for name in trained if name not in sample_weight_mode]
            if missing:
                raise ValueError(f"Outputs missing from sample_weight_mode dictionary: {missing}")
        self.endpoints = [
            Endpoint(name, output, resolve_loss(fn), weight, mode)
            for name, output, fn, weight, mode in zip(names, outputs, chosen, weights, modes)
        ]
        self._add_placeholders(targets)
        for i, endpoint in enumerate(self.endpoints):
            if endpoint.loss is not None and len(outputs) > 1:
                endpoint.loss_metric = metrics.Mean(name=f"{endpoint.name}_loss")
            for given, weighed in ((metrics_, False), (weighted, True)):
                self._add_metrics(endpoint, metrics_of(given, i, names), weighed)
        self.losses = list(model.losses)
        self._objectives = {}
        self.objective([False] * len(self.trained))

    def _add_placeholders(self, targets):
        given = _target_tensors(targets, [e.name for e in self.endpoints])
        for endpoint, tensor in zip(self.endpoints, given):
            if endpoint.loss is None:
                continue
            shape = endpoint.target_shape
            if shape is None:
                shape = (None,) * len(endpoint.output.shape)
            dtype = symbolic.torch_dtype(config.floatx())
            endpoint.target = (
                tensor
                if tensor is not None
                else symbolic.placeholder(shape, dtype, f"{endpoint.name}_target")
            )
            if tensor is None and endpoint.target_shape is None:
                _probe_like(endpoint.target, endpoint.output)
            endpoint.sample_weight = weight_placeholder(endpoint.name, endpoint.mode)

    def _add_metrics(self, endpoint, given, weighed):
        if endpoint.loss is None:
            return
        resolved = [resolve_metric(m, endpoint.loss, endpoint.output.shape) for m in given]
        for name, made in dict(resolved).items():
            if len(self.endpoints) > 1:
                name = f"{endpoint.name}_{name}"
            endpoint.metrics.append((metrics.as_metric(made, self._unique(name)), weighed))

    def _unique(self, name):
        taken = {m.name for e in self.endpoints for m, _ in e.metrics}
        base, number = name, 1
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        return name

    @property
    def trained(self):
        """Endpoints that have a loss."""
        return [e for e in self.endpoints if e.loss is not None]

    @property
    def fed(self):
        """Endpoints whose targets are fed."""
        return [e for e in self.trained if e.target.op.func is symbolic.placeholder]

    @property
    def metrics(self):
        """All stateful metrics, in the order of the logs after the loss."""
        means = [e.loss_metric for e in self.endpoints if e.loss_metric is not None]
        own = [m for e in self.endpoints for m, _ in e.metrics]
        return means + own + self._added_metrics()

    def _added_metrics(self):
        """Those of `add_metric` and of attributes. `ValueError` if two have the same name."""
        found = list(dict.fromkeys(metric for metric, _ in self.model._reported()))
        names = [metric.name for metric in found]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(
                    "Please provide different names for the metrics you have added. We found "
                    f"{names.count(name)} metrics with the name: {name!r}"
                )
        return found

    @property
    def metrics_names(self):
        """Names of the values that a step reports."""
        return ["loss"] + [m.name for m in self.metrics]

    def objective(self, weighted=None):
        """(total loss, metric updates), symbolic.

        `weighted` says for each endpoint with a loss whether sample weights come; None: all do.
        """
        weighted = tuple(weighted) if weighted is not None else (True,) * len(self.trained)
        if weighted not in self._objectives:
            self._objectives[weighted] = self._build_objective(weighted)
        return self._objectives[weighted]

    def forget_objectives(self):
        """Makes them anew when they are needed: the model reports more than it did."""
        self._objectives = {}

    def _build_objective(self, weighted):
        total, updates = None, []
        present = [e for e, given in zip(self.trained, weighted) if given]
        for endpoint in self.trained:
            mask = endpoint.output._keras_mask
            given = endpoint.sample_weight if any(e is endpoint for e in present) else None
            with_mask = masked_weights(mask, given, endpoint.output.dtype)
            loss, scalar = endpoint_loss(endpoint, with_mask)
            if endpoint.loss_metric is not None:
                updates += to_updates(endpoint.loss_metric.update_state(scalar))
            scaled = loss if endpoint.weight == 1.0 else loss * endpoint.weight
            total = scaled if total is None else total + scaled
            for metric, weighed in endpoint.metrics:
                weight = with_mask if weighed else masked_weights(mask, None, endpoint.output.dtype)
                changed = metric.update_state(
                    endpoint.target, endpoint.output, sample_weight=weight
                )
                updates += to_updates(changed)
        for metric, value in self.model._reported():
            if getattr(value, "_metric", None) is metric:
                updates.append(value)  # computing it takes the batch into account
            elif value is not None:
                updates += to_updates(metric.update_state(value))
        for extra in self.losses:
            extra = torch.mean(extra) if len(extra.shape) else extra
            total = extra if total is None else total + extra
        if total is None:
            raise ValueError(
                "The model cannot be compiled because it has no loss to optimize. Pass a `loss`, "
                "or add one with `model.add_loss`."
            )
        return total, updates


def weight_placeholder(name, mode):
    """What the sample weights of output `name` are fed to; "temporal" ones have two axes."""
    shape = (None, None) if mode == "temporal" else (None,)
    return symbolic.placeholder(shape, symbolic.torch_dtype(None), f"{name}_sample_weights")


def to_updates(changed):
    """Update nodes of what a metric's `update_state` gave."""
    return [] if changed is None else as_list(changed)


def endpoint_loss(endpoint, sample_weight):
    """(loss, scalar loss) of an output; they differ for losses that are not reduced."""
    target = endpoint.target
    if endpoint.target_shape is not None or target.op.func is not symbolic.placeholder:
        return _endpoint_loss(endpoint, sample_weight)
    try:
        return _endpoint_loss(endpoint, sample_weight)
    except ValueError as error:  # a target with columns of its own
        likely = target.probes
        target.probes = probe_pair(target.shape, target.dtype)
        try:
            return _endpoint_loss(endpoint, sample_weight)
        except ValueError:
            target.probes = likely
            raise error from None


def _endpoint_loss(endpoint, sample_weight):
    loss = endpoint.loss
    if hasattr(loss, "reduction"):
        values = opaque.attempt(loss.call, (endpoint.target, endpoint.output))
        values = given_tensor(values, f"The loss {loss.name!r} of output {endpoint.name!r}")
        found = losses.compute_weighted_loss(values, sample_weight, loss.reduction)
    else:
        arguments = (endpoint.target, endpoint.output), {"sample_weight": sample_weight}
        found = opaque.attempt(loss, *arguments)
    return found, torch.mean(found) if len(found.shape) else found


def learned_weights(model):
    """The trainable weights, without the attributes of a layer that the layer itself updates: these
    are statistics, which were no weights at all before Keras 2.3."""
    moved = {node.op.args[1] for node in model.updates if is_update(node)}
    return [w for w in model.trainable_weights if w not in moved or w.initial is not None]


def _probe_like(target, output):
    """Gives a target of unknown sizes the sizes of the output while shapes are inferred."""
    target.probes = tuple(
        torch.empty(p.shape, dtype=t.dtype, device="meta")
        for p, t in zip(output.probes, target.probes)
    )
    target._keras_shape = (None,) * len(output.shape)


# ---- arguments --------------------------------------------------------------------------------


def resolve_loss(loss):
    """A `Loss` of a name, a function, an object, or None."""
    if loss is None or isinstance(loss, losses.Loss):
        return loss
    found = losses.get(loss)
    if isinstance(found, losses.Loss):
        return found
    name = getattr(found, "__name__", type(found).__name__)
    return losses.LossFunctionWrapper(found, name=name)


# Metrics that depend on the output and its loss, by what users call them.
_RESOLVED = {"acc": "accuracy", "ce": "crossentropy"}
_RESOLVED.update({name: name for name in list(_RESOLVED.values())})


def resolve_metric(metric, loss, output_shape):
    """(name, metric) of what a user gave: accuracy and crossentropy depend on output and loss."""
    if isinstance(metric, str) and metric in _RESOLVED:
        kind = _RESOLVED[metric]
        function = getattr(loss, "fn", loss)
        sparse = function is losses.sparse_categorical_crossentropy
        binary = output_shape[-1] == 1 or function is losses.binary_crossentropy
        prefix = "binary" if binary else "sparse_categorical" if sparse else "categorical"
        return metric, getattr(metrics, f"{prefix}_{kind}")
    if isinstance(metric, str):
        return metric, metrics.get(metric)
    found = metrics.get(metric) if isinstance(metric, dict) else metric
    name = getattr(found, "name", None) or getattr(found, "__name__", None)
    return name or type(found).__name__, found


def per_output(given, names, what):
    """A value for each output: from one for all, a list, or a dictionary by name."""
    if isinstance(given, dict) and "class_name" not in given:
        check_for_unexpected_keys(what, given, names)
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                f"When passing a list as `{what}`, it should have one entry per model output. The "
                f"model has {len(names)} outputs, but you passed {what}={given}"
            )
        return list(given)
    return [given] * len(names)


def _warn_of_missing(names):
    for name in names:
        warnings.warn(
            f"Output {name} missing from loss dictionary. We assume this was done on purpose. The "
            f"fit and evaluate APIs will not be expecting any data to be passed to {name}.",
            stacklevel=user_level(),
        )


def prepare_loss_weights(output_names, loss_weights=None):
    """The weight of the loss of each output, 1 where none is given."""
    if not isinstance(loss_weights, (list, dict, type(None))):
        raise TypeError(
            f"Could not interpret loss_weights argument: {loss_weights} - expected a list of "
            "numbers, or a dictionary of them by output."
        )
    found = per_output(loss_weights, output_names, "loss_weights")
    return [1.0 if weight is None else weight for weight in found]


def metrics_of(given, index, names):
    """The metrics of output `index`: of a list for all, a list of lists, or a dictionary."""
    if not given:
        return []
    if not isinstance(given, (list, tuple, dict)):
        raise TypeError(
            "Type of `metrics` argument not understood. Expected a list or a dictionary, found: "
            f"{given}"
        )
    if isinstance(given, dict) or any(isinstance(m, (list, tuple)) for m in given):
        found = per_output(given, names, "metrics")[index]
    else:  # an object counts by itself, so that outputs cannot share it
        found = given if len(names) == 1 else metrics.clone_metrics(given)
    return [] if found is None else as_list(found)


def _target_tensors(given, names):
    """A symbolic target, or None, for each output, of what `compile` takes as `target_tensors`."""
    if given is None or (isinstance(given, (list, tuple, dict)) and not given):
        return [None] * len(names)
    if isinstance(given, (symbolic.Symbolic, torch.Tensor)):
        if len(names) > 1:
            raise ValueError(
                f"The model has {len(names)} outputs, but you passed a single tensor as "
                "`target_tensors`. Expected a list or a dict of tensors."
            )
    elif not isinstance(given, (list, tuple, dict)):
        raise TypeError(
            "Expected `target_tensors` to be a list or tuple or dict or a single tensor, but got: "
            f"{given!r}"
        )
    found = per_output(given, names, "target_tensors")
    return [None if target is None else as_symbolic(target) for target in found]

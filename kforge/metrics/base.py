"""`Metric`: values that accumulate over batches; sums and means of values."""

import functools

import torch

from .. import initializers, lowering, opaque, operations, symbolic
from ..backend import cast
from ..backend.values import given_tensor, tensor
from ..config import automatic_name
from ..dtypes import dtype_name, torch_dtype
from ..registry import Configurable, Registry
from ..symbolic import NeedsValue, Symbolic
from ..trees import leaves, map_leaves
from ..variable import Variable, collecting, to_numpy, updated
from ..weighting import squeeze_or_expand_dimensions, weigh

__all__ = [
    "Mean",
    "MeanMetricWrapper",
    "MeanTensor",
    "Metric",
    "Reduce",
    "Sum",
    "update_state_wrapper",
]

# Every metric, class or function, that a name may mean.
registry = Registry("metric function", instantiate=True)


class Metric(Configurable):
    """A value computed from all batches since the last `reset_states`.

    Subclasses make variables with `add_weight`, change them in `update_state(y_true, y_pred,
    sample_weight=None)`, by `assign_add` or `K.update_add`, and compute the value from them in
    `result()`. Outside of execution `update_state` records the changes and gives them as a list,
    whatever a subclass returns; a call records both and gives the new value.

    An `update_state` that asks for values (a branch, NumPy) runs on those of each batch.
    """

    stateful = True
    built = True

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "update_state" in vars(cls):
            cls.update_state = update_state_wrapper(cls.update_state)

    def __init__(self, name=None, dtype=None, **kwargs):
        if kwargs:
            raise TypeError("Keyword argument not understood:", min(kwargs))
        self.name = name or automatic_name(type(self).__name__)
        self.dtype = dtype_name(dtype)
        self.weights = []

    def add_weight(self, name, shape=(), initializer=None, dtype=None):
        """Makes a variable of this shape: zeros unless `initializer` says otherwise."""
        dtype = dtype or self.dtype
        value = initializers.get(initializer or "zeros")(tuple(shape), dtype=dtype)
        if isinstance(value, Symbolic):
            value = lowering.evaluate(value)
        value = symbolic.as_tensor(value, torch_dtype(dtype))
        variable = Variable(value, name, trainable=False)
        self.weights.append(variable)
        return variable

    def update_state(self, *args, **kwargs):
        """Takes one more batch into account."""
        raise NotImplementedError(f"{type(self).__name__} must implement `update_state`.")

    def result(self):
        """The value, from the variables as they are."""
        raise NotImplementedError(f"{type(self).__name__} must implement `result`.")

    def reset_states(self):
        """Starts anew: all variables become 0."""
        with torch.no_grad():
            for variable in self.weights:
                variable.native.zero_()

    def __call__(self, *args, **kwargs):
        """The value with one more batch; computing it changes the variables, once."""
        updates = self.update_state(*args, **kwargs)
        if symbolic.is_executing():
            return symbolic.value_of(self.result())
        if any(operations.is_effect(node) for node in updates):
            found = self._at_once(args, kwargs)
        else:
            new = updated(updates)
            with symbolic.substituting(new):
                result = self.result()
            found = operations.after(new.get(result, result), updates)
        found._metric = self  # for `add_metric`
        return found

    def _at_once(self, args, kwargs):
        """Update and result as one operation on values."""

        def run(args, kwargs):
            self.update_state(*args, **kwargs)
            return tensor(self.result()) + 0

        return symbolic.declared(run, (args, kwargs), {}, (), torch_dtype(self.dtype))

    def get_weights(self):
        """The values of the variables, as NumPy arrays."""
        return [to_numpy(variable.view) for variable in self.weights]

    def set_weights(self, weights):
        """Sets the values of the variables."""
        for variable, value in zip(self.weights, weights, strict=True):
            variable.assign(value)


def update_state_wrapper(update_state_fn):
    """`update_state` as a method that gives all changes of variables that it makes.

    Methods of that name are wrapped by themselves.
    """

    @functools.wraps(update_state_fn)
    def recorded(self, *args, **kwargs):
        if symbolic.is_executing():
            return update_state_fn(self, *args, **kwargs)
        try:
            with collecting() as updates:
                returned = update_state_fn(self, *args, **kwargs)
        except NeedsValue:
            return [_by_value(functools.partial(update_state_fn, self), args, kwargs)]
        seen = {id(node) for node in updates}
        rest = [x for x in leaves([returned]) if isinstance(x, Symbolic) and id(x) not in seen]
        return updates + rest

    return recorded


def _by_value(function, args, kwargs):
    """A change that calls `function` on the values of its symbolic arguments."""
    tensors = [x for x in leaves([args, kwargs]) if isinstance(x, Symbolic)]

    def run(values):
        value_of = dict(zip(tensors, values))

        def fill(x):
            return value_of[x] if isinstance(x, Symbolic) else x

        with symbolic.executing():
            function(*map_leaves(fill, args), **map_leaves(fill, kwargs))

    return operations.effect(run, tensors)


class Reduction:
    """How a `Reduce` metric makes one number of values and weights."""

    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    WEIGHTED_MEAN = "weighted_mean"


@registry.register
class Reduce(Metric):
    """A sum of weighted values, or that divided by their number or by the sum of the weights."""

    is_of_batches = False  # whether a batch gives one value, not one a sample

    def __init__(self, reduction, name, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.reduction = reduction
        self.total = self.add_weight("total")
        if reduction != Reduction.SUM:
            self.count = self.add_weight("count")

    def update_state(self, values, sample_weight=None):
        """Adds values. One number for a batch has no steps that a mask could weigh."""
        values, weights = cast(values, self.dtype), None
        self.is_of_batches = not len(values.shape)
        is_by_step = len(getattr(sample_weight, "shape", ())) > 1
        if sample_weight is not None and not (self.is_of_batches and is_by_step):
            values, weights = weigh(values, sample_weight)
        self.total.assign_add(torch.sum(values))
        if self.reduction == Reduction.WEIGHTED_MEAN and weights is not None:
            self.count.assign_add(torch.sum(weights))
        elif self.reduction != Reduction.SUM:
            self.count.assign_add(values.numel())

    def result(self):
        """The sum or mean of all values."""
        return self.total if self.reduction == Reduction.SUM else self.total / self.count


@registry.register
class Mean(Reduce):
    """The weighted mean of values."""

    def __init__(self, name="mean", dtype=None):
        super().__init__(Reduction.WEIGHTED_MEAN, name, dtype)


@registry.register
class Sum(Reduce):
    """The weighted sum of values."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(Reduction.SUM, name, dtype)


@registry.register
class MeanMetricWrapper(Mean):
    """The weighted mean of ``fn(y_true, y_pred, **kwargs)``; `fn` may be the name of a metric.

    The weights of a layer as `fn` are the metric's, too: they are 0 when it starts anew.
    """

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn, self._fn_kwargs = registry.get(fn), kwargs
        self.weights = [*getattr(self._fn, "weights", ()), *self.weights]

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Adds the values of a batch."""
        y_true, y_pred = cast(y_true, self.dtype), cast(y_pred, self.dtype)
        y_pred, y_true = squeeze_or_expand_dimensions(y_pred, y_true)
        values = opaque.attempt(self._fn, (y_true, y_pred), self._fn_kwargs, detached=True)
        values = given_tensor(values, f"The metric {self.name!r}")
        super().update_state(values, sample_weight)

    def get_config(self):
        """The arguments that make such a metric."""
        fn = {"fn": registry.serialize(self._fn)} if type(self) is MeanMetricWrapper else {}
        return {**fn, "name": self.name, "dtype": self.dtype, **self._fn_kwargs}


@registry.register
class MeanTensor(Metric):
    """The weighted mean of tensors of one shape, element by element; 0 where all weights are."""

    def __init__(self, name="mean_tensor", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.count = None

    def update_state(self, values, sample_weight=None):
        """Adds a tensor."""
        values = cast(values, self.dtype)
        shape = tuple(values.shape)
        if self.total is None:
            if None in shape:
                raise ValueError(f"{self.name}: the shape of `values` must be known; got {shape}.")
            self.total = self.add_weight("total", shape)
            self.count = self.add_weight("count", shape)
        elif shape != tuple(self.total.shape):
            raise ValueError(
                f"MeanTensor input values must always have the same shape. Expected shape (set "
                f"during the first call): {tuple(self.total.shape)}. Got: {shape}"
            )
        weights = torch.ones_like(values)
        if sample_weight is not None:
            values, weights = weigh(values, sample_weight)
        self.total.assign_add(values)
        self.count.assign_add(weights)

    def result(self):
        """The mean of all tensors."""
        if self.total is None:
            raise ValueError(
                f"{self.name} does not have any result yet. Call it, or `update_state`, first."
            )
        return divide_no_nan(self.total, self.count)


def divide_no_nan(numerator, denominator):
    """The quotient; 0 where the denominator is."""
    return torch.where(torch.eq(denominator, 0), 0.0, numerator / denominator)

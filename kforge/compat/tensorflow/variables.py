"""Variables, placeholders, gradients, random numbers, initializers."""

import torch

from ... import backend as K
from ... import config, initializers, symbolic
from ... import variable as variables
from ...backend import session
from ...backend.random import operation_seed, set_graph_seed, stream
from ...backend.values import mixed_shape, sizes
from ...backend.variables import tied
from ...dimensions import GraphShape
from ...dtypes import torch_dtype
from ...variable import record_update
from ..arguments import is_own_call
from . import segments
from .flow import group, no_op
from .values import apply, convert, known, tensor

__all__ = [
    "Tensor",
    "TensorSpec",
    "Variable",
    "assign",
    "assign_add",
    "assign_sub",
    "constant_initializer",
    "global_variables_initializer",
    "glorot_normal_initializer",
    "glorot_uniform_initializer",
    "initialize_all_variables",
    "is_tensor",
    "local_variables_initializer",
    "multinomial",
    "ones_initializer",
    "orthogonal_initializer",
    "placeholder",
    "placeholder_with_default",
    "random_gamma",
    "random_normal",
    "random_normal_initializer",
    "random_poisson",
    "random_shuffle",
    "random_uniform",
    "random_uniform_initializer",
    "scatter_add",
    "scatter_nd_add",
    "scatter_nd_sub",
    "scatter_nd_update",
    "scatter_sub",
    "scatter_update",
    "set_random_seed",
    "tables_initializer",
    "truncated_normal",
    "truncated_normal_initializer",
    "variables_initializer",
    "zeros_initializer",
]

# ---- types --------------------------------------------------------------------------------------


class _TensorType(type):
    def __instancecheck__(cls, x):
        return isinstance(x, (symbolic.KerasTensor, torch.Tensor))


class Tensor(metaclass=_TensorType):
    """Only for `isinstance`: what operations give."""


def is_tensor(x):
    """Whether `x` is a tensor or a variable."""
    return K.is_tensor(x)


class TensorSpec:
    """The shape and dtype of a tensor to come."""

    def __init__(self, shape, dtype="float32", name=None):
        self.shape, self.dtype, self.name = GraphShape(shape), torch_dtype(dtype), name


class _VariableType(type):
    def __instancecheck__(cls, x):
        return isinstance(x, variables.Variable)


class Variable(variables.Variable, metaclass=_VariableType):
    """A value that changes. Its `assign` methods give operations, which change it when they run.

    It has its initial value at once: nothing has to be initialized.
    """

    def __init__(
        self,
        initial_value=None,
        trainable=True,
        collections=None,
        validate_shape=True,
        caching_device=None,
        name=None,
        variable_def=None,
        dtype=None,
        expected_shape=None,
        import_scope=None,
        constraint=None,
    ):
        value = initial_value() if callable(initial_value) else initial_value
        if isinstance(value, symbolic.Symbolic):
            value = K.eval(value)
        value = K.eval(convert(value, dtype))
        name = "/".join(filter(None, (config.scope(), name or "Variable")))
        name = session.current.graph.unique(name)
        super().__init__(torch.as_tensor(value), name, bool(trainable), constraint=constraint)
        self.initial_value = value

    def assign(self, value, use_locking=False):
        """An operation that sets the value; from kforge, such as `set_weights`, it is set."""
        return super().assign(value) if is_own_call() else assign(self, value)

    def assign_add(self, delta, use_locking=False):
        """An operation that adds to the value."""
        return super().assign_add(delta) if is_own_call() else assign_add(self, delta)

    def assign_sub(self, delta, use_locking=False):
        """An operation that subtracts from the value."""
        return super().assign_sub(delta) if is_own_call() else assign_sub(self, delta)

    def load(self, value, session=None):
        """Sets the value."""
        super().assign(value)

    def initialized_value(self):
        """The value."""
        return self.read_value()

    @property
    def initializer(self):
        """An operation that sets the value that the variable began with."""
        return assign(self, self.initial_value)


def placeholder(dtype, shape=None):
    """A tensor to be fed: a single number, unless `shape` says otherwise."""
    return K.placeholder(tuple(known(shape or ())), dtype=dtype)


def placeholder_with_default(input, shape):
    """A tensor to be fed, if not with `input`."""
    found = K.identity(convert(input))
    if isinstance(found, symbolic.Symbolic):
        found.set_shape(tuple(known(shape)))
    return found


# ---- changes ------------------------------------------------------------------------------------


def _change(kind):
    def change(ref, value):
        return record_update(kind, ref, tied(convert(value, ref.dtype)))

    change.__doc__ = f"An operation that changes a variable: `{kind}`."
    return change


assign, assign_add, assign_sub = _change("assign"), _change("add"), _change("sub")


def _scatter(name):
    def scatter(ref, indices, updates):
        indices = convert(indices)
        indices = indices if name.startswith("nd_") else indices.unsqueeze(-1)
        change = getattr(segments, f"tensor_scatter_{name.removeprefix('nd_')}")
        return record_update("assign", ref, change(K.identity(ref), indices, updates))

    scatter.__name__ = scatter.__qualname__ = f"scatter_{name}"
    scatter.__doc__ = f"An operation that changes slices of a variable: `{name}`."
    return scatter


scatter_add, scatter_sub, scatter_update = map(_scatter, ("add", "sub", "update"))
scatter_nd_add, scatter_nd_sub = _scatter("nd_add"), _scatter("nd_sub")
scatter_nd_update = _scatter("nd_update")


def global_variables_initializer():
    """An operation that does nothing: variables have their initial values from the start."""
    return no_op()


initialize_all_variables = local_variables_initializer = global_variables_initializer
tables_initializer = global_variables_initializer


def variables_initializer(var_list):
    """An operation that sets variables made by `tf.Variable` to their initial values."""
    return group(*(v.initializer for v in var_list if hasattr(v, "initial_value")))


# ---- random -------------------------------------------------------------------------------------


def set_random_seed(seed):
    """Makes random numbers from here on the same in each run.

    First weights are TensorFlow's where NumPy is seeded, too.
    """
    set_graph_seed(seed)


def random_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None):
    """Normally distributed values."""
    return K.random_normal(_shape(shape), mean, stddev, dtype, operation_seed(seed))


def random_uniform(shape, minval=0, maxval=None, dtype="float32", seed=None):
    """Values evenly distributed in [minval, maxval)."""
    return K.random_uniform(
        _shape(shape), minval, 1 if maxval is None else maxval, dtype, operation_seed(seed)
    )


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype="float32", seed=None):
    """Normally distributed values, none further than two standard deviations from the mean."""
    return K.truncated_normal(_shape(shape), mean, stddev, dtype, operation_seed(seed))


def _shape(shape):
    return mixed_shape(known(shape))


def random_shuffle(value, seed=None):
    """The slices of a tensor along axis 0 in a random order."""
    return apply(_shuffle, convert(value), stream(operation_seed(seed)))


def _shuffle(x, generator):
    if x.is_meta:
        return x.clone()
    device = "cpu" if generator is None else generator.device
    return x[torch.randperm(len(x), generator=generator, device=device).to(x.device)]


def random_gamma(shape, alpha, beta=None, dtype="float32", seed=None):
    """Values with gamma distributions: (*shape, *shape of the parameters).

    Gradients flow to the parameters: Figurnov et al., 2018.
    """
    alpha = convert(alpha, dtype)
    rate = K.ones_like(alpha) if beta is None else convert(beta, dtype)
    alpha = alpha + K.zeros_like(rate)
    shape, generator = mixed_shape(known(shape)), stream(operation_seed(seed))
    return apply(_gamma, alpha, shape, generator) / rate


def _gamma(alpha, shape, generator):
    alpha = alpha.expand(*sizes(shape), *alpha.shape)
    return alpha.clone() if alpha.is_meta else torch._standard_gamma(alpha, generator)


def random_poisson(lam, shape, dtype="float32", seed=None):
    """Values with Poisson distributions: (*shape, *shape of `lam`)."""
    draw = apply(
        _poisson, convert(lam, dtype), mixed_shape(known(shape)), stream(operation_seed(seed))
    )
    return K.stop_gradient(draw)


def _poisson(lam, shape, generator):
    return torch.poisson(lam.expand(*sizes(shape), *lam.shape), generator)


def multinomial(logits, num_samples, seed=None, output_dtype="int64"):
    """Classes drawn with the probabilities that the softmax of logits gives."""
    draw = apply(_multinomial, tensor(logits), num_samples, stream(operation_seed(seed)))
    return K.cast(draw, output_dtype)


def _multinomial(logits, count, generator):
    if logits.is_meta:
        return torch.empty((len(logits), count), dtype=torch.int64, device="meta")
    return torch.multinomial(torch.softmax(logits, -1), count, True, generator=generator)


# ---- initializers -------------------------------------------------------------------------------

zeros_initializer, ones_initializer = initializers.Zeros, initializers.Ones
constant_initializer = initializers.Constant
random_normal_initializer = initializers.RandomNormal
random_uniform_initializer = initializers.RandomUniform
truncated_normal_initializer = initializers.TruncatedNormal
orthogonal_initializer = initializers.Orthogonal
glorot_normal_initializer = initializers.glorot_normal
glorot_uniform_initializer = initializers.glorot_uniform

"""Variables by name: scopes, `get_variable`, collections, the count of steps."""

import contextlib
import itertools
import re

import numpy as np

from ... import backend as K
from ... import initializers, symbolic
from ...backend import session
from ...variable import all_variables
from .values import convert, known
from .variables import Variable

__all__ = [
    "AUTO_REUSE",
    "GraphKeys",
    "VariableScope",
    "add_to_collection",
    "all_variables",
    "get_collection",
    "get_collection_ref",
    "get_variable",
    "get_variable_scope",
    "global_variables",
    "is_variable_initialized",
    "local_variables",
    "model_variables",
    "moving_average_variables",
    "report_uninitialized_variables",
    "trainable_variables",
    "variable_op_scope",
    "variable_scope",
]

AUTO_REUSE = "AUTO_REUSE"


class GraphKeys:
    """Names of collections."""

    ACTIVATIONS = "activations"
    GLOBAL_STEP = "global_step"
    GLOBAL_VARIABLES = VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    LOSSES = "losses"
    METRIC_VARIABLES = "metric_variables"
    MODEL_VARIABLES = "model_variables"
    MOVING_AVERAGE_VARIABLES = "moving_average_variables"
    REGULARIZATION_LOSSES = "regularization_losses"
    SUMMARIES = "summaries"
    TRAINABLE_VARIABLES = "trainable_variables"
    UPDATE_OPS = "update_ops"


# ---- scopes -------------------------------------------------------------------------------------


class VariableScope:
    """Where variables have their names: `reuse` is whether those that exist are taken again."""

    def __init__(
        self,
        name="",
        reuse=False,
        initializer=None,
        regularizer=None,
        dtype="float32",
        constraint=None,
    ):
        self.name, self.reuse, self.dtype = name, reuse, dtype
        self.initializer, self.regularizer, self.constraint = initializer, regularizer, constraint

    @property
    def original_name_scope(self):
        """The name, with a slash at its end."""
        return f"{self.name}/" if self.name else ""

    def reuse_variables(self):
        """From now on variables that exist are taken again."""
        self.reuse = True

    def set_initializer(self, initializer):
        """The initializer of variables that have none."""
        self.initializer = initializer

    def set_regularizer(self, regularizer):
        """The regularizer of variables that have none."""
        self.regularizer = regularizer

    def global_variables(self):
        """The variables below this name."""
        return get_collection(GraphKeys.GLOBAL_VARIABLES, self.original_name_scope)

    def trainable_variables(self):
        """The variables below this name that are trained."""
        return get_collection(GraphKeys.TRAINABLE_VARIABLES, self.original_name_scope)

    def __enter__(self):
        self._entered = variable_scope(self)
        return self._entered.__enter__()

    def __exit__(self, *exc):
        return self._entered.__exit__(*exc)


def get_variable_scope():
    """The scope around."""
    graph = session.current.graph
    if graph.scope is None:
        graph.scope = VariableScope()
    return graph.scope


def free_name(default):
    """`default`, with a number if a scope of that name was opened in the scope around."""
    opened, prefix = session.current.graph.opened, get_variable_scope().original_name_scope
    numbered = itertools.chain([default], (f"{default}_{i}" for i in itertools.count(1)))
    return next(name for name in numbered if f"{prefix}{name}" not in opened)


def open_scope(name):
    """The full name of a scope that is opened in the scope around."""
    full = get_variable_scope().original_name_scope + name
    session.current.graph.opened[full] = True
    return full


def _close_within(name):
    """Names are free again in a scope that was left: entered anew, it makes the same ones."""
    opened = session.current.graph.opened
    for inner in [full for full in opened if full.startswith(f"{name}/")]:
        del opened[inner]


@contextlib.contextmanager
def variable_scope(
    name_or_scope=None,
    default_name=None,
    values=None,
    initializer=None,
    regularizer=None,
    caching_device=None,
    partitioner=None,
    custom_getter=None,
    reuse=None,
    dtype=None,
    use_resource=None,
    constraint=None,
    auxiliary_name_scope=True,
):
    """Within this scope, names of new variables begin with its name.

    `reuse`: True takes variables that exist, `AUTO_REUSE` makes those that do not.
    """
    _refuse_getter("variable_scope", custom_getter)
    graph, outer = session.current.graph, get_variable_scope()
    if isinstance(name_or_scope, VariableScope):
        name, own, given = name_or_scope.name, name_or_scope.name, name_or_scope
    else:
        own = name_or_scope or free_name(default_name)
        name, given = open_scope(own), outer
    inner = VariableScope(
        name,
        reuse or given.reuse or outer.reuse,
        given.initializer if initializer is None else initializer,
        regularizer or given.regularizer,
        dtype or given.dtype,
        constraint or given.constraint,
    )
    graph.scope = inner
    try:
        with K.name_scope(own) if own else contextlib.nullcontext():
            yield inner
    finally:
        graph.scope = outer
        _close_within(name)


def _refuse_getter(name, custom_getter):
    if custom_getter is not None:
        raise ValueError(f"{name}: custom_getter is not offered here.")


def variable_op_scope(values, name_or_scope, default_name=None, **kwargs):
    """`variable_scope`, in the order of arguments that it had first."""
    return variable_scope(name_or_scope, default_name, values, **kwargs)


# ---- variables ----------------------------------------------------------------------------------


def get_variable(
    name,
    shape=None,
    dtype=None,
    initializer=None,
    regularizer=None,
    trainable=None,
    collections=None,
    caching_device=None,
    partitioner=None,
    validate_shape=True,
    use_resource=None,
    custom_getter=None,
    constraint=None,
    synchronization=None,
    aggregation=None,
):
    """The variable of this name in the scope around: a new one or, where it reuses, the old one."""
    _refuse_getter("get_variable", custom_getter)
    graph, scope = session.current.graph, get_variable_scope()
    full = f"{scope.original_name_scope}{name}"
    found = graph.named.get(full)
    if found is not None and not scope.reuse:
        raise ValueError(
            f"Variable {full} already exists, disallowed. Did you mean to set reuse=True or "
            "reuse=tf.AUTO_REUSE in VarScope?"
        )
    if found is None and scope.reuse is True:
        raise ValueError(
            f"Variable {full} does not exist, or was not created with tf.get_variable(). Did you "
            "mean to set reuse=tf.AUTO_REUSE in VarScope?"
        )
    if found is not None:
        wanted = None if shape is None else tuple(known(shape))
        if wanted is not None and tuple(found.shape) != wanted:
            raise ValueError(
                f"Trying to share variable {full}, but specified shape {wanted} and found shape "
                f"{tuple(found.shape)}."
            )
        return found
    dtype = dtype or scope.dtype
    initializer = scope.initializer if initializer is None else initializer
    variable = Variable(
        _first_value(full, shape, dtype, initializer),
        trainable is None or trainable,
        name=name,
        dtype=dtype,
        constraint=constraint or scope.constraint,
    )
    variable.name = f"{full}:0"
    graph.named[full] = variable
    for key in collections or ():
        add_to_collection(key, variable)
    regularizer = scope.regularizer if regularizer is None else regularizer
    if regularizer is not None and (loss := regularizer(variable)) is not None:
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
    return variable


def _first_value(name, shape, dtype, initializer):
    if initializer is None:
        floats = symbolic.torch_dtype(dtype).is_floating_point
        initializer = initializers.glorot_uniform() if floats else initializers.Zeros()
    if isinstance(initializer, type):
        initializer = initializer()
    if not callable(initializer):
        return initializer
    if shape is None:
        raise ValueError(
            f"Shape of a new variable ({name}) must be fully defined, but instead was <unknown>."
        )
    shape = known(shape)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return initializer(shape, dtype=dtype)


def global_variables(scope=None):
    """All variables, those of layers and optimizers among them, in the order of their making."""
    return [v for v in _below(all_variables(), scope) if v not in local_variables()]


def trainable_variables(scope=None):
    """All variables that were made to be trained."""
    return [v for v in global_variables(scope) if v.trainable]


def local_variables(scope=None):
    """The variables of metrics."""
    return _below(session.current.graph.collections.get(GraphKeys.LOCAL_VARIABLES, []), scope)


def model_variables(scope=None):
    """`global_variables` that `tf.contrib.layers` made."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def moving_average_variables(scope=None):
    """The variables that `ExponentialMovingAverage` follows."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def is_variable_initialized(variable):
    """True: variables have their first values from the start."""
    return convert(True)


def report_uninitialized_variables(var_list=None, name="report_uninitialized_variables"):
    """An empty list: variables have their first values from the start."""
    return convert(np.zeros(0, "float32"))


# ---- collections --------------------------------------------------------------------------------


def get_collection_ref(key):
    """The list itself of what was added to a collection."""
    return session.current.graph.collections.setdefault(key, [])


def get_collection(key, scope=None):
    """What was added to a collection; of variables, all there are. `scope` begins their names."""
    if key == GraphKeys.GLOBAL_VARIABLES:
        return global_variables(scope)
    if key == GraphKeys.TRAINABLE_VARIABLES:
        return trainable_variables(scope)
    return _below(get_collection_ref(key), scope)


def _below(items, scope):
    if not scope:
        return list(items)
    return [x for x in items if re.match(scope, getattr(x, "name", ""))]


def add_to_collection(name, value):
    """Adds to a collection."""
    get_collection_ref(name).append(value)


# ---- the count of steps -------------------------------------------------------------------------


def get_global_step(graph=None):
    """The variable that counts steps, None if there is none."""
    found = get_collection_ref(GraphKeys.GLOBAL_STEP)
    return found[0] if found else None


def create_global_step(graph=None):
    """A variable that counts steps."""
    if get_global_step() is not None:
        raise ValueError('"global_step" already exists.')
    step = Variable(0, False, name="global_step", dtype="int64")
    add_to_collection(GraphKeys.GLOBAL_STEP, step)
    return step


def get_or_create_global_step(graph=None):
    """The variable that counts steps."""
    found = get_global_step()
    return create_global_step() if found is None else found


def assert_global_step(global_step_tensor):
    """Raises `TypeError` unless it is a variable of whole numbers."""
    if global_step_tensor.dtype.is_floating_point:
        raise TypeError(f"global_step must be an integer, got {global_step_tensor!r}.")

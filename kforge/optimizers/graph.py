"""The optimizers of `tf.train`, in TensorFlow's arithmetic: they minimize any symbolic tensor.

>>> step = AdamOptimizer(0.01).minimize(loss, var_list=weights)
>>> session.run(step, {x: data})

Given to `Model.compile` they are wrapped in `TFOptimizer`, as Keras does.
"""

import torch

from .. import differentiation, operations
from ..symbolic import KerasTensor
from ..trees import leaves
from ..variable import Variable, all_variables
from .base import Optimizer
from .updates import SGD, Adadelta, Adagrad, Adam

__all__ = [
    "AdadeltaOptimizer",
    "AdagradOptimizer",
    "AdamOptimizer",
    "FtrlOptimizer",
    "GradientDescentOptimizer",
    "GraphOptimizer",
    "MomentumOptimizer",
    "ProximalGradientDescentOptimizer",
    "RMSPropOptimizer",
]


def _variables_of(loss):
    """The variables that `loss` is made from, those of the layers among them."""
    found, owners = {}, {id(v.native): v for v in all_variables()}
    for op in operations.ancestors([loss]):
        used = leaves([op.args, op.kwargs])
        if isinstance(op.func, torch.nn.Module):
            used += op.func.parameters()
        for x in used:
            if isinstance(x, Variable):
                found[x] = None
            elif isinstance(x, torch.Tensor) and id(x) in owners:
                found[owners[id(x)]] = None
            elif isinstance(x, KerasTensor) and x._keras_history:
                found.update(dict.fromkeys(x._keras_history[0].weights))
    if isinstance(loss, KerasTensor) and loss._keras_history:
        found.update(dict.fromkeys(loss._keras_history[0].weights))
    return list(found)


class GraphOptimizer(Optimizer):
    """What the optimizers of `tf.train` have in common.

    `initial` are the values that slots begin with, where it is not 0. There is nothing to lock:
    `use_locking` has no effect.
    """

    initial = {}  # noqa: RUF012  (a class's own or an object's, never changed)
    _later = slice(0, 0)

    def _set_up_as(self, name, learning_rate, epsilon=None, **scalars):
        self._name = name
        self._set_up({} if epsilon is None else {"epsilon": epsilon}, learning_rate, **scalars)
        if isinstance(learning_rate, Variable):
            self.learning_rate = learning_rate  # they are one from now on

    def get_name(self):
        """The name given."""
        return self._name

    def variables(self):
        """The state: the count of steps, then slot by slot."""
        return list(self.weights)

    def compute_gradients(self, loss, var_list=None):
        """Pairs of (gradient, variable); by default for all trainable variables of `loss`.

        The gradient is None for variables that `loss` does not depend on.
        """
        if var_list is None:
            var_list = [v for v in _variables_of(loss) if v.trainable]
        params = list(var_list) if isinstance(var_list, (list, tuple)) else [var_list]
        if not params:
            raise ValueError("No variables to optimize.")
        return list(zip(differentiation.gradients([loss], params), params))

    def apply_gradients(self, grads_and_vars, global_step=None, name=None):
        """An operation that makes one step, and counts it in `global_step`."""

        def count():
            if global_step is not None:
                global_step.modify(torch.Tensor.add_, 1)

        return self._apply_gradients(grads_and_vars, count)

    def minimize(self, loss, global_step=None, var_list=None, name=None):
        """An operation that makes one step towards a smaller `loss`."""
        return self.apply_gradients(self.compute_gradients(loss, var_list), global_step)

    def get_config(self):
        """Raises `NotImplementedError`."""
        raise NotImplementedError("No optimizer but Keras's own has a config.")

    def _new_slot(self, name, index, param):
        slot = super()._new_slot(name, index, param)
        if name in self.initial:
            slot.native.fill_(self.initial[name])
        return slot


class GradientDescentOptimizer(GraphOptimizer, SGD):
    """`SGD` without momentum."""

    settings = ("learning_rate", "momentum", "nesterov")
    nesterov = False

    def __init__(self, learning_rate, use_locking=False, name="GradientDescent"):
        self._set_up_as(name, learning_rate, momentum=0.0)


class MomentumOptimizer(GraphOptimizer, SGD):
    """`SGD` with momentum."""

    settings = ("learning_rate", "momentum", "nesterov")

    def __init__(
        self, learning_rate, momentum, use_locking=False, name="Momentum", use_nesterov=False
    ):
        self.nesterov = use_nesterov
        self._set_up_as(name, learning_rate, momentum=momentum)


class AdagradOptimizer(GraphOptimizer, Adagrad):
    """`Adagrad` without epsilon: the accumulators begin above 0 instead."""

    settings = ("learning_rate", "epsilon")

    def __init__(
        self, learning_rate, initial_accumulator_value=0.1, use_locking=False, name="Adagrad"
    ):
        if initial_accumulator_value <= 0.0:
            raise ValueError(
                f"initial_accumulator_value must be positive: {initial_accumulator_value}"
            )
        self.initial = {"accumulator": initial_accumulator_value}
        self._set_up_as(name, learning_rate, epsilon=0.0)


class AdadeltaOptimizer(GraphOptimizer, Adadelta):
    """`Adadelta` with TensorFlow's defaults."""

    settings = ("learning_rate", "rho", "epsilon")

    def __init__(
        self, learning_rate=0.001, rho=0.95, epsilon=1e-8, use_locking=False, name="Adadelta"
    ):
        self.rho = rho
        self._set_up_as(name, learning_rate, epsilon)


class AdamOptimizer(GraphOptimizer, Adam):
    """`Adam` with TensorFlow's defaults."""

    settings = ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad")
    slots = ("m", "v")
    amsgrad = False

    def __init__(
        self,
        learning_rate=0.001,
        beta1=0.9,
        beta2=0.999,
        epsilon=1e-8,
        use_locking=False,
        name="Adam",
    ):
        self._set_up_as(name, learning_rate, epsilon, beta_1=beta1, beta_2=beta2)

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        super().update(params, grads, [*state, []], lr)


class RMSPropOptimizer(GraphOptimizer):
    """RMSProp whose mean square begins at 1, with epsilon within the root, and with momentum.

    `centered` divides by the root of the variance instead: Graves, "Generating Sequences With
    Recurrent Neural Networks", arXiv:1308.0850.
    """

    settings = ("learning_rate", "rho", "momentum", "epsilon", "centered")
    slots = ("rms", "momentum", "mean")
    initial = {"rms": 1.0}  # noqa: RUF012

    def __init__(
        self,
        learning_rate,
        decay=0.9,
        momentum=0.0,
        epsilon=1e-10,
        use_locking=False,
        centered=False,
        name="RMSProp",
    ):
        self.rho, self.momentum, self.centered = decay, momentum, centered
        self._set_up_as(name, learning_rate, epsilon)

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        squares, moments, means = state
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, grads, grads, 1.0 - self.rho)
        divisor = torch._foreach_add(squares, self.epsilon)
        if self.centered:
            torch._foreach_lerp_(means, grads, 1.0 - self.rho)
            torch._foreach_addcmul_(divisor, means, means, -1.0)
        torch._foreach_sqrt_(divisor)
        torch._foreach_mul_(moments, self.momentum)
        torch._foreach_addcdiv_(moments, grads, divisor, lr)
        torch._foreach_sub_(params, moments)


class FtrlOptimizer(GraphOptimizer):
    """Follows the regularized leader, whose weights are 0 unless they are worth it.

    McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013; the shrinkage is an
    L2 penalty of the gradient.
    """

    settings = ("learning_rate",)
    slots = ("accumulator", "linear")

    def __init__(
        self,
        learning_rate,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        use_locking=False,
        name="Ftrl",
        accum_name=None,
        linear_name=None,
        l2_shrinkage_regularization_strength=0.0,
    ):
        if learning_rate_power > 0.0:
            raise ValueError(f"learning_rate_power must not be positive: {learning_rate_power}")
        self.power, self.l1 = -learning_rate_power, l1_regularization_strength
        self.l2, self.shrinkage = l2_regularization_strength, l2_shrinkage_regularization_strength
        self.initial = {"accumulator": initial_accumulator_value}
        self._set_up_as(name, learning_rate)

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        squares, linear = state
        before = torch._foreach_pow(squares, self.power)
        torch._foreach_addcmul_(squares, grads, grads)
        now = torch._foreach_pow(squares, self.power)
        torch._foreach_add_(linear, grads)
        torch._foreach_add_(linear, params, alpha=2.0 * self.shrinkage)
        torch._foreach_addcmul_(linear, torch._foreach_sub(now, before), params, -1.0 / lr)
        torch._foreach_div_(now, lr)
        torch._foreach_add_(now, 2.0 * self.l2)
        for param, gap, scale in zip(params, linear, now):
            param.copy_(-torch.nn.functional.softshrink(gap, self.l1) / scale)


class ProximalGradientDescentOptimizer(GraphOptimizer):
    """Gradient descent, after which L1 and L2 penalties shrink the weights.

    Duchi and Singer, "Efficient Learning using Forward-Backward Splitting", NIPS 2009.
    """

    settings = ("learning_rate",)

    def __init__(
        self,
        learning_rate,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        use_locking=False,
        name="ProximalGradientDescent",
    ):
        self.l1, self.l2 = l1_regularization_strength, l2_regularization_strength
        self._set_up_as(name, learning_rate)

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        torch._foreach_add_(params, grads, alpha=-lr)
        for param in params:
            shrunk = torch.nn.functional.softshrink(param, self.l1 * lr)
            param.copy_(shrunk / (1.0 + self.l2 * lr))

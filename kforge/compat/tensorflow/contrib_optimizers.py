"""`tf.contrib.opt`: optimizers with decoupled weight decay, and SciPy's."""

import numpy as np
import torch

from ... import backend as K
from ...optimizers.graph import AdamOptimizer, GraphOptimizer, MomentumOptimizer
from ...optimizers.updates import Adamax
from .derivatives import gradients
from .scopes import trainable_variables

__all__ = [
    "AdaMaxOptimizer",
    "AdamWOptimizer",
    "MomentumWOptimizer",
    "ScipyOptimizerInterface",
]


def _decaying(optimizer):
    """The class of an optimizer that first takes a part `weight_decay` off the weights.

    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    class Decaying(optimizer):
        def __init__(self, weight_decay, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.weight_decay = weight_decay

        def update(self, params, grads, state, lr):
            """See `Optimizer.update`."""
            torch._foreach_mul_(params, 1.0 - self.weight_decay)
            super().update(params, grads, state, lr)

    Decaying.__name__ = Decaying.__qualname__ = optimizer.__name__.replace("Opt", "WOpt")
    Decaying.__doc__ = f"`{optimizer.__name__}` with a decay of the weights of its own."
    return Decaying


AdamWOptimizer, MomentumWOptimizer = _decaying(AdamOptimizer), _decaying(MomentumOptimizer)


class AdaMaxOptimizer(GraphOptimizer, Adamax):
    """`Adamax` with TensorFlow's defaults."""

    settings = ("learning_rate", "beta_1", "beta_2", "epsilon")

    def __init__(
        self, learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, use_locking=False,
        name="AdaMax",
    ):  # fmt: skip
        self._set_up_as(name, learning_rate, epsilon, beta_1=beta1, beta_2=beta2)


class ScipyOptimizerInterface:
    """Minimizes `loss` by `scipy.optimize.minimize`, whose keywords `optimizer_kwargs` are."""

    def __init__(
        self, loss, var_list=None, equalities=None, inequalities=None, var_to_bounds=None,
        **optimizer_kwargs,
    ):  # fmt: skip
        if equalities or inequalities:
            raise ValueError("ScipyOptimizerInterface: constraints are not offered, but bounds.")
        self._loss, self._bounds = loss, var_to_bounds or {}
        self._vars = list(trainable_variables() if var_list is None else var_list)
        self._gradients = gradients(loss, self._vars)
        self.optimizer_kwargs = {"method": "L-BFGS-B", **optimizer_kwargs}

    def minimize(
        self, session=None, feed_dict=None, fetches=None, step_callback=None, loss_callback=None
    ):
        """Sets the variables to where the loss is least. The callbacks get the variables, flat,
        after a step, and the values of `fetches` for each that is tried."""
        try:
            from scipy.optimize import minimize
        except ImportError as e:
            raise ImportError("ScipyOptimizerInterface needs: pip install scipy") from e
        session, wanted = session or K.get_session(), [self._loss, self._gradients, fetches or []]

        def objective(flat):
            self._set(flat)
            loss, slopes, fetched = session.run(wanted, feed_dict)
            if loss_callback is not None:
                loss_callback(*fetched)
            slopes = np.concatenate([np.ravel(s) for s in slopes])
            return float(loss), slopes.astype("float64")

        start = [np.ravel(K.get_value(v)) for v in self._vars]
        found = minimize(
            objective,
            np.concatenate(start).astype("float64"),
            jac=True,
            callback=step_callback,
            bounds=self._flat_bounds() if self._bounds else None,
            **self.optimizer_kwargs,
        )
        self._set(found.x)

    def _set(self, flat):
        at = 0
        for variable in self._vars:
            shape = K.int_shape(variable)
            size = int(np.prod(shape))
            K.set_value(variable, flat[at : at + size].reshape(shape))
            at += size

    def _flat_bounds(self):
        found = []
        for variable in self._vars:
            bounds = self._bounds.get(variable, (-np.inf, np.inf))
            shape = K.int_shape(variable)
            found += zip(*(np.broadcast_to(bound, shape).ravel() for bound in bounds))
        return found

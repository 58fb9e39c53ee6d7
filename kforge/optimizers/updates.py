"""The optimizers of Keras, with Keras's own arithmetic, each written once, on lists of tensors."""

import functools

import torch

from ..variable import Variable
from .base import Optimizer, Scalar

__all__ = ["SGD", "Adadelta", "Adagrad", "Adam", "Adamax", "Nadam", "RMSprop", "TFOptimizer"]


@functools.cache
def _far(device):
    return torch.tensor(1e12, device=device)


def _adam(params, grads, m, v, vhat, lr, beta_1, beta_2, epsilon):
    """``p -= lr * m / (sqrt(v) + epsilon)`` after m and v moved towards g and g * g, in one pass.

    Keras's corrections of the bias are within `lr`, torch's are switched off: at this number of
    steps they are 1.
    """
    steps = [_far(params[0].device)] * len(params)
    torch._fused_adam_(
        params,
        grads,
        m,
        v,
        vhat,
        steps,
        lr=lr,
        beta1=beta_1,
        beta2=beta_2,
        eps=epsilon,
        weight_decay=0.0,
        amsgrad=bool(vhat),
        maximize=False,
    )


class SGD(Optimizer):
    """Stochastic gradient descent: ``moment = momentum * moment - lr * g``, ``p += moment``.

    With `nesterov`, ``p += momentum * moment - lr * g`` instead.
    """

    slots = ("moment",)
    settings = ("learning_rate", "momentum", "decay", "nesterov")

    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, **kwargs):
        self._set_up(kwargs, learning_rate, momentum=momentum)
        self.nesterov = nesterov

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        momentum = self.momentum.array.item()
        # torch: moment = momentum * moment + (1 - dampening) * g; p -= lr * moment. Its momentum
        # must not be 0; this one is, once it is a number of the tensor's type.
        torch._fused_sgd_(
            params,
            grads,
            state[0],
            weight_decay=0.0,
            momentum=momentum or 1e-300,
            lr=-momentum if self.nesterov else -1.0,
            dampening=1.0 + lr,
            nesterov=False,
            maximize=False,
            is_first_step=False,
        )
        if self.nesterov:
            torch._foreach_add_(params, grads, alpha=-lr)


class RMSprop(Optimizer):
    """Divides gradients by a running root of their mean square.

    Tieleman and Hinton, "Lecture 6.5 - RMSProp", COURSERA, 2012.
    """

    slots = ("accumulator",)
    settings = ("learning_rate", "rho", "decay", "epsilon")
    _later = slice(0, 1)

    def __init__(self, learning_rate=0.001, rho=0.9, **kwargs):
        self._set_up(kwargs, learning_rate, rho=rho)

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        # Adam without momentum: m is the gradient, which the kernel writes back unchanged.
        _adam(params, grads, grads, state[0], [], lr, 0.0, self.rho.array.item(), self.epsilon)


class Adagrad(Optimizer):
    """Divides gradients by the root of the sum of their squares so far.

    Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
    JMLR 12, 2011.
    """

    slots = ("accumulator",)
    settings = ("learning_rate", "decay", "epsilon")
    _later = slice(0, 1)

    def __init__(self, learning_rate=0.01, **kwargs):
        self._set_up(kwargs, learning_rate)

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        torch._foreach_addcmul_(state[0], grads, grads)
        divisor = torch._foreach_sqrt(state[0])
        torch._foreach_add_(divisor, self.epsilon)
        torch._foreach_addcdiv_(params, grads, divisor, -lr)


class Adadelta(Optimizer):
    """Adapts rates by running means of squared gradients and of squared changes.

    Zeiler, "Adadelta: an adaptive learning rate method", arXiv:1212.5701.
    """

    slots = ("accumulator", "delta_accumulator")
    settings = ("learning_rate", "decay", "rho", "epsilon")
    _later = slice(0, 1)

    def __init__(self, learning_rate=1.0, rho=0.95, **kwargs):
        self._set_up(kwargs, learning_rate)
        self.rho = rho

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        accumulators, delta_accumulators = state
        torch._foreach_mul_(accumulators, self.rho)
        torch._foreach_addcmul_(accumulators, grads, grads, 1.0 - self.rho)
        delta = torch._foreach_add(delta_accumulators, self.epsilon)
        torch._foreach_div_(delta, torch._foreach_add(accumulators, self.epsilon))
        torch._foreach_sqrt_(delta)
        torch._foreach_mul_(delta, grads)
        torch._foreach_add_(params, delta, alpha=-lr)
        torch._foreach_mul_(delta_accumulators, self.rho)
        torch._foreach_addcmul_(delta_accumulators, delta, delta, 1.0 - self.rho)


class Adam(Optimizer):
    """Running means of gradients over running roots of mean squares, corrected for their start.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", arXiv:1412.6980, with epsilon
    where the paper has its epsilon-hat; `amsgrad`: Reddi et al., "On the Convergence of Adam and
    Beyond", ICLR 2018.
    """

    slots = ("m", "v", "vhat")
    settings = ("learning_rate", "beta_1", "beta_2", "decay", "epsilon", "amsgrad")

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, amsgrad=False, **kwargs):
        self._set_up(kwargs, learning_rate, beta_1=beta_1, beta_2=beta_2)
        self.amsgrad = amsgrad

    def _new_slot(self, name, index, param):
        if name == "vhat" and not self.amsgrad:  # Keras keeps, and saves, a number in its place
            name = f"training/{type(self).__name__}/vhat_{index}_1"
            return Variable(torch.zeros(1), name, trainable=False, device="cpu")
        return super()._new_slot(name, index, param)

    @property
    def _later(self):
        return slice(0, 0) if self.amsgrad else slice(1 + (len(self.weights) - 1) // 3 * 2, None)

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        m, v, vhat = state
        beta_1, beta_2 = self.beta_1.array.item(), self.beta_2.array.item()
        t = self.iterations.array.item() + 1
        lr *= (1.0 - beta_2**t) ** 0.5 / (1.0 - beta_1**t)
        vhat = vhat if self.amsgrad else []
        _adam(params, grads, m, v, vhat, lr, beta_1, beta_2, self.epsilon)


class Adamax(Optimizer):
    """Adam with the maximum in place of the mean square: section 7 of Adam's paper."""

    slots = ("m", "u")
    settings = ("learning_rate", "beta_1", "beta_2", "decay", "epsilon")

    def __init__(self, learning_rate=0.002, beta_1=0.9, beta_2=0.999, **kwargs):
        self._set_up(kwargs, learning_rate, beta_1=beta_1, beta_2=beta_2)

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        m, u = state
        beta_1 = self.beta_1.array.item()
        torch._foreach_lerp_(m, grads, 1.0 - beta_1)
        torch._foreach_mul_(u, self.beta_2.array.item())
        torch._foreach_maximum_(u, torch._foreach_abs(grads))
        divisor = torch._foreach_add(u, self.epsilon)
        lr /= 1.0 - beta_1 ** (self.iterations.array.item() + 1)
        torch._foreach_addcdiv_(params, m, divisor, -lr)


class Nadam(Optimizer):
    """Adam with Nesterov momentum, whose weight grows from step to step.

    Dozat, "Incorporating Nesterov Momentum into Adam", 2015.
    """

    slots = ("m", "v")
    settings = ("learning_rate", "beta_1", "beta_2", "epsilon", "schedule_decay")
    counters = ("iterations", "m_schedule")
    _later = slice(1, 2)

    def __init__(self, learning_rate=0.002, beta_1=0.9, beta_2=0.999, **kwargs):
        self.schedule_decay = kwargs.pop("schedule_decay", 0.004)
        self._set_up(kwargs, learning_rate, beta_1=beta_1, beta_2=beta_2, m_schedule=1.0)

    def _momentum(self, t):
        return self.beta_1.array.item() * (1.0 - 0.5 * 0.96 ** (t * self.schedule_decay))

    def advance(self):
        """Counts a step; the product of the weights of momentum goes on."""
        self.m_schedule.array[()] *= self._momentum(self.iterations.array.item() + 1)
        super().advance()

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        m, v = state
        t = self.iterations.array.item() + 1
        beta_2 = self.beta_2.array.item()
        now, then = self._momentum(t), self._momentum(t + 1)
        schedule = self.m_schedule.array.item() * now
        torch._foreach_lerp_(m, grads, 1.0 - self.beta_1.array.item())
        torch._foreach_mul_(v, beta_2)
        torch._foreach_addcmul_(v, grads, grads, 1.0 - beta_2)
        mean = torch._foreach_mul(m, then / (1.0 - schedule * then))
        torch._foreach_add_(mean, grads, alpha=(1.0 - now) / (1.0 - schedule))
        divisor = torch._foreach_div(v, 1.0 - beta_2**t)
        torch._foreach_sqrt_(divisor)
        torch._foreach_add_(divisor, self.epsilon)
        torch._foreach_addcdiv_(params, mean, divisor, -lr)


class TFOptimizer(Optimizer):
    """An optimizer of torch, or of `tf.train`, in Keras's place.

    `optimizer` is a `torch.optim.Optimizer` over the parameters of the model, a function that
    makes one of a list of parameters, or one of `tf.train`. Its state is not part of saved models.
    """

    def __init__(self, optimizer):
        super().__init__()
        self.optimizer = optimizer
        if isinstance(optimizer, Optimizer):
            self.iterations = optimizer.iterations
        else:
            self.iterations = Scalar(0, "TFOptimizer/iterations", torch.int64)

    def prepare(self, params):
        """See `Optimizer.prepare`."""
        params = list(params)
        if isinstance(self.optimizer, Optimizer):
            self._step = self.optimizer.prepare(params)
            return self._step
        if not isinstance(self.optimizer, torch.optim.Optimizer):
            self.optimizer = self.optimizer([p.native for p in params])
        known = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        unknown = [p.name for p in params if id(p.native) not in known]
        if unknown:
            raise ValueError(f"{type(self.optimizer).__name__} was made without {unknown}.")
        return super().prepare(params)

    def rate(self):
        """None: the torch optimizer knows."""
        return None

    def update(self, params, grads, state, lr):
        """See `Optimizer.update`."""
        for param, grad in zip(params, grads):
            param.grad = grad
        self.optimizer.step()
        for param in params:
            param.grad = None

    def get_config(self):
        """Raises `NotImplementedError`."""
        raise NotImplementedError("No optimizer but Keras's own has a config.")

    @classmethod
    def from_config(cls, config):
        """Raises `NotImplementedError`."""
        raise NotImplementedError("No optimizer but Keras's own can be made of a config.")

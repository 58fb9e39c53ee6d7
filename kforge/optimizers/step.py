"""What an optimizer does to its variables in a step, and the numbers that it counts with."""

import copy

import torch

from .. import backend as K
from .. import lowering, symbolic
from ..dtypes import torch_dtype
from ..symbolic import as_tensor
from ..variable import Variable, record_update

__all__ = ["Scalar", "Step", "clip", "clip_norm"]


class Scalar(Variable):
    """A number on the CPU, which Python reads and writes through `array`, without torch."""

    def __init__(self, value, name, dtype=None):
        # Half precision has no room for a learning rate.
        dtype = dtype or torch.promote_types(torch_dtype(None), torch.float32)
        super().__init__(_number(value, name, dtype), name, trainable=False, device="cpu")

    @property
    def native(self):
        """The tensor of the value."""
        return self._native

    @native.setter
    def native(self, tensor):
        self._native, self.array = tensor, tensor.numpy()

    def set(self, value):
        """Sets the value; a variable given as value becomes another name for this one."""
        self.assign(_number(value, self.name, self.torch_dtype))
        if isinstance(value, Variable) and value.dtype == self.dtype:
            value.native = self.native

    def __deepcopy__(self, memo):
        twin = memo[id(self)] = type(self)(self.array.item(), self.name[:-2], self.torch_dtype)
        return twin

    def __reduce__(self):
        return type(self), (self.array.item(), self.name[:-2], self.torch_dtype)


def _number(value, name, dtype):
    try:
        return as_tensor(lowering.evaluate(value), dtype).reshape(())
    except (TypeError, RuntimeError) as error:
        raise ValueError(f"{name.removesuffix(':0')} must be a number, got {value!r}.") from error


class Step:
    """What an optimizer does to some variables: called with their gradients, it updates them."""

    def __init__(self, optimizer, params):
        self.optimizer, self.params = optimizer, params
        self.slots = [
            [optimizer._new_slot(name, i, p) for i, p in enumerate(params)]
            for name in optimizer.slots
        ]
        counters = [getattr(optimizer, name) for name in optimizer.counters]
        self.weights = counters + [variable for slot in self.slots for variable in slot]
        self.constrained = [p for p in params if p.constraint is not None]
        self.arrange()

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if k != "groups"}

    def __setstate__(self, state):
        vars(self).update(state)
        self.arrange()

    def is_for(self, params):
        """Whether these are the variables of this step."""
        return len(params) == len(self.params) and all(a is b for a, b in zip(params, self.params))

    def arrange(self):
        """Moves slots to where the variables are; groups them by device and dtype.

        torch's fused kernels read memory in order, so slots and gradients must have the strides
        of their variables.
        """
        for slot in self.slots:
            for param, variable in zip(self.params, slot):
                like, native = param.native, variable.native
                if like.shape == native.shape and (
                    (like.device, like.dtype, like.stride())
                    != (native.device, native.dtype, native.stride())
                ):
                    variable.native = torch.empty_like(like, requires_grad=False).copy_(native)
                    variable.native.keras_name = native.keras_name
        places = {}
        for i, param in enumerate(self.params):
            places.setdefault((param.device, param.dtype), []).append(i)
        self.groups = []
        for indices in places.values():
            natives = [self.params[i].native for i in indices]
            state = [[slot[i].native for i in indices] for slot in self.slots]
            strides = [native.stride() for native in natives]
            picked = indices if len(places) > 1 else None
            self.groups.append((picked, natives, strides, state))

    def __call__(self, grads):
        """One step, given the gradients in torch's layout."""
        optimizer = self.optimizer
        if optimizer.clipnorm or optimizer.clipvalue:
            grads = clip(grads, optimizer.clipnorm, optimizer.clipvalue)
        self.update(grads)

    def update(self, grads):
        """One step, given gradients that are clipped."""
        optimizer = self.optimizer
        lr = optimizer.rate()
        for indices, params, strides, state in self.groups:
            own = grads if indices is None else [grads[i] for i in indices]
            if [g.stride() for g in own] != strides:
                own = [_with_strides_of(p, g) for p, g in zip(params, own)]
            optimizer.update(params, own, state, lr)
        optimizer.advance()
        if self.constrained:
            with symbolic.executing(1):
                for param in self.constrained:
                    param.modify(torch.Tensor.copy_, param.constraint(param.view))

    def update_in_keras_layout(self, grads):
        """One step, given clipped gradients in the layout of the variables as Keras shows them."""
        self.update(
            [g if p.layout is None else p.layout.to_torch(g) for p, g in zip(self.params, grads)]
        )

    def changes(self, grads, hyperparameters):
        """One step as a change of each variable by itself, recorded through `K.update`.

        Optimizers that extend others read these changes, or put a function of their own in place
        of `K.update` to alter them. `hyperparameters` are symbolic tensors by name.
        """
        variables = self._variables()
        shapes, dtypes = zip(*((tuple(v.shape), v.torch_dtype) for v in variables))
        arguments = list(grads), hyperparameters
        values = symbolic.declared(self._results, arguments, {}, list(shapes), dtypes)
        counters = len(self.optimizer.counters)
        return [
            K.update(v, new) if i >= counters else record_update("assign", v, new)
            for i, (v, new) in enumerate(zip(variables, values))
        ]

    def _variables(self):
        counters = [getattr(self.optimizer, name) for name in self.optimizer.counters]
        return [*counters, *(v for slot in self.slots for v in slot), *self.params]

    @torch.no_grad()
    def _results(self, grads, hyperparameters):
        """What a step makes of the variables, which stay as they are."""
        twin = copy.copy(self)
        twin.optimizer = copy.copy(self.optimizer)
        numbers = {k: v for k, v in vars(self.optimizer).items() if isinstance(v, Scalar)}
        numbers = copy.deepcopy(numbers)
        vars(twin.optimizer).update(numbers)
        for name, value in hyperparameters.items():
            numbers[name].array[()] = value.item()
        twin.params, twin.slots = copy.deepcopy((self.params, self.slots))
        twin.constrained = [p for p in twin.params if p.constraint is not None]
        twin.arrange()
        twin.update_in_keras_layout(grads)
        return [v.view.detach() for v in twin._variables()]


def _with_strides_of(param, grad):
    if grad.stride() == param.stride():
        return grad
    return torch.empty_like(param, requires_grad=False).copy_(grad)


def clip(grads, clipnorm, clipvalue):
    """Gradients with a common norm of at most `clipnorm`, then between -clipvalue and clipvalue."""
    if grads and clipnorm and clipnorm > 0:
        norms = torch._foreach_norm(grads)
        norm = torch.linalg.vector_norm(torch.stack([n.to(norms[0]) for n in norms]))
        scale = torch.where(norm >= clipnorm, clipnorm / norm, 1.0)
        if len({(g.device, g.dtype) for g in grads}) > 1:
            grads = [g * scale.to(g) for g in grads]
        else:
            grads = torch._foreach_mul(grads, scale)
    if grads and clipvalue and clipvalue > 0:
        grads = torch._foreach_clamp_max(torch._foreach_clamp_min(grads, -clipvalue), clipvalue)
    return list(grads)


def clip_norm(g, c, n):
    """The gradient `g` scaled by c / n where the norm `n` is `c` or more; as it is if c <= 0."""
    return g if c <= 0 else g * torch.where(n >= c, c / n, 1.0)

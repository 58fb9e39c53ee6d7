"""Layers with several inputs: element by element, side by side, products."""

import functools
import operator

import torch

from .. import backend as K
from ..engine import Layer

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


def _check_list(layer, inputs, exactly=None):
    """`ValueError` unless there are at least two inputs, or `exactly` so many."""
    count = len(inputs) if isinstance(inputs, (list, tuple)) else 1
    if count < 2 or count != (exactly or count):
        number = f"exactly {exactly}" if exactly else "at least 2"
        raise ValueError(
            f"A `{type(layer).__name__}` layer should be called on a list of {number} inputs. "
            f"Got {count} inputs (layer {layer.name})."
        )


def _given_masks(layer, inputs, mask):
    """The masks that are not None. `ValueError` unless there is a list with one for each input."""
    if mask is None:
        return []
    for name, value in (("mask", mask), ("inputs", inputs)):
        if not isinstance(value, list):
            raise ValueError(f"Layer {layer.name}: `{name}` should be a list. Got: {value!r}")
    if len(mask) != len(inputs):
        raise ValueError(
            f"Layer {layer.name}: there should be a mask, or None, for each of the {len(inputs)} "
            f"inputs. Got {len(mask)} masks."
        )
    return [m for m in mask if m is not None]


class _Merge(Layer):
    """A function of inputs that are broadcast to each other.

    Inputs with fewer axes get axes of size 1 after the batch's. Subclasses, also those in scripts,
    implement `_merge_function(inputs)`.

    Shape: a list of (batch, ...) -> (batch, ...), where sizes that differ must be 1.
    """

    inputs_needed = None

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def _merge_function(self, inputs):
        raise NotImplementedError

    def assert_input_compatibility(self, inputs):
        """Checks that there are as many inputs as the layer needs."""
        _check_list(self, inputs, self.inputs_needed)
        super().assert_input_compatibility(inputs)

    def build(self, input_shape):
        _check_list(self, input_shape, self.inputs_needed)
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        rank = max(len(x.shape) for x in inputs)
        return self._merge_function([_with_rank(x, rank) for x in inputs])

    def compute_output_shape(self, input_shape):
        batches = {shape[0] for shape in input_shape} - {None}
        if len(batches) > 1:
            raise ValueError(
                f"Layer {self.name}: can not merge tensors with different batch sizes. "
                f"Got tensors with shapes: {input_shape}"
            )
        shape = tuple(input_shape[0][1:])
        for other in input_shape[1:]:
            shape = self._broadcast(shape, tuple(other[1:]))
        return (batches.pop() if batches else None, *shape)

    def _broadcast(self, a, b):
        rank = max(len(a), len(b))
        sizes = []
        for m, n in zip((1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b):
            if m != n and None not in (m, n) and 1 not in (m, n):
                raise ValueError(
                    f"Layer {self.name}: operands could not be broadcast together with shapes "
                    f"{a} {b}"
                )
            if 1 in (m, n):
                sizes.append(n if m == 1 else m)
            else:
                sizes.append(m if m == n else None)
        return tuple(sizes)

    def compute_mask(self, inputs, mask=None):
        masks = _given_masks(self, inputs, mask)
        if not masks:
            return None
        return functools.reduce(torch.logical_and, masks)


def _with_rank(x, rank):
    for _ in range(rank - len(x.shape)):
        x = x.unsqueeze(1)
    return x


class Add(_Merge):
    """The sum of the inputs."""

    def _merge_function(self, inputs):
        return functools.reduce(operator.add, inputs)


class Subtract(_Merge):
    """The first of two inputs minus the second."""

    inputs_needed = 2

    def _merge_function(self, inputs):
        return inputs[0] - inputs[1]


class Multiply(_Merge):
    """The product of the inputs, element by element."""

    def _merge_function(self, inputs):
        return functools.reduce(operator.mul, inputs)


class Average(Add):
    """The mean of the inputs."""

    def _merge_function(self, inputs):
        return super()._merge_function(inputs) / len(inputs)


class Maximum(_Merge):
    """The greatest of the inputs, element by element."""

    def _merge_function(self, inputs):
        return functools.reduce(K.maximum, inputs)


class Minimum(_Merge):
    """The smallest of the inputs, element by element."""

    def _merge_function(self, inputs):
        return functools.reduce(K.minimum, inputs)


class Concatenate(_Merge):
    """The inputs one after the other along `axis`; their other sizes agree."""

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        _check_list(self, input_shape)
        ranks = {len(shape) for shape in input_shape}
        others = [[*shape] for shape in input_shape]
        for shape in others:
            if len(ranks) == 1:
                del shape[self.axis]
        if any(_conflict(others[0], shape) for shape in others):
            raise ValueError(
                f"A `Concatenate` layer requires inputs with matching shapes except for the concat "
                f"axis {self.axis} (layer {self.name}). Got inputs shapes: {input_shape}"
            )
        self.built = True

    def call(self, inputs):
        return K.concatenate(list(inputs), self.axis)

    def compute_output_shape(self, input_shape):
        output = list(input_shape[0])
        sizes = [shape[self.axis] for shape in input_shape]
        output[self.axis] = None if None in sizes else sum(sizes)
        return tuple(output)

    def compute_mask(self, inputs, mask=None):
        if not _given_masks(self, inputs, mask):
            return None
        masks = [_mask_like(x, m) for x, m in zip(inputs, mask)]
        return torch.all(torch.cat(masks, self.axis), -1)


def _conflict(a, b):
    """Whether two shapes differ, by more than sizes that are not known."""
    return len(a) != len(b) or any(m != n and None not in (m, n) for m, n in zip(a, b))


def _mask_like(x, mask):
    """A mask with the shape of `x`: true everywhere without one."""
    if mask is None:
        return torch.ones_like(x, dtype=torch.bool)
    return mask.unsqueeze(-1).expand_as(x) if len(mask.shape) < len(x.shape) else mask


class Dot(_Merge):
    """Products of the samples of two inputs over one axis of each.

    `axes`: the axis of both, or a pair. With `normalize`, vectors along these axes have length 1
    before: the products are cosines.

    Shape: [(batch, ...), (batch, ...)] -> (batch, the other axes of the first, of the second); 1
    where there are none.
    """

    inputs_needed = 2

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        pair = isinstance(axes, (list, tuple)) and len(axes) == 2
        if not isinstance(axes, int) and not (pair and all(isinstance(a, int) for a in axes)):
            raise (ValueError if isinstance(axes, (list, tuple)) else TypeError)(
                f"Layer {self.name}: invalid type for `axes`, which should be an int or a pair of "
                f"them. Got: {axes!r}"
            )
        self.axes, self.normalize = axes, normalize

    @property
    def _pair(self):
        return (self.axes, self.axes) if isinstance(self.axes, int) else self.axes

    def _axes_of(self, ranks):
        return [axis % rank for axis, rank in zip(self._pair, ranks)]

    def build(self, input_shape):
        _check_list(self, input_shape, self.inputs_needed)
        a, b = input_shape
        i, j = self._axes_of((len(a), len(b)))
        outside = any(not -len(s) <= n < len(s) for s, n in zip(input_shape, self._pair))
        if outside or 0 in (i, j):
            raise ValueError(
                f"Layer {self.name}: `axes` must be axes of the inputs, but the batch's. Got "
                f"axes={self.axes} for the shapes {tuple(a)}, {tuple(b)}."
            )
        if None not in (a[i], b[j]) and a[i] != b[j]:
            raise ValueError(
                f"Layer {self.name}: dimension incompatibility {a[i]} != {b[j]} along the axes "
                f"{self.axes}. Layer shapes: {tuple(a)}, {tuple(b)}"
            )
        self.built = True

    def call(self, inputs):
        axes = self._axes_of([len(x.shape) for x in inputs])
        if self.normalize:
            inputs = [K.l2_normalize(x, axis) for x, axis in zip(inputs, axes)]
        return K.batch_dot(*inputs, axes)

    def compute_output_shape(self, input_shape):
        shapes = [list(shape) for shape in input_shape]
        for shape, axis in zip(shapes, self._axes_of([len(s) for s in shapes])):
            del shape[axis]
        merged = (*shapes[0], *shapes[1][1:])
        return merged if len(merged) > 1 else (*merged, 1)

    def compute_mask(self, inputs, mask=None):
        return None


def add(inputs, **kwargs):
    """The sum of tensors (see `Add`)."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """The first of two tensors minus the second (see `Subtract`)."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """The product of tensors, element by element (see `Multiply`)."""
    return Multiply(**kwargs)(inputs)


def average(inputs, **kwargs):
    """The mean of tensors (see `Average`)."""
    return Average(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """The greatest of tensors, element by element (see `Maximum`)."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """The smallest of tensors, element by element (see `Minimum`)."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """Tensors one after the other along an axis (see `Concatenate`)."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes, normalize=False, **kwargs):
    """Products of samples over one axis of each tensor (see `Dot`)."""
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)

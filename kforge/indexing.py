"""Indices as in NumPy and TensorFlow: what torch lacks, and which sizes they leave unknown."""

import torch

__all__ = ["at", "clipped_axes", "without_negative_steps"]


def without_negative_steps(items, ndim):
    """Rewrites slices with step -k, which torch lacks, for a flipped tensor; gives axes to flip."""
    flipped, axis = [], 0
    for i, it in enumerate(items):
        if it is Ellipsis:
            axis = ndim - sum(1 for rest in items[i + 1 :] if rest is not None)
            continue
        if isinstance(it, slice) and isinstance(it.step, int) and it.step < 0:
            # Position p counts from the end in the flipped tensor: p -> -1 - p.
            start = None if it.start is None else -1 - it.start
            stop = None if it.stop is None else -1 - it.stop
            items[i] = slice(start, stop, -it.step)
            flipped.append(axis)
        if it is not None:
            axis += 1
    return flipped


def at(x, items):
    """``x[items]``, with numbers that are tensors; "meta" tensors stand for any."""
    if x.is_meta:
        items = [_likely(item) for item in items]
    return x[tuple(items)]


def _likely(item):
    if isinstance(item, torch.Tensor) and item.dim() == 0:
        return 0
    return slice(None) if isinstance(item, slice) and _comes_from_data(item) else item


def _comes_from_data(part):
    """Whether the bounds of a slice are known only when it is taken."""
    return any(_is_without_value(bound) for bound in (part.start, part.stop, part.step))


def _is_without_value(bound):
    """Whether a bound, on the device or in a graph, has no value that shapes alone tell."""
    bound = bound.probes[0] if hasattr(bound, "probes") else bound
    return isinstance(bound, torch.Tensor) and bound.is_meta


def clipped_axes(shape, items, found):
    """Axes of ``x[items]``, of the shape `found`, whose size cannot be known: {axis: likely sizes}.

    A slice of an axis of unknown size, `shape` being that of `x`, takes so many items or all
    there are, if they are fewer; one item is taken to be there. A slice up to an unknown size is
    taken to find as many items, which tells more than the number of those that are there.
    """
    if not all(i is None or i is Ellipsis or isinstance(i, (int, slice)) for i in items):
        items = [0 if getattr(i, "shape", None) == () else i for i in items]  # symbolic numbers
        if any(hasattr(i, "shape") or isinstance(i, (list, tuple)) for i in items):
            return {}
    taken = sum(i is not None and i is not Ellipsis for i in items)
    axes, axis, result = {}, 0, 0
    for item in items:
        if item is Ellipsis:
            axis, result = axis + len(shape) - taken, result + len(shape) - taken
            continue
        if isinstance(item, slice):
            length = found[result]  # symbolic in exports, which need no more
            cut = shape[axis] is None and isinstance(length, int) and length > 1
            if cut or _comes_from_data(item):
                axes[result] = None
            elif (asked := _asked(item, shape[axis])) and not 0 < max(asked) <= shape[axis]:
                axes[result] = asked if min(asked) > 0 else None
        axis += item is not None
        result += item is None or isinstance(item, slice)
    return axes


def _asked(part, size):
    """How many of `size` items a slice asks for, with either set of probe sizes; None if fixed."""
    if part.step not in (None, 1) or not isinstance(size, int):
        return None
    bounds = (0 if part.start is None else part.start, size if part.stop is None else part.stop)
    starts, stops = (getattr(bound, "probes", (bound, bound)) for bound in bounds)
    found = tuple(int(stop) - int(start) for start, stop in zip(starts, stops))
    return None if found[0] == found[1] else found

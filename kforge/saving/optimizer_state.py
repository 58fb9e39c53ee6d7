"""The state of optimizers in files, whoever wrote them, in the order of those of Keras 2.3.1."""

import math

import numpy as np

from .old_weights import match

__all__ = ["arranged", "arranged_keras1"]

# What tf.keras and Keras 3 call the slots of each optimizer.
SLOTS = {
    "SGD": {"m": "moment", "momentum": "moment"},
    "RMSprop": {"velocity": "accumulator", "rms": "accumulator"},
    "Adagrad": {"accumulator": "accumulator"},
    "Adadelta": {
        "accumulated_grad": "accumulator",
        "accum_grad": "accumulator",
        "accumulated_delta_var": "delta_accumulator",
        "accum_var": "delta_accumulator",
    },
    "Adam": {
        "m": "m",
        "momentum": "m",
        "v": "v",
        "velocity": "v",
        "vhat": "vhat",
        "velocity_hat": "vhat",
    },
    "Adamax": {"m": "m", "momentum": "m", "u": "u", "v": "u", "norm": "u"},
    "Nadam": {"m": "m", "momentum": "m", "v": "v", "velocity": "v"},
}


def arranged(optimizer, params, names, arrays):
    """The arrays as `optimizer.set_weights` takes them; it must be prepared for `params`.

    Keras's own files have them so, but for some that older versions lack, which `set_weights`
    makes up for. Raises `ValueError` for what cannot be attributed.
    """
    kind = type(optimizer).__name__
    if not names or _last(names[0]) not in ("iteration", "iter") or kind not in SLOTS:
        return arrays
    slots = {slot: [] for slot in optimizer.slots}
    for name, array in zip(names[1:], arrays[1:]):
        slot = _slot(name, SLOTS[kind])
        if slot is not None:
            slots[slot].append(array)
        elif array.ndim:  # scalars are settings, which the configuration has, too
            raise ValueError(f"{kind} has no state {name!r}")
    found = [np.asarray(arrays[0], "int64")]
    if kind == "Nadam":
        found.append(_momentum_so_far(optimizer, int(arrays[0])))
    first = len(optimizer.counters)
    for i, (slot, values) in enumerate(slots.items()):
        if values and len(values) != len(params):
            raise ValueError(f"{len(values)} arrays {slot!r} for {len(params)} trainable weights")
        fresh = optimizer.weights[first + i * len(params) :][: len(params)]
        found += values or [variable.numpy() for variable in fresh]
    return found


def _last(name):
    return name.rsplit("/", 1)[-1].split(":")[0]


def _slot(name, known):
    """The slot that a name means, or None.

    "Adam/m/dense/kernel:0" (TensorFlow 2.11 on), "Adam/dense/kernel/m:0" (before),
    "adam/dense_kernel_momentum" (Keras 3).
    """
    parts = name.split(":")[0].split("/")
    if parts[-1] in known:
        return known[parts[-1]]
    if len(parts) > 2 and parts[1] in known:
        return known[parts[1]]
    return next((slot for end, slot in known.items() if parts[-1].endswith(f"_{end}")), None)


def _momentum_so_far(optimizer, steps):
    """Nadam's product of momenta, which only Keras 2.3 stores."""
    beta, decay = optimizer.get_config()["beta_1"], optimizer.schedule_decay
    found = math.prod(beta * (1.0 - 0.5 * 0.96 ** (t * decay)) for t in range(1, steps + 1))
    return np.float32(found)


def arranged_keras1(params, arrays, saved, layers, source):
    """The same for a file of Keras 1, whose slots follow the names of the weights, sorted.

    `saved` are the layers in the file that have weights and `layers` those of the model, in the
    same order: slots go through the conversions of the weights that they belong to.
    """
    trainable = {id(variable) for variable in params}
    entries = sorted(
        (entry.names[index], number, index)
        for number, (entry, layer) in enumerate(zip(saved, layers))
        for index in _used(entry, layer, source, trainable)
    )
    if not entries:
        return arrays
    slots, counters = divmod(len(arrays), len(entries))
    found = list(arrays[:counters])
    for slot in range(slots):
        values = arrays[counters + slot * len(entries) :]
        whole = [[np.zeros(shape, "float32") for shape in entry.shapes()] for entry in saved]
        for (_, number, index), value in zip(entries, values):
            whole[number][index] = value
        converted = {
            id(variable): array
            for entry, layer, given in zip(saved, layers, whole)
            for variable, array in match(layer, entry.names, given, source)
        }
        found += [converted[id(variable)] for variable in params]
    return found


def _used(entry, layer, source, trainable):
    """The indices of those arrays of a saved layer that became trainable weights."""
    marked = [np.full(shape, index, "float64") for index, shape in enumerate(entry.shapes())]
    pairs = match(layer, entry.names, marked, source)
    kept = [array for variable, array in pairs if id(variable) in trainable]
    return {int(index) for array in kept for index in np.unique(array)}

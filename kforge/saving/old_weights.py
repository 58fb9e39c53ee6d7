"""From the arrays that a file holds for a layer to the weights of that layer.

Files differ by the version of Keras (1 had an array for each gate, and other axes), by the backend
(Theano's kernels are flipped), by the kind of recurrent layer (CuDNN's weights are transposed) and,
for nested models, in their order, which followed what was trainable at the time.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Source", "convert", "match", "may_be_flipped"]


@dataclass(frozen=True)
class Source:
    """What wrote the arrays. `reshape`: give arrays of the right size the right shape."""

    keras_version: str = "1"  # files of Keras 1 do not say
    backend: str | None = None
    reshape: bool = False

    @property
    def is_keras1(self):
        """Whether the arrays are those of Keras 1."""
        return self.keras_version.split(".")[0] == "1"


def match(layer, names, arrays, source):
    """[(variable, array), ...] for the weights of `layer`, in the file's order of its sublayers.

    `names` and `arrays` are what the file holds for the layer. Raises `ValueError` if there are
    more or fewer arrays than weights; shapes are for the caller to compare.
    """
    pairs = []
    for leaf, inner in _distributed(layer, names, arrays):
        try:
            converted = convert(leaf, inner, source)
        except (IndexError, ValueError) as error:
            shapes = [array.shape for array in inner]
            raise ValueError(f"layer {leaf.name!r}, saved with shapes {shapes}: {error}") from error
        weights = leaf.weights
        if len(converted) != len(weights):
            raise ValueError(
                f"layer {leaf.name!r} expects {len(weights)} weights, "
                f"but the saved weights have {len(converted)} elements"
            )
        pairs += zip(weights, converted)
    return pairs


def convert(layer, arrays, source):
    """The arrays as the layer's class has them today, in the order of its weights."""
    if _is(layer, "Bidirectional"):
        half = len(arrays) // 2
        parts = (layer.forward_layer, arrays[:half]), (layer.backward_layer, arrays[half:])
        return [array for inner, part in parts for array in convert(inner, part, source)]
    if _is(layer, "TimeDistributed"):
        return convert(layer.layer, arrays, source)
    if arrays:
        for function in CONVERSIONS.get(type(layer).__name__, ()):
            arrays = function(layer, list(arrays), source)
    if source.reshape:
        arrays = [_reshaped(a, w.shape) for a, w in zip(arrays, layer.weights)] + list(
            arrays[len(layer.weights) :]
        )
    return list(arrays)


def _is(layer, kind):
    """Whether a class of this name is among those of `layer`; layers are defined above this."""
    return any(cls.__name__ == kind for cls in type(layer).__mro__)


def _reshaped(array, shape):
    return array.reshape(tuple(shape)) if array.size == np.prod(shape, dtype=int) else array


def may_be_flipped(layers, names, source):
    """Whether Keras 1 saved these names on Theano, which flips the kernels of convolutions.

    Its files do not name the backend, but only Theano's names end without ":0".
    """
    unsaid = source.is_keras1 and source.backend is None and not any(":" in name for name in names)
    leaves = [leaf for layer in layers for leaf in _leaves(layer)]
    kinds = {type(getattr(leaf, "layer", leaf)).__name__ for leaf in leaves}
    return unsaid and any(kind.startswith("Conv") for kind in kinds & CONVERSIONS.keys())


# ---- conversions, by class ----------------------------------------------------------------------


def _conv1d_of_keras1(layer, arrays, source):
    """(length, 1, in, out), or (out, in, length, 1) -> (length, in, out)."""
    kernel = arrays[0]
    if source.is_keras1 and kernel.ndim == 4:
        if kernel.shape[:2] != (layer.kernel_size[0], 1) or kernel.shape[3] != layer.filters:
            kernel = kernel.transpose(2, 3, 1, 0)
        arrays[0] = kernel[:, 0]
    return arrays


def _axes_of_keras1(channels_first, channels_last=None):
    """A conversion of the kernel by permuting its axes."""

    def conversion(layer, arrays, source):
        axes = channels_first if layer.data_format == "channels_first" else channels_last
        if source.is_keras1 and axes is not None:
            arrays[0] = arrays[0].transpose(axes)
        return arrays

    return conversion


def _gates_of_keras1(order, count=3):
    """A conversion of `count` arrays for each gate to `count` arrays, with the gates in `order`."""

    def conversion(layer, arrays, source):
        if not source.is_keras1 or len(arrays) != count * len(order):
            return arrays
        if _is(layer, "ConvLSTM2D") and layer.data_format == "channels_first":
            size = tuple(layer.kernel_size)  # where it ends the shape, the axes are those of old
            old = [a.ndim == 4 and (a.shape[:2] != size or a.shape[2:] == size) for a in arrays]
            arrays = [a.transpose(2, 3, 1, 0) if is_old else a for a, is_old in zip(arrays, old)]
        return [
            np.concatenate([arrays[count * gate + kind] for gate in order], axis=-1)
            for kind in range(count)
        ]

    return conversion


def _kernels(count=1):
    """A conversion of kernels: Theano convolves, others correlate; some files are out, in, ..."""

    def conversion(layer, arrays, source):
        for i, weight in enumerate(layer.weights[:count]):
            kernel = arrays[i]
            if source.backend == "theano":
                kernel = np.flip(kernel, tuple(range(kernel.ndim - 2)))
            if kernel.ndim == 4 and kernel.shape != tuple(weight.shape):
                other = kernel.transpose(3, 2, 0, 1)
                kernel = other if other.shape == tuple(weight.shape) else kernel
            arrays[i] = kernel
        return arrays

    return conversion


def _cudnn(gates, separate_bias):
    """A conversion between the weights of a recurrent layer and of its CuDNN twin.

    CuDNN keeps matrices transposed, and a bias for the inputs and one for the state; with
    `separate_bias` the plain layer has both, too, as a matrix of two rows.
    """

    def conversion(layer, arrays, source):
        if len(arrays) != 3:
            return arrays
        kernel, recurrent, bias = arrays
        units, wanted = recurrent.shape[0], tuple(layer.weights[2].shape)
        double, single = (2 * gates * units,), (gates * units,)
        plain = (2, gates * units) if separate_bias else single
        if bias.shape == wanted or {bias.shape, wanted} != {double, plain}:
            _check_bias(layer, bias, wanted, {double, single, plain})
            return arrays
        from_cudnn = bias.shape == double
        if separate_bias:
            bias = bias.reshape(wanted)
        else:
            bias = bias.reshape(2, -1).sum(0) if from_cudnn else np.tile(0.5 * bias, 2)
        order = "F" if from_cudnn else "C"
        kernels = [k.T.reshape(k.shape, order=order) for k in np.split(kernel, gates, 1)]
        recurrents = [k.T for k in np.split(recurrent, gates, 1)]
        bias = bias.astype(kernel.dtype, copy=False)
        return [np.concatenate(kernels, 1), np.concatenate(recurrents, 1), bias]

    return conversion


def _check_bias(layer, bias, wanted, known):
    """Names the two kinds of GRU that no conversion joins."""
    if bias.shape != wanted and {bias.shape, wanted} <= known:
        raise ValueError(
            f"{type(layer).__name__} has a bias of shape {wanted}, the file one of {bias.shape}: "
            "one is a GRU with `reset_after=True`, the other without, and they compute differently"
        )


# Applied in order. The keys are exact class names: a user's subclass keeps its own counsel.
CONVERSIONS = {
    "Conv1D": (_conv1d_of_keras1, _kernels()),
    "Conv2D": (_axes_of_keras1((2, 3, 1, 0)), _kernels()),
    "Conv3D": (_axes_of_keras1((2, 3, 4, 1, 0)), _kernels()),
    "Conv2DTranspose": (_axes_of_keras1((2, 3, 0, 1), (0, 1, 3, 2)), _kernels()),
    "ConvLSTM2D": (_gates_of_keras1((0, 2, 1, 3)), _kernels(2)),
    "GRU": (_gates_of_keras1((0, 1, 2)), _cudnn(3, separate_bias=True)),
    "CuDNNGRU": (_cudnn(3, separate_bias=True),),
    "LSTM": (_gates_of_keras1((0, 2, 1, 3)), _cudnn(4, separate_bias=False)),
    "CuDNNLSTM": (_cudnn(4, separate_bias=False),),
}


# ---- nested models ------------------------------------------------------------------------------


def _distributed(layer, names, arrays):
    """[(leaf layer, its arrays), ...] of what a file holds for a layer or nested model."""
    leaves = [leaf for leaf in _leaves(layer) if leaf.weights]
    if len(leaves) == 1 or not _is_container(layer):
        return [(leaves[0] if leaves else layer, arrays)]
    owners = _owners_by_name(leaves, names) or _owners_by_order(layer, leaves, arrays)
    return [(leaf, [a for a, owner in zip(arrays, owners) if owner is leaf]) for leaf in leaves]


def _is_container(layer):
    return _is(layer, "Model") or (_is(layer, "TimeDistributed") and _is_container(layer.layer))


def _leaves(layer):
    """The layers of a nested model, and of those nested in it, each once."""
    if not _is_container(layer):
        return [layer]
    inner = layer.layers if _is(layer, "Model") else [layer.layer]
    return list(dict.fromkeys(leaf for child in inner for leaf in _leaves(child)))


def _owners_by_name(leaves, names):
    """The leaf that each name in the file names; None unless all do, and all leaves are named."""
    known = {}
    for leaf in leaves:
        wrapped = [leaf.layer.name] if _is(leaf, "TimeDistributed") else []
        for name in (leaf.name, *wrapped):
            known.setdefault(name, []).append(leaf)
    owners = []
    for name in names:
        parts = name.split("/")[:-1] or _beginnings(name)
        found = {id(leaf): leaf for part in parts for leaf in known.get(part, ())}
        if len(found) != 1:
            return None
        owners += found.values()
    return owners if {id(leaf) for leaf in leaves} == {id(leaf) for leaf in owners} else None


def _beginnings(name):
    """The longest layer name that "dense_1_W:0" of Keras 1 may begin with, and shorter ones."""
    words = name.split(":")[0].split("_")
    return ["_".join(words[:n]) for n in range(len(words) - 1, 0, -1)]


def _owners_by_order(layer, leaves, arrays):
    """The leaf of each array, by the first order of the weights in which the shapes agree.

    Keras writes trainable weights first: those of now, or all that layers make trainable.
    """
    flat = [(leaf, weight) for leaf in leaves for weight in leaf.weights]
    owner = {id(weight): leaf for leaf, weight in flat}
    orders = [
        [(owner[id(weight)], weight) for weight in layer.weights],
        sorted(flat, key=lambda pair: not pair[1].trainable),
        flat,
    ]
    shapes = [tuple(array.shape) for array in arrays]
    fitting = (o for o in orders if [tuple(weight.shape) for _, weight in o] == shapes)
    return [leaf for leaf, _ in next(fitting, orders[0])]

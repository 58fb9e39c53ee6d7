"""Layers on grids (sequences, images, volumes): their shapes; upsampling, padding, cropping."""

import torch.nn.functional as F

from .. import backend as K
from ..backend.spatial import channels_first, channels_last, resize
from ..engine import InputSpec, Layer
from ..utils.conv_utils import normalize_tuple
from .variants import variant

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


class _Spatial(Layer):
    """A layer on tensors with a batch axis, `rank` spatial axes, and channels, last or second.

    Subclasses implement `_length(axis, size)`, the size of the output along a spatial axis, and
    `_output_channels(channels)` if that number changes.
    """

    rank = None
    _least = 1  # size of an output's axis

    def _set_data_format(self, data_format):
        self.data_format = K.normalize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def _channel_axis(self):
        return 1 if self.data_format == "channels_first" else -1

    def _spatial_sizes(self, shape):
        return tuple(shape[2:] if self.data_format == "channels_first" else shape[1:-1])

    def _length(self, axis, size):
        return size

    def _output_channels(self, channels):
        return channels

    def compute_output_shape(self, input_shape):
        sizes = self._spatial_sizes(input_shape)
        new = tuple(None if n is None else self._length(i, n) for i, n in enumerate(sizes))
        if any(n is not None and n < self._least for n in new):
            raise ValueError(
                f"Layer {self.name}: the input is too small. Its sizes {sizes}, of the shape "
                f"{tuple(input_shape)}, would become {new}."
            )
        channels = self._output_channels(input_shape[self._channel_axis])
        if self.data_format == "channels_first":
            return (input_shape[0], channels, *new)
        return (input_shape[0], *new, channels)

    def assert_input_compatibility(self, inputs):
        """Checks rank and channels, and that something is left of the input."""
        super().assert_input_compatibility(inputs)
        if self.built and not isinstance(inputs, (list, tuple)):  # of a class that takes several
            self.compute_output_shape(tuple(inputs.shape))


class _PerAxis(_Spatial):
    """A layer with one setting for each spatial axis, called as `setting` says."""

    setting = None

    def get_config(self):
        found = super().get_config()
        if self.rank == 1:  # the setting of the only axis, not in a tuple
            found[self.setting] = found[self.setting][0]
        return found


# ---- upsampling -------------------------------------------------------------------------------


class _UpSampling(_PerAxis):
    """Makes each axis `size` times longer: "nearest" repeats, "bilinear" interpolates.

    "bilinear_half_pixel" is what TensorFlow 2 calls bilinear; models of tf.keras have it.

    Shape: (batch, *sizes, channels) -> (batch, *(sizes * size), channels).
    """

    setting = "size"

    def __init__(self, size=2, data_format=None, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        self._set_data_format(data_format)
        self.size = normalize_tuple(size, self.rank, "size")
        if interpolation not in ("nearest", "bilinear", "bilinear_half_pixel"):
            raise ValueError(
                f"Layer {self.name}: the `interpolation` argument should be one of "
                f'"nearest" or "bilinear". Received: {interpolation!r}'
            )
        self.interpolation = interpolation

    def _length(self, axis, size):
        return size * self.size[axis]

    def call(self, inputs):
        return resize(inputs, self.size, self.data_format, self.interpolation)


class UpSampling1D(_UpSampling):
    """Repeats each step `size` times: (batch, steps, features)."""

    rank = 1
    __init__ = variant(
        _UpSampling.__init__, {"data_format": "channels_last", "interpolation": "nearest"}
    )


class UpSampling2D(_UpSampling):
    """Images made larger by whole factors: (batch, rows, cols, channels)."""

    rank = 2


class UpSampling3D(_UpSampling):
    """Volumes made larger by whole factors: (batch, d1, d2, d3, channels)."""

    rank = 3
    __init__ = variant(_UpSampling.__init__, {"interpolation": "nearest"})


# ---- padding and cropping ---------------------------------------------------------------------


def _pairs(value, rank, name):
    """((before, after), ...), one pair an axis, of a number, a number an axis, or pairs."""
    if rank == 1 and not isinstance(value, int):
        return (normalize_tuple(value, 2, name),)
    axes = (value,) * rank if isinstance(value, int) else value
    if not isinstance(axes, (list, tuple)) or len(axes) != rank:
        raise ValueError(f"`{name}` should have {rank} elements, one an axis. Found: {value}")
    return tuple(normalize_tuple(axis, 2, name) for axis in axes)


class _ZeroPadding(_PerAxis):
    """Puts zeros around: `padding` is a number, one an axis, or pairs (before, after).

    Shape: (batch, *sizes, channels) -> (batch, *(sizes + before + after), channels).
    """

    setting = "padding"

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_data_format(data_format)
        self.padding = _pairs(padding, self.rank, "padding")

    def _length(self, axis, size):
        return size + sum(self.padding[axis])

    def call(self, inputs):
        amounts = [n for pair in reversed(self.padding) for n in pair]
        if self.rank == 1:  # torch would copy sequences with channels last
            return F.pad(inputs, [0, 0, *amounts])
        padded = F.pad(channels_first(inputs, self.data_format), amounts)
        return channels_last(padded, self.data_format)


class ZeroPadding1D(_ZeroPadding):
    """Zeros before and after sequences: (batch, steps, features)."""

    rank = 1
    __init__ = variant(_ZeroPadding.__init__, {"data_format": "channels_last"})


class ZeroPadding2D(_ZeroPadding):
    """Zeros around images: (batch, rows, cols, channels)."""

    rank = 2


class ZeroPadding3D(_ZeroPadding):
    """Zeros around volumes: (batch, d1, d2, d3, channels)."""

    rank = 3


class _Cropping(_PerAxis):
    """Cuts off borders: `cropping` is a number, one an axis, or pairs (before, after).

    Shape: (batch, *sizes, channels) -> (batch, *(sizes - before - after), channels).
    """

    setting = "cropping"
    _least = 0

    def __init__(self, cropping=1, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_data_format(data_format)
        self.cropping = _pairs(cropping, self.rank, "cropping")

    def _length(self, axis, size):
        return size - sum(self.cropping[axis])

    def call(self, inputs):
        kept = [slice(before or None, -after or None) for before, after in self.cropping]
        cropped = channels_first(inputs, self.data_format)[(slice(None), slice(None), *kept)]
        return channels_last(cropped, self.data_format)


class Cropping1D(_Cropping):
    """Sequences without their ends: (batch, steps, features)."""

    rank = 1
    __init__ = variant(_Cropping.__init__, {"data_format": "channels_last"}, cropping=(1, 1))


class Cropping2D(_Cropping):
    """Images without their borders: (batch, rows, cols, channels)."""

    rank = 2
    __init__ = variant(_Cropping.__init__, cropping=((0, 0), (0, 0)))


class Cropping3D(_Cropping):
    """Volumes without their borders: (batch, d1, d2, d3, channels)."""

    rank = 3
    __init__ = variant(_Cropping.__init__, cropping=((1, 1), (1, 1), (1, 1)))

"""Pooling: over windows, and over all of an image."""

import torch

from .. import backend as K
from ..backend.spatial import pool
from ..utils.conv_utils import conv_output_length, normalize_padding, normalize_tuple
from .spatial import _Spatial
from .variants import variant

__all__ = [
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class _Pooling(_Spatial):
    """The maximum or mean of each window. `strides` None means windows side by side.

    What "same" padding adds does not count, neither for a maximum nor for a mean.

    Shape: (batch, *sizes, channels) -> (batch, *outputs, channels).
    """

    mode = None

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_data_format(data_format)
        self.pool_size = normalize_tuple(pool_size, self.rank, "pool_size")
        strides = self.pool_size if strides is None else strides
        self.strides = normalize_tuple(strides, self.rank, "strides")
        self.padding = normalize_padding(padding)

    def build(self, input_shape):
        if self.padding == "causal":
            raise ValueError(f"Layer {self.name}: invalid padding: causal. Expected valid or same.")
        self.built = True

    def get_config(self):
        found = super().get_config()
        for name in ("strides", "data_format"):  # last, as Keras writes them
            found[name] = found.pop(name)
        return found

    def _length(self, axis, size):
        return conv_output_length(size, self.pool_size[axis], self.padding, self.strides[axis])

    def _pooling_function(self, inputs, pool_size, strides, padding, data_format):
        return pool(inputs, pool_size, strides, padding, data_format, self.mode)

    def call(self, inputs):
        return self._pooling_function(
            inputs=inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )


# Scripts ask for these bases by name, with `isinstance`, or derive from them.


class _Pooling1D(_Pooling):
    rank = 1
    __init__ = variant(_Pooling.__init__, data_format="channels_last")


class _Pooling2D(_Pooling):
    rank = 2


class _Pooling3D(_Pooling):
    rank = 3


class MaxPooling1D(_Pooling1D):
    """Maxima over steps: (batch, steps, features)."""

    mode = "max"


class MaxPooling2D(_Pooling2D):
    """Maxima over windows of images: (batch, rows, cols, channels)."""

    mode = "max"


class MaxPooling3D(_Pooling3D):
    """Maxima over windows of volumes: (batch, d1, d2, d3, channels)."""

    mode = "max"


class AveragePooling1D(_Pooling1D):
    """Means over steps: (batch, steps, features)."""

    mode = "avg"


class AveragePooling2D(_Pooling2D):
    """Means over windows of images: (batch, rows, cols, channels)."""

    mode = "avg"


class AveragePooling3D(_Pooling3D):
    """Means over windows of volumes: (batch, d1, d2, d3, channels)."""

    mode = "avg"


class _GlobalPooling(_Spatial):
    """The maximum or mean of each channel: (batch, *sizes, channels) -> (batch, channels)."""

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self._set_data_format(data_format)

    @property
    def _axes(self):
        first = 2 if self.data_format == "channels_first" else 1
        return tuple(range(first, first + self.rank))

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[self._channel_axis])


class _GlobalPooling1D(_GlobalPooling):
    rank = 1
    __init__ = variant(_GlobalPooling.__init__, data_format="channels_last")


class _GlobalPooling2D(_GlobalPooling):
    rank = 2


class _GlobalPooling3D(_GlobalPooling):
    rank = 3


class _GlobalMaxPooling(_GlobalPooling):
    def call(self, inputs):
        return torch.amax(inputs, self._axes)


class _GlobalAveragePooling(_GlobalPooling):
    def call(self, inputs):
        return torch.mean(inputs, self._axes)


class GlobalMaxPooling1D(_GlobalMaxPooling, _GlobalPooling1D):
    """The maximum over all steps: (batch, steps, features) -> (batch, features)."""


class GlobalMaxPooling2D(_GlobalMaxPooling, _GlobalPooling2D):
    """The maximum of each channel of images: (batch, rows, cols, channels)."""


class GlobalMaxPooling3D(_GlobalMaxPooling, _GlobalPooling3D):
    """The maximum of each channel of volumes: (batch, d1, d2, d3, channels)."""


class GlobalAveragePooling1D(_GlobalAveragePooling, _GlobalPooling1D):
    """The mean over all steps, or over those that are not masked.

    Shape: (batch, steps, features) -> (batch, features).
    """

    def __init__(self, data_format="channels_last", **kwargs):
        super().__init__(data_format, **kwargs)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        if mask is None:
            return super().call(inputs)
        (axis,) = self._axes
        weights = K.cast(mask, inputs.dtype).unsqueeze(self._channel_axis)
        return torch.sum(inputs * weights, axis) / torch.sum(weights, axis)

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalAveragePooling2D(_GlobalAveragePooling, _GlobalPooling2D):
    """The mean of each channel of images: (batch, rows, cols, channels)."""


class GlobalAveragePooling3D(_GlobalAveragePooling, _GlobalPooling3D):
    """The mean of each channel of volumes: (batch, d1, d2, d3, channels)."""


# Short names.
AvgPool1D, AvgPool2D, AvgPool3D = AveragePooling1D, AveragePooling2D, AveragePooling3D
MaxPool1D, MaxPool2D, MaxPool3D = MaxPooling1D, MaxPooling2D, MaxPooling3D
GlobalMaxPool1D, GlobalMaxPool2D = GlobalMaxPooling1D, GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D

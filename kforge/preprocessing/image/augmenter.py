"""What becomes of an image between its file and the model: random alterations, then scaling."""

import warnings

import numpy as np

from ... import config
from .transforms import brighten, check_pair
from .warp import affine_matrices, warp

__all__ = ["Augmenter", "augment"]

# A subclass or an instance that replaces one of these wants it called for every single image.
_PER_IMAGE = ("apply_transform", "get_random_transform", "random_transform", "standardize")

# The parameters of a transformation in the order of `get_random_transform`, and what they are when
# nothing is drawn.
_IDENTITY = {
    "theta": 0,
    "tx": 0,
    "ty": 0,
    "shear": 0,
    "zx": 1,
    "zy": 1,
    "flip_horizontal": 0,
    "flip_vertical": 0,
    "channel_shift_intensity": None,
    "brightness": None,
}
_AFFINE = ("theta", "tx", "ty", "shear", "zx", "zy")


def augment(generator, images):
    """A batch of images, a fresh float array, as `generator` transforms and standardizes it.

    In one go where `generator` is a plain `Augmenter`; else image by image with its
    `get_random_transform`, `apply_transform` and `standardize`.
    """
    if isinstance(generator, Augmenter) and generator.works_on(images):
        return generator.augment(images)
    for i, image in enumerate(images):
        parameters = generator.get_random_transform(image.shape)
        images[i] = generator.standardize(generator.apply_transform(image, parameters))
    return images


class Augmenter:
    """The settings of `ImageDataGenerator` and what they do to arrays of images.

    Parameters are drawn from NumPy's global state, in the order in which Keras draws them.
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format="channels_last",
        validation_split=0.0,
        interpolation_order=1,
        dtype="float32",
    ):
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range = brightness_range
        self.shear_range = shear_range
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format = config.check_data_format(data_format)
        self.interpolation_order = interpolation_order
        self.dtype = dtype or config.numpy_floatx()
        self.zoom_range = zoom_range
        self._validation_split = validation_split
        self.mean = None
        self.std = None
        self.principal_components = None
        self._check()
        self._reconcile()

    def _check(self):
        """Completes settings that have short forms; raises `ValueError` for wrong ones."""
        # Axes of a batch; those of an image are one less.
        axes = (3, 1, 2) if self.data_format == "channels_last" else (1, 2, 3)
        self.channel_axis, self.row_axis, self.col_axis = axes
        if np.isscalar(self.zoom_range):
            self.zoom_range = (1 - self.zoom_range, 1 + self.zoom_range)
        check_pair("zoom_range", self.zoom_range)
        self.zoom_range = list(self.zoom_range)
        if self.brightness_range is not None:
            check_pair("brightness_range", self.brightness_range)
        if self._validation_split and not 0 < self._validation_split < 1:
            raise ValueError(
                "`validation_split` must be strictly between 0 and 1. "
                f"Received: {self._validation_split}"
            )

    def _reconcile(self):
        """Settings that imply others: sets those, with a warning."""
        for cause, effect, value in (
            ("zca_whitening", "featurewise_center", True),
            ("zca_whitening", "featurewise_std_normalization", False),
            ("featurewise_std_normalization", "featurewise_center", True),
            ("samplewise_std_normalization", "samplewise_center", True),
        ):
            if getattr(self, cause) and bool(getattr(self, effect)) is not value:
                setattr(self, effect, value)
                warnings.warn(
                    f"This ImageDataGenerator specifies `{cause}`, which overrides setting of "
                    f"`{effect}`.",
                    stacklevel=3,
                )

    def works_on(self, images):
        """Whether `augment` may take a whole batch: no one is to see the images one by one."""
        replaced = any(
            name in vars(self) or getattr(type(self), name) is not getattr(Augmenter, name)
            for name in _PER_IMAGE
        )
        return not replaced and not self.preprocessing_function and images.dtype.kind == "f"

    def augment(self, images):
        """A batch of float images, transformed at random and standardized, maybe in place."""
        images = self._transform(images, self._draw(len(images), images.shape[1:]))
        return self._standardize(images, axis=(1, 2, 3))

    # Drawing

    def _plan(self, shape):
        """What is drawn for an image of `shape`, in order: (name, low, high, factor).

        A number between low and high; or, where high is None, an item of `low` times -1 or 1.
        """
        plan = []
        if self.rotation_range:
            plan.append(("theta", -self.rotation_range, self.rotation_range, 1))
        for name, limit, axis in (
            ("tx", self.height_shift_range, self.row_axis),
            ("ty", self.width_shift_range, self.col_axis),
        ):
            if len(limit) if np.ndim(limit) else limit:
                factor = shape[axis - 1] if np.max(limit) < 1 else 1
                if np.ndim(limit):
                    plan.append((name, limit, None, factor))
                elif isinstance(limit, (int, np.integer)) and limit > 0:
                    plan.append((name, range(limit), None, factor))
                else:
                    plan.append((name, -limit, limit, factor))
        if self.shear_range:
            plan.append(("shear", -self.shear_range, self.shear_range, 1))
        if tuple(self.zoom_range) != (1, 1):
            plan += [(name, *self.zoom_range, 1) for name in ("zx", "zy")]
        plan += [(name, 0, 1, 1) for name in ("flip_horizontal", "flip_vertical")]
        if self.channel_shift_range:
            limit = self.channel_shift_range
            plan.append(("channel_shift_intensity", -limit, limit, 1))
        if self.brightness_range is not None:
            plan.append(("brightness", *self.brightness_range, 1))
        return plan

    def _draw(self, n, shape):
        """Parameters for n images of one shape: {name: an array of n, or what `_IDENTITY` says}."""
        names, lows, highs, factors = zip(*self._plan(shape), strict=True)
        drawn = np.empty((n, len(names)))
        if None in highs:
            for row in drawn:
                for i, (low, high) in enumerate(zip(lows, highs, strict=True)):
                    if high is None:
                        row[i] = np.random.choice(low) * np.random.choice([-1, 1])
                    else:
                        row[i] = np.random.uniform(low, high)
        else:
            # The same numbers as from single draws, since each takes one from the stream.
            lows, highs = np.array(lows, "float64"), np.array(highs, "float64")
            drawn[...] = lows + (highs - lows) * np.random.random_sample(drawn.shape)
        drawn *= factors
        values = {**_IDENTITY, **dict(zip(names, drawn.T, strict=True))}
        for way in ("horizontal", "vertical"):
            flip = bool(getattr(self, f"{way}_flip"))
            values[f"flip_{way}"] = (values[f"flip_{way}"] < 0.5) * int(flip)
        return values

    def get_random_transform(self, img_shape, seed=None):
        """Parameters drawn for an image of `img_shape`: a dictionary for `apply_transform`."""
        if seed is not None:
            np.random.seed(seed)
        values = self._draw(1, img_shape)
        return {k: v[0].item() if isinstance(v, np.ndarray) else v for k, v in values.items()}

    # Transforming

    def apply_transform(self, x, transform_parameters):
        """An image of rank 3 transformed as a dictionary says; what is left out does nothing.

        "theta" and "shear" in degrees, "tx" (along rows) and "ty" in pixels, "zx", "zy", flags
        "flip_horizontal" and "flip_vertical", "channel_shift_intensity", "brightness".
        """
        values = {name: transform_parameters.get(name, v) for name, v in _IDENTITY.items()}
        return self._transform(np.array(x)[None], values)[0]

    def random_transform(self, x, seed=None):
        """An image of rank 3, transformed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def _transform(self, images, values):
        """A batch of images transformed, in place or a new one; values are for all or for each."""
        images = np.moveaxis(images, self.channel_axis, -1)
        flips = [
            np.broadcast_to(np.asarray(values[f"flip_{way}"], bool), len(images))
            for way in ("vertical", "horizontal")
        ]
        affine = [values[name] for name in _AFFINE]
        if any(np.any(values[name] != _IDENTITY[name]) for name in _AFFINE):
            matrices = affine_matrices(images.shape[1:3], *affine)
            sampling = (self.fill_mode, self.cval, self.interpolation_order)
            warp(images, matrices, *sampling, *flips)
        else:
            for axis, flip in enumerate(flips, 1):
                images[flip] = np.flip(images[flip], axis)
        shift, brightness = values["channel_shift_intensity"], values["brightness"]
        if shift is not None:
            dtype = images.dtype if images.dtype.kind == "f" else "float64"
            lows, highs = (f(images, axis=(1, 2, 3), keepdims=True) for f in (np.min, np.max))
            shift = np.reshape(shift, (-1, 1, 1, 1)).astype(dtype)
            images = np.clip(images + shift, lows, highs)
        if brightness is not None:
            images = brighten(images, brightness)
        return np.moveaxis(images, -1, self.channel_axis)

    # Standardizing

    def standardize(self, x):
        """An image or a batch, preprocessed and scaled as the settings say, maybe in place."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        return self._standardize(x)

    def _standardize(self, x, axis=None):
        """Scales `x` in place; "samplewise" means over `axis`."""
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, axis=axis, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, axis=axis, keepdims=True) + 1e-6
        if self.featurewise_center and self._fitted("featurewise_center", self.mean):
            x -= self.mean
        if self.featurewise_std_normalization and self._fitted(
            "featurewise_std_normalization", self.std
        ):
            x /= self.std + 1e-6
        if self.zca_whitening and self._fitted("zca_whitening", self.principal_components):
            size = len(self.principal_components)
            x = (x.reshape(-1, size) @ self.principal_components).reshape(x.shape)
        return x

    @staticmethod
    def _fitted(setting, statistic):
        if statistic is None:
            warnings.warn(
                f"This ImageDataGenerator specifies `{setting}`, but it hasn't been fit on any "
                "training data. Fit it first by calling `.fit(numpy_data)`.",
                stacklevel=4,
            )
        return statistic is not None

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Finds the mean, the deviation and the components that "featurewise" and "zca" need.

        `x` is a batch of images, rescaled first if the settings say so; with `augment`, the
        statistics are those of `rounds` times as many images transformed at random.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(
                f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}"
            )
        warn_of_channels("Input to `.fit()`", x.shape, self.data_format, self.channel_axis)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            x = np.concatenate([self._randomly(x) for _ in range(rounds)])

        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=axes, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=axes, keepdims=True)[0]
            x /= self.std + 1e-6
        if self.zca_whitening:
            flat = x.reshape(len(x), -1)
            u, s, _ = _svd()(flat.T @ flat / len(flat))
            self.principal_components = (u / np.sqrt(s + self.zca_epsilon)) @ u.T

    def _randomly(self, images):
        if self.works_on(images):
            return self._transform(images.copy(), self._draw(len(images), images.shape[1:]))
        return np.stack([self.random_transform(image) for image in images])


def _svd():
    # SciPy's as in Keras: of fewer images than pixels, components are rounding errors made large,
    # and those of NumPy's LAPACK are others.
    try:
        from scipy.linalg import svd
    except ImportError as error:
        raise ImportError("`zca_whitening` needs SciPy: pip install kforge[image]") from error
    return svd


def warn_of_channels(what, shape, data_format, channel_axis):
    """Warns where the axis of channels of a batch of images is not one of 1, 3 or 4."""
    if shape[channel_axis] not in (1, 3, 4):
        warnings.warn(
            f'{what} is expected to be images in the data format "{data_format}", i.e. with '
            f"either 1, 3 or 4 channels on axis {channel_axis}. However, it has shape {shape} "
            f"({shape[channel_axis]} channels).",
            stacklevel=3,
        )

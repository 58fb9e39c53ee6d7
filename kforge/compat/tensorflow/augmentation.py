"""`tf.image`: what changes images at random or by numbers, and crops and pads them."""

import math

import torch

from ... import backend as K
from ...backend.random import operation_seed, stream
from ...backend.values import mixed_shape, sizes
from .arrays import pad, slice
from .flow import cond
from .image import flip_left_right, flip_up_down, resize_images
from .values import apply, convert, known, tensor

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "central_crop",
    "crop_to_bounding_box",
    "hsv_to_rgb",
    "image_gradients",
    "pad_to_bounding_box",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "random_hue",
    "random_saturation",
    "resize_image_with_crop_or_pad",
    "resize_image_with_pad",
    "resize_with_crop_or_pad",
    "resize_with_pad",
    "rgb_to_hsv",
    "rgb_to_yuv",
    "rot90",
    "sobel_edges",
    "transpose_image",
    "yuv_to_rgb",
]

# ---- geometry -----------------------------------------------------------------------------------


def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """The part of images that begins at the offsets and has this size."""
    x = tensor(image)
    rest = [0] * (len(x.shape) - 3)
    begin = [*rest, offset_height, offset_width, 0]
    return slice(x, begin, [*(-1 for _ in rest), target_height, target_width, -1])


def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """Images with zeros around, so that they begin at the offsets and have this size."""
    x = tensor(image)
    rows, cols = K.shape(x)[-3], K.shape(x)[-2]
    rows, cols = (n if n is not None else k for n, k in zip(x.shape[-3:-1], (rows, cols)))
    amounts = [[0, 0]] * (len(x.shape) - 3)
    amounts += [[offset_height, target_height - offset_height - rows]]
    amounts += [[offset_width, target_width - offset_width - cols], [0, 0]]
    return pad(x, amounts)


def resize_image_with_crop_or_pad(image, target_height, target_width):
    """Images cut, or with zeros around, evenly on both sides, so that they have this size."""
    return apply(_fit, tensor(image), known(target_height), known(target_width))


resize_with_crop_or_pad = resize_image_with_crop_or_pad


def _fit(x, *sizes):
    for axis, wanted in zip((-3, -2), sizes):
        n = x.shape[axis]
        if n > wanted:
            x = x.narrow(axis, (n - wanted) // 2, wanted)
        elif n < wanted:
            before = (wanted - n) // 2
            amounts = [0, 0] * (-1 - axis) + [before, wanted - n - before]
            x = torch.nn.functional.pad(x, amounts)
    return x


def resize_image_with_pad(image, target_height, target_width, method=0, align_corners=False):
    """Images resized as far as they fit, with zeros around so that they have this size."""
    x = tensor(image)
    rows, cols = x.shape[-3:-1]
    if None in (rows, cols):
        raise ValueError(f"resize_image_with_pad needs known sizes. Got shape {tuple(x.shape)}.")
    ratio = max(cols / target_width, rows / target_height)
    size = [math.floor(rows / ratio), math.floor(cols / ratio)]
    found = resize_images(x, size, method, align_corners)
    offsets = [max(0, (t - n) // 2) for n, t in zip(size, (target_height, target_width))]
    return pad_to_bounding_box(found, *offsets, target_height, target_width)


resize_with_pad = resize_image_with_pad


def central_crop(image, central_fraction):
    """The middle of images."""
    if not 0.0 < central_fraction <= 1.0:
        raise ValueError("central_fraction must be within (0, 1]")
    return apply(_middle, tensor(image), central_fraction)


def _middle(x, fraction):
    for axis in (-3, -2):
        n = x.shape[axis]
        start = int((n - n * fraction) / 2)
        x = x.narrow(axis, start, n - 2 * start)
    return x


def rot90(image, k=1):
    """Images turned to the left by quarters."""
    return torch.rot90(tensor(image), known(k), [-3, -2])


def transpose_image(image):
    """Rows and columns of images exchanged."""
    return tensor(image).transpose(-3, -2)


# ---- colours ------------------------------------------------------------------------------------

_YUV = [
    [0.299, -0.14714119, 0.61497538],
    [0.587, -0.28886916, -0.51496512],
    [0.114, 0.43601035, -0.10001026],
]
_RGB = [[1.0, 1.0, 1.0], [0.0, -0.394642334, 2.03206185], [1.13988303, -0.58062185, 0.0]]


def rgb_to_yuv(images):
    """Brightness and two colour channels of red, green and blue ones."""
    return tensor(images) @ convert(_YUV)


def yuv_to_rgb(images):
    """Red, green and blue of brightness and two colour channels."""
    return tensor(images) @ convert(_RGB)


def rgb_to_hsv(images):
    """Hue, saturation and value, from 0 to 1, of red, green and blue."""
    x = tensor(images)
    red, green, blue = (x[..., i] for i in range(3))
    high, low = K.max(x, -1), K.min(x, -1)
    spread = high - low
    safe = torch.where(torch.eq(spread, 0), K.ones_like(spread), spread)
    hue = torch.where(
        torch.eq(high, red),
        (green - blue) / safe,
        torch.where(torch.eq(high, green), (blue - red) / safe + 2.0, (red - green) / safe + 4.0),
    )
    hue = torch.where(torch.eq(spread, 0), K.zeros_like(hue), torch.remainder(hue / 6.0, 1.0))
    positive = torch.where(high > 0, high, K.ones_like(high))
    saturation = torch.where(high > 0, spread / positive, K.zeros_like(high))
    return torch.stack([hue, saturation, high], -1)


def hsv_to_rgb(images):
    """Red, green and blue of hue, saturation and value."""
    x = tensor(images)
    hue, saturation, value = (x[..., i : i + 1] for i in range(3))
    sixth = hue * 6.0
    shifted = torch.cat([torch.abs(sixth - 3.0) - 1.0, 2.0 - torch.abs(sixth - 2.0)], -1)
    shifted = torch.cat([shifted, 2.0 - torch.abs(sixth - 4.0)], -1)
    return ((K.clip(shifted, 0.0, 1.0) - 1.0) * saturation + 1.0) * value


def adjust_brightness(image, delta):
    """Images with `delta` added."""
    return tensor(image) + delta


def adjust_contrast(images, contrast_factor):
    """Images whose distances from their channels' means are multiplied."""
    x = tensor(images)
    mean = K.mean(x, (-3, -2), keepdims=True)
    return (x - mean) * contrast_factor + mean


def adjust_gamma(image, gamma=1, gain=1):
    """``gain * image ** gamma``."""
    return gain * tensor(image) ** gamma


def adjust_hue(image, delta):
    """Images whose hue, from 0 to 1, is turned by `delta`."""
    hsv = rgb_to_hsv(image)
    hue = torch.remainder(hsv[..., :1] + delta, 1.0)
    return hsv_to_rgb(torch.cat([hue, hsv[..., 1:]], -1))


def adjust_saturation(image, saturation_factor):
    """Images whose saturation is multiplied."""
    hsv = rgb_to_hsv(image)
    saturation = K.clip(hsv[..., 1:2] * saturation_factor, 0.0, 1.0)
    return hsv_to_rgb(torch.cat([hsv[..., :1], saturation, hsv[..., 2:]], -1))


def image_gradients(image):
    """(differences to the row below, to the column on the right), 0 at the end."""
    x = tensor(image)
    rows, cols = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    return pad(rows, [[0, 0], [0, 1], [0, 0], [0, 0]]), pad(cols, [[0, 0], [0, 0], [0, 1], [0, 0]])


def sobel_edges(image):
    """Sobel's differences along rows and columns: (..., channels, 2)."""
    x = pad(tensor(image), [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT")
    rows = x[:, 2:] - x[:, :-2]
    rows = rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]
    cols = x[:, :, 2:] - x[:, :, :-2]
    cols = cols[:, :-2] + 2 * cols[:, 1:-1] + cols[:, 2:]
    return torch.stack([rows, cols], -1)


# ---- at random ----------------------------------------------------------------------------------


def _flip_at_random(flip):
    def random_flip(image, seed=None):
        x = tensor(image)
        if len(x.shape) == 3:
            return cond(
                K.random_uniform((), seed=operation_seed(seed)) < 0.5, lambda: flip(x), lambda: x
            )
        chance = K.random_uniform(
            [K.shape(x)[0], 1, 1, 1], dtype="float32", seed=operation_seed(seed)
        )
        return torch.where(chance < 0.5, flip(x), x)

    random_flip.__doc__ = f"Each image as `{flip.__name__}` gives it, or as it is, by chance."
    return random_flip


random_flip_left_right = _flip_at_random(flip_left_right)
random_flip_up_down = _flip_at_random(flip_up_down)


def _between(low, high, seed):
    return K.random_uniform((), low, high, dtype="float32", seed=operation_seed(seed))


def random_brightness(image, max_delta, seed=None):
    """`adjust_brightness` by up to `max_delta` more or less."""
    return adjust_brightness(image, _between(-max_delta, max_delta, seed))


def random_contrast(image, lower, upper, seed=None):
    """`adjust_contrast` by a factor between the two."""
    return adjust_contrast(image, _between(lower, upper, seed))


def random_hue(image, max_delta, seed=None):
    """`adjust_hue` by up to `max_delta` more or less."""
    return adjust_hue(image, _between(-max_delta, max_delta, seed))


def random_saturation(image, lower, upper, seed=None):
    """`adjust_saturation` by a factor between the two."""
    return adjust_saturation(image, _between(lower, upper, seed))


def random_crop(value, size, seed=None):
    """A part of a tensor that has this size, at a place drawn evenly."""
    return apply(_crop, tensor(value), mixed_shape(known(size)), stream(operation_seed(seed)))


def _crop(x, size, generator):
    for axis, wanted in enumerate(sizes(size)):
        if wanted > x.shape[axis]:
            raise ValueError(f"random_crop: size {sizes(size)} is more than {tuple(x.shape)}.")
        if x.is_meta or wanted == x.shape[axis]:
            start = 0
        else:
            device = "cpu" if generator is None else generator.device
            above = x.shape[axis] - wanted + 1
            start = int(torch.randint(above, (), generator=generator, device=device))
        x = x.narrow(axis, start, wanted)
    return x

"""`tf.image`: resizing, patches, boxes."""

import math

import torch
import torch.nn.functional as F

from ... import backend as K
from ...backend.values import mixed_shape, sizes
from ...dtypes import torch_dtype
from .values import apply, convert, declared, known, tensor

__all__ = [
    "ResizeMethod",
    "convert_image_dtype",
    "crop_and_resize",
    "extract_image_patches",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "non_max_suppression",
    "per_image_standardization",
    "psnr",
    "resize",
    "resize_bicubic",
    "resize_bilinear",
    "resize_images",
    "resize_nearest_neighbor",
    "rgb_to_grayscale",
    "ssim",
    "total_variation",
]

# ---- resizing -----------------------------------------------------------------------------------


class ResizeMethod:
    """Ways to resize, as numbers."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC, AREA = range(4)


_METHODS = {0: "bilinear", 1: "nearest", 2: "bicubic"}


def resize_images(
    images, size, method=ResizeMethod.BILINEAR, align_corners=False, preserve_aspect_ratio=False
):
    """Images, a batch or one, in another size (rows, columns), which may be a tensor.

    As in TensorFlow 1, pixels are points at whole numbers, not squares around halves.
    """
    method = _METHODS.get(method, method)
    if method not in _TAPS:
        raise ValueError(f"resize: method {method!r} is not offered; expected one of {[*_TAPS]}.")
    if preserve_aspect_ratio:
        raise ValueError("resize: preserve_aspect_ratio is not offered; compute the size yourself.")
    x = tensor(images)
    if len(x.shape) == 3:
        return _resized(x.unsqueeze(0), size, method, align_corners).squeeze(0)
    return _resized(x, size, method, align_corners)


resize = resize_images


def resize_bilinear(images, size, align_corners=False, half_pixel_centers=False):
    """`resize_images` by bilinear interpolation."""
    return _resized(tensor(images), size, "bilinear", align_corners, half_pixel_centers)


def resize_nearest_neighbor(images, size, align_corners=False, half_pixel_centers=False):
    """`resize_images` by repeating and leaving out pixels."""
    return _resized(tensor(images), size, "nearest", align_corners, half_pixel_centers)


def resize_bicubic(images, size, align_corners=False, half_pixel_centers=False):
    """`resize_images` by bicubic interpolation."""
    return _resized(tensor(images), size, "bicubic", align_corners, half_pixel_centers)


def _resized(x, size, method, align_corners, half_pixel_centers=False):
    size = mixed_shape(known(size))
    return apply(_resample, x, size, method, align_corners, half_pixel_centers)


def _resample(x, size, method, align_corners, half_pixel_centers):
    dtype = x.dtype
    if method != "nearest":
        x = x.float() if not x.dtype.is_floating_point else x
    for axis, wanted in zip((1, 2), sizes(size)):
        if wanted != x.shape[axis]:
            x = _along(x, axis, wanted, method, align_corners, half_pixel_centers)
    return x.to(dtype) if method == "nearest" else x


def _along(x, axis, wanted, method, align_corners, half_pixel_centers):
    """`x` resized along one axis: sums of weighted slices."""
    n = x.shape[axis]
    corners = align_corners and wanted > 1
    scale = (n - 1) / (wanted - 1) if corners else n / wanted
    places = torch.arange(wanted, device=x.device, dtype=torch.float32)
    places = (places + 0.5) * scale - 0.5 if half_pixel_centers else places * scale
    if method == "nearest" and half_pixel_centers:
        places = places + 0.5
    shape = [-1 if i == axis else 1 for i in range(4)]
    total = None
    for index, weight in _TAPS[method](places, align_corners):
        part = x.index_select(axis, index.to(torch.int64).clamp(0, n - 1))
        part = part if weight is None else part * weight.to(x.dtype).reshape(shape)
        total = part if total is None else total + part
    return total


def _nearest(places, align_corners):
    return [((places + 0.5).floor() if align_corners else places.floor(), None)]


def _bilinear(places, align_corners):
    below = places.floor()
    return [(below, 1 - (places - below)), (below + 1, places - below)]


def _bicubic(places, align_corners):
    below, a = places.floor(), -0.75
    taps = []
    for offset in (-1, 0, 1, 2):
        d = (places - below - offset).abs()
        near = ((a + 2) * d - (a + 3)) * d * d + 1
        far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
        taps.append((below + offset, torch.where(d <= 1, near, far)))
    return taps


_TAPS = {"nearest": _nearest, "bilinear": _bilinear, "bicubic": _bicubic}

# ---- pixels -------------------------------------------------------------------------------------


def extract_patches(images, sizes, strides, rates, padding):
    """Windows of images, flat: (batch, rows, columns, window rows * window columns * channels)."""
    (rows, cols), strides, rates = (tuple(known(s)[1:3]) for s in (sizes, strides, rates))
    reach = [(k - 1) * r + 1 for k, r in zip((rows, cols), rates)]
    return apply(_patches, tensor(images), (rows, cols), reach, strides, rates, padding.upper())


extract_image_patches = extract_patches


def _patches(x, window, reach, strides, rates, padding):
    if padding == "SAME":
        amounts = [
            max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(x.shape[1:3], reach, strides)
        ]
        x = F.pad(x, [0, 0, *(n for a in reversed(amounts) for n in (a // 2, a - a // 2))])
    for axis, (k, s, r) in enumerate(zip(reach, strides, rates)):
        x = x.unfold(axis + 1, k, s)[..., ::r]  # (batch, rows, cols, channels, window rows, ...)
    return x.permute(0, 1, 2, 4, 5, 3).flatten(3)


def flip_left_right(image):
    """Images mirrored, left to right."""
    return torch.flip(tensor(image), [-2])


def flip_up_down(image):
    """Images upside down."""
    return torch.flip(tensor(image), [-3])


def rgb_to_grayscale(images):
    """The brightness of images, in one channel."""
    weights = K.constant([0.2989, 0.587, 0.114])
    return K.sum(tensor(images) * weights, -1, keepdims=True)


def grayscale_to_rgb(images):
    """The only channel three times."""
    return K.repeat_elements(tensor(images), 3, -1)


def convert_image_dtype(image, dtype, saturate=False):
    """Images as numbers from 0 to 1 if `dtype` is floating, else from 0 to its greatest.

    With `saturate` values beyond become the least or the greatest of `dtype`.
    """
    x, wanted = tensor(image), K.cast(K.constant(0.0), dtype).dtype
    if x.dtype == wanted:
        return x
    if wanted.is_floating_point:
        scale = 1 if x.dtype.is_floating_point else torch.iinfo(torch_dtype(x.dtype)).max
        return K.cast(x, wanted) * (1 / scale)
    limits = torch.iinfo(torch_dtype(wanted))
    if x.dtype.is_floating_point:
        x = x * (limits.max + 0.5)
    else:
        top, most = torch.iinfo(torch_dtype(x.dtype)).max, limits.max
        x = x // ((top + 1) // (most + 1)) if top > most else K.cast(x, "int64")
        x = x * max((most + 1) // (top + 1), 1)
    return K.cast(K.clip(x, limits.min, limits.max) if saturate else x, wanted)


def per_image_standardization(image):
    """Each image with mean 0 and variance 1."""
    x = K.cast(tensor(image), "float32")
    axes = (-3, -2, -1)
    count = K.cast(K.prod(K.shape(x)[-3:]), "float32")
    spread = torch.maximum(K.std(x, axes, keepdims=True), torch.rsqrt(count))
    return (x - K.mean(x, axes, keepdims=True)) / spread


def total_variation(images):
    """The sum of the differences between neighbouring pixels, for each image."""
    x = tensor(images)
    down = torch.abs(x[..., 1:, :, :] - x[..., :-1, :, :])
    right = torch.abs(x[..., :, 1:, :] - x[..., :, :-1, :])
    axes = (-3, -2, -1)
    return K.sum(down, axes) + K.sum(right, axes)


def psnr(a, b, max_val):
    """The peak signal-to-noise ratio of images, in dB."""
    error = K.mean(torch.square(tensor(a) - tensor(b)), (-3, -2, -1))
    return 20 * math.log10(max_val) - 10 * torch.log10(error)


def ssim(img1, img2, max_val, filter_size=11, filter_sigma=1.5, k1=0.01, k2=0.03):
    """How similar the structure of images is (Wang et al., 2004), one number an image."""
    places = torch.arange(filter_size, dtype=torch.float32) - (filter_size - 1) / 2
    weights = torch.softmax(-(places**2) / (2 * filter_sigma**2), 0)
    window = K.constant((weights[:, None] * weights).numpy())

    def smooth(x):
        x = torch.movedim(x, -1, -3).unsqueeze(-3)
        flat = x.flatten(0, -4)
        found = F.conv2d(flat, window.reshape(1, 1, filter_size, filter_size))
        return found.unflatten(0, (-1, img1.shape[-1])).squeeze(2)  # (images, channels, ...)

    x, y = tensor(img1), tensor(img2)
    mean_x, mean_y = smooth(x), smooth(y)
    products = mean_x * mean_y
    squares = torch.square(mean_x) + torch.square(mean_y)
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    brightness = (2 * products + c1) / (squares + c1)
    covariance = smooth(x * y) * 2 - 2 * products
    variances = smooth(torch.square(x) + torch.square(y)) - squares
    return K.mean(brightness * (covariance + c2) / (variances + c2), (-3, -2, -1))


# ---- boxes: (y1, x1, y2, x2) -------------------------------------------------------------------


def non_max_suppression(
    boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=float("-inf")
):
    """Numbers of boxes, the highest score first, none of which overlaps a better one too much."""
    args = (tensor(boxes), tensor(scores), max_output_size, iou_threshold, score_threshold)
    return declared(_suppress, args, (None,), torch.int32)


def _suppress(boxes, scores, most, iou_threshold, score_threshold):
    most = int(most)
    order = torch.argsort(scores, descending=True, stable=True)
    order = order[scores[order] > score_threshold]
    tops, lefts = torch.minimum(boxes[:, :2], boxes[:, 2:]).unbind(1)
    bottoms, rights = torch.maximum(boxes[:, :2], boxes[:, 2:]).unbind(1)
    areas = (bottoms - tops) * (rights - lefts)
    kept = []
    while len(order) and len(kept) < most:
        best, order = order[0], order[1:]
        kept.append(best)
        height = torch.minimum(bottoms[best], bottoms[order]) - torch.maximum(
            tops[best], tops[order]
        )
        width = torch.minimum(rights[best], rights[order]) - torch.maximum(
            lefts[best], lefts[order]
        )
        shared = height.clamp(min=0) * width.clamp(min=0)
        union = areas[best] + areas[order] - shared
        overlap = torch.where(union > 0, shared / union, torch.zeros_like(shared))
        order = order[overlap <= iou_threshold]
    found = torch.stack(kept) if kept else order[:0]
    return found.to(torch.int32)


def crop_and_resize(
    image, boxes, box_indices, crop_size, method="bilinear", extrapolation_value=0.0
):
    """Parts of images, `boxes` in numbers from 0 to 1 of their sizes, each resized to `crop_size`.

    `box_indices` says which image each box is of. What lies beyond it is `extrapolation_value`.
    """
    if method not in ("bilinear", "nearest"):
        raise ValueError(f"crop_and_resize: method {method!r}; expected 'bilinear' or 'nearest'.")
    image = tensor(image)
    image = image if image.dtype.is_floating_point else K.cast(image, "float32")
    args = (image, tensor(boxes), K.cast(convert(box_indices), "int64"))
    return apply(_crops, *args, mixed_shape(known(crop_size)), method, extrapolation_value)


def _crops(image, boxes, which, crop_size, method, outside):
    rows, cols = sizes(crop_size)
    height, width = image.shape[1:3]
    y, in_y = _sampling(boxes[:, 0], boxes[:, 2], rows, height)
    x, in_x = _sampling(boxes[:, 1], boxes[:, 3], cols, width)

    def pixels(y, x):
        y, x = y.to(torch.int64).clamp(0, height - 1), x.to(torch.int64).clamp(0, width - 1)
        return image[which[:, None, None], y[:, :, None], x[:, None, :]]

    if method == "nearest":
        found = pixels(torch.round(y), torch.round(x))
    else:
        top, left = y.floor(), x.floor()
        dy, dx = (y - top)[:, :, None, None], (x - left)[:, None, :, None]
        above = torch.lerp(pixels(top, left), pixels(top, left + 1), dx)
        below = torch.lerp(pixels(top + 1, left), pixels(top + 1, left + 1), dx)
        found = torch.lerp(above, below, dy)
    inside = (in_y[:, :, None] & in_x[:, None, :]).unsqueeze(-1)
    return torch.where(inside, found, torch.full_like(found, outside))


def _sampling(start, end, count, size):
    """Where along an axis each box is looked at, and whether that is in the image."""
    if count > 1:
        steps = torch.arange(count, device=start.device, dtype=start.dtype) / (count - 1)
        places = (start[:, None] + (end - start)[:, None] * steps) * (size - 1)
    else:
        places = (start + end)[:, None] * 0.5 * (size - 1)
    return places, (places >= 0) & (places <= size - 1)

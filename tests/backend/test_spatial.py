"""Windows: TensorFlow's padding, against sums over explicit windows."""

import itertools

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import lowering
from kforge.backend import spatial

RANDOM = np.random.RandomState(0)
CASES = list(itertools.product((5, 6, 7), (1, 2, 3, 4), (1, 2, 3), ("valid", "same")))


def windows(size, window, stride, padding, dilation=1):
    """The indices that each window of TensorFlow covers, those outside included."""
    reach = (window - 1) * dilation + 1
    if padding == "same":
        count = -(-size // stride)
        start = -(max((count - 1) * stride + reach - size, 0) // 2)
    else:
        count, start = (size - reach) // stride + 1, 0
    return [[start + i * stride + j * dilation for j in range(window)] for i in range(count)]


def fed(function, x, shape):
    """The value of a function of a placeholder of that shape, which must tell its static shape."""
    p = K.placeholder(shape)
    y = function(p)
    value = K.function([p], [y])([x])[0]
    assert all(a in (None, b) for a, b in zip(K.int_shape(y), value.shape))
    return value


@pytest.mark.parametrize("size, window, stride, padding", CASES)
def test_windows(size, window, stride, padding):
    x = RANDOM.randn(2, size, 1).astype("float32")
    kernel = RANDOM.randn(window, 1, 1).astype("float32")
    seen = windows(size, window, stride, padding)
    inside = [[(i, j) for j, i in enumerate(w) if 0 <= i < size] for w in seen]

    wanted = [sum(x[:, i, 0] * kernel[j, 0, 0] for i, j in w) for w in inside]
    for shape in ((None, size, 1), (None, None, 1)):
        found = fed(lambda p: K.conv1d(p, kernel, stride, padding), x, shape)
        np.testing.assert_allclose(found[..., 0], np.transpose(wanted), rtol=1e-4, atol=1e-5)

    for mode, reduce in (("max", np.max), ("avg", np.mean)):
        wanted = [reduce([x[:, i, 0] for i, _ in w], axis=0) for w in inside]
        for shape in ((None, size, 1), (None, None, 1)):
            found = fed(
                lambda p, m=mode: spatial.pool(p, window, stride, padding, mode=m), x, shape
            )
            np.testing.assert_allclose(found[..., 0], np.transpose(wanted), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size, window, stride, padding", CASES)
def test_transposed_convolution_is_the_gradient_of_convolution(size, window, stride, padding):
    x, kernel = K.variable(RANDOM.randn(2, size, size, 3)), RANDOM.randn(window, window, 3, 4)
    y = K.conv2d(x, kernel, (stride, stride), padding)
    g = RANDOM.randn(*K.int_shape(y)).astype("float32")
    found, wanted = K.function(
        [],
        [
            K.conv2d_transpose(g, kernel, K.int_shape(x), (stride, stride), padding),
            *K.gradients(K.sum(y * g), x),
        ],
    )([])
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("padding, wanted", [("same", 6), ("valid", 7)])
def test_sizes_of_transposed_convolution(padding, wanted):
    assert spatial.conv_transpose_length(3, 3, 2, padding) == wanted
    assert spatial.conv_transpose_length(None, 3, 2, padding) is None
    x, kernel = RANDOM.randn(1, 3, 2).astype("float32"), torch.ones(2, 1, 3)
    for shape in ((None, 3, 2), (None, None, 2)):
        found = fed(lambda p: spatial.conv_transpose(p, kernel, None, 2, padding), x, shape)
        assert found.shape == (1, wanted, 1)


@pytest.mark.parametrize(
    "padding, extra, wanted", [("same", 0, 5), ("same", 1, 6), ("valid", 1, 8)]
)
def test_output_padding_makes_it_longer(padding, extra, wanted):
    x, kernel = RANDOM.randn(1, 3, 2).astype("float32"), torch.ones(2, 1, 3)
    for shape in ((None, 3, 2), (None, None, 2)):
        found = fed(
            lambda p: spatial.conv_transpose(p, kernel, None, 2, padding, output_padding=extra),
            x,
            shape,
        )
        assert found.shape == (1, wanted, 1)


def test_output_sizes_may_be_tensors():
    x, kernel = K.placeholder((None, None, None, 1)), np.ones((2, 2, 1, 1), "float32")
    shape = (K.shape(x)[0], K.shape(x)[1] * 2, K.shape(x)[2] * 2, 1)
    y = K.conv2d_transpose(x, kernel, shape, (2, 2))
    assert K.int_shape(y) == (None, None, None, 1)
    np.testing.assert_array_equal(
        K.function([x], [y])([np.ones((2, 3, 4, 1))])[0], np.ones((2, 6, 8, 1))
    )


def test_causal_outputs_do_not_see_later_steps():
    x = np.zeros((1, 6, 1), "float32")
    x[0, 3] = 1
    found = K.eval(K.conv1d(x, np.ones((2, 1, 1), "float32"), 1, "causal", dilation_rate=2))
    assert found.ravel().tolist() == [0, 0, 0, 1, 0, 1]


def test_both_data_formats_agree():
    x = RANDOM.randn(2, 6, 5, 3).astype("float32")
    kernel, depthwise = RANDOM.randn(3, 2, 3, 4), RANDOM.randn(3, 2, 3, 2)
    first = x.transpose(0, 3, 1, 2)
    for function in (
        lambda x, f: K.conv2d(x, kernel, (2, 1), "same", f),
        lambda x, f: K.depthwise_conv2d(x, depthwise, padding="same", data_format=f),
        lambda x, f: K.pool2d(x, (2, 3), (2, 2), "same", f, "avg"),
        lambda x, f: K.local_conv2d(x, np.ones((16, 18, 2)), (3, 2), (1, 1), (4, 4), f),
    ):
        last = K.eval(function(x, "channels_last"))
        np.testing.assert_allclose(
            K.eval(function(first, "channels_first")).transpose(0, 2, 3, 1), last, 1e-4, 1e-4
        )


def test_channels_last_images_are_not_copied():
    x = torch.randn(2, 5, 4, 3)
    assert spatial.channels_first(x, "channels_last").data_ptr() == x.data_ptr()
    y = spatial.conv(x, torch.randn(8, 3, 3, 3), padding="same", data_format="channels_last")
    assert y.is_contiguous()


def test_what_cannot_be_done():
    x = K.ones((1, 5, 5, 1))
    with pytest.raises(ValueError, match="Invalid padding: 'full'"):
        K.conv2d(x, np.ones((2, 2, 1, 1)), padding="full")
    with pytest.raises(ValueError, match="Invalid pooling mode"):
        K.pool2d(x, (2, 2), pool_mode="sum")
    with pytest.raises(ValueError, match="one number or 2"):
        K.pool2d(x, (2, 2, 2))
    with pytest.raises(ValueError, match="data_format"):
        K.conv2d(x, np.ones((2, 2, 1, 1)), data_format="nhwc")


def test_a_window_of_one_value_with_strides_that_differ():
    """Gradients included: where strides differ, torch's own kernel for them spoils memory."""
    x = torch.randn(3, 6, 9, 2, requires_grad=True)
    kernel = torch.randn(5, 2, 1, 1, requires_grad=True)
    found = spatial.conv(x, kernel, strides=(3, 1), padding="same", data_format="channels_last")
    wanted = torch.einsum("nhwi,oi->nhwo", x[:, ::3], kernel[:, :, 0, 0])
    torch.testing.assert_close(found, wanted)
    weights = torch.randn_like(found)
    for a, b in zip(*(torch.autograd.grad(y, [x, kernel], weights) for y in (found, wanted))):
        torch.testing.assert_close(a, b)
    again = lowering_of(lambda p: K.conv2d(p, kernel.detach().permute(2, 3, 1, 0), (3, 1), "same"))
    assert "(1, 1)" in again and "(3, 1)" not in again


def lowering_of(function):
    """The code that a function of images is lowered to."""
    p = K.placeholder((None, 6, 9, 2))
    return lowering.lower([function(p)], [p]).module.code


def test_inputs_as_tensorflow_takes_them():
    x, name = K._preprocess_conv2d_input(K.placeholder((None, 3, 8, 9)), "channels_first")
    assert tuple(x.shape) == (None, 8, 9, 3) and name == "NHWC"
    assert K._preprocess_padding("same") == "SAME"
    with pytest.raises(ValueError, match="full"):
        K._preprocess_padding("full")

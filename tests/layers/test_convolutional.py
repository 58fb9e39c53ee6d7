"""Convolutions: padding, sizes, layouts of kernels, errors, and classes that scripts derive."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import layers as L
from kforge import lowering, models
from kforge.engine import InputSpec
from kforge.layers.convolutional import KERNELS


def model_of(layer, shape):
    x = L.Input(shape)
    return models.Model(x, layer(x))


@pytest.mark.parametrize("size", [5, 6, 7, 8])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_same_padding_puts_the_odd_zero_at_the_end(size, strides, window):
    layer = L.Conv1D(1, window, strides=strides, padding="same", use_bias=False)
    model = model_of(layer, (size, 1))
    kernel = np.arange(1.0, window + 1)
    layer.set_weights([kernel.reshape(-1, 1, 1)])
    x = np.random.RandomState(0).normal(size=size).astype("float32")
    outputs = -(-size // strides)
    missing = max((outputs - 1) * strides + window - size, 0)
    padded = np.pad(x, (missing // 2, missing - missing // 2 + window))
    wanted = [np.dot(padded[i * strides :][:window], kernel) for i in range(outputs)]
    found = model.predict(x.reshape(1, -1, 1)).ravel()
    np.testing.assert_allclose(found, wanted, 1e-5, 1e-5)
    unknown = model_of(layer, (None, 1)).predict(x.reshape(1, -1, 1)).ravel()
    np.testing.assert_array_equal(unknown, found)


def test_causal_outputs_do_not_see_later_steps():
    model = model_of(L.Conv1D(2, 3, padding="causal", dilation_rate=2), (8, 2))
    x = np.random.RandomState(0).normal(size=(1, 8, 2)).astype("float32")
    before = model.predict(x)
    x[:, 5:] = 0.0
    np.testing.assert_array_equal(model.predict(x)[:, :5], before[:, :5])


def test_causal_works_with_channels_first_too():
    last = L.Conv1D(2, 3, padding="causal")
    first = L.Conv1D(2, 3, padding="causal", data_format="channels_first")
    a, b = model_of(last, (8, 4)), model_of(first, (4, 8))
    first.set_weights(last.get_weights())
    x = np.random.RandomState(0).normal(size=(1, 8, 4)).astype("float32")
    wanted = a.predict(x).transpose(0, 2, 1)
    np.testing.assert_allclose(b.predict(x.transpose(0, 2, 1)), wanted, 1e-5, 1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_kernels_lie_in_memory_as_the_images_do(rank):
    layer = getattr(L, f"Conv{rank}D")(4, 3)
    layer(L.Input((5,) * rank + (2,)))
    assert tuple(layer.kernel.shape) == (3,) * rank + (2, 4)
    stored = layer.kernel.native
    assert stored.shape == (4, 2) + (3,) * rank and stored.stride(1) == 1
    rng = np.random.RandomState(0)
    value = rng.normal(size=(3,) * rank + (2, 4)).astype("float32")
    layer.set_weights([value, np.zeros(4)])
    np.testing.assert_array_equal(KERNELS[rank].to_keras(stored).detach().cpu(), value)


def test_only_views_are_made_of_kernels():
    model = model_of(L.SeparableConv2D(4, 3, depth_multiplier=2, use_bias=False), (6, 6, 3))
    lowered = lowering.lower(model.outputs, model.inputs)
    called = {str(node.target) for node in lowered.module.graph.nodes if node.op != "placeholder"}
    assert not [name for name in called if "contiguous" in name or "reshape" in name]


def test_a_stored_depthwise_kernel_is_a_view_too():
    layer = L.DepthwiseConv2D(3, depth_multiplier=2)
    layer(L.Input((6, 6, 3)))
    kernel = layer.depthwise_kernel
    assert tuple(kernel.shape) == (3, 3, 3, 2) and kernel.native.shape == (6, 1, 3, 3)
    assert kernel.view.data_ptr() == kernel.native.data_ptr()


def test_transposed_convolution_is_the_gradient_of_convolution():
    """For every padding, also with sizes that are not known when the model is built."""
    rng = np.random.RandomState(0)
    for padding in ("valid", "same"):
        for size in (None, 4):
            layer = L.Conv2DTranspose(2, 3, strides=2, padding=padding, use_bias=False)
            model = model_of(layer, (size, size, 3))
            x = rng.normal(size=(1, 4, 4, 3)).astype("float32")
            found = model.predict(x)
            image = K.variable(np.zeros(found.shape))
            back = K.conv2d(image, layer.kernel, (2, 2), padding)
            wanted = K.gradients(K.sum(back * K.constant(x)), [image])[0]
            np.testing.assert_allclose(found, K.eval(wanted), 1e-4, 1e-5)


def test_scripts_derive_classes():
    class Scaled(L.Conv2D):
        """Weights with another name and initializer, and a call that uses K, as scripts do."""

        def build(self, input_shape):
            super().build(input_shape)
            self.scale = self.add_weight("scale", (self.filters,), initializer="ones")

        def call(self, inputs):
            kernel = self.kernel * self.scale
            out = K.conv2d(inputs, kernel, self.strides, self.padding, self.data_format)
            return self.activation(K.bias_add(out, self.bias))

    layer = Scaled(3, 3, padding="same", activation="relu")
    model = model_of(layer, (5, 5, 2))
    plain = L.Conv2D(3, 3, padding="same", activation="relu")
    reference = model_of(plain, (5, 5, 2))
    plain.set_weights(layer.get_weights()[:2])
    x = np.random.RandomState(0).normal(size=(2, 5, 5, 2)).astype("float32")
    np.testing.assert_allclose(model.predict(x), reference.predict(x), 1e-5, 1e-6)
    assert len(layer.trainable_weights) == 3
    assert layer.get_config()["filters"] == 3


def test_a_derived_class_may_take_several_inputs():
    class Masked(L.Conv2D):
        """A convolution of images where a mask is 1, and the mask of its outputs."""

        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.input_spec = [InputSpec(ndim=4), InputSpec(ndim=4)]

        def build(self, input_shape):
            super().build(input_shape[0])
            self.input_spec = [self.input_spec, self.input_spec]

        def call(self, inputs):
            image, mask = inputs
            seen = K.max(K.pool2d(mask, self.kernel_size), -1, keepdims=True)
            return [super().call(image * mask), seen]

        def compute_output_shape(self, input_shape):
            shape = super().compute_output_shape(input_shape[0])
            return [shape, (*shape[:-1], 1)]

    layer, plain = Masked(3, 2), L.Conv2D(3, 2)
    inputs = [L.Input((5, 5, 2)), L.Input((5, 5, 2))]
    model, reference = models.Model(inputs, layer(inputs)), model_of(plain, (5, 5, 2))
    plain.set_weights(layer.get_weights())
    x = np.random.RandomState(0).normal(size=(2, 5, 5, 2)).astype("float32")
    mask = np.zeros_like(x)
    mask[:, 0, 0] = 1.0
    found, seen = model.predict([x, mask])
    np.testing.assert_allclose(found, reference.predict(x * mask), 1e-5, 1e-6)
    assert seen.shape == (2, 4, 4, 1) and seen[:, 0, 0].all() and seen.sum() == 2


def test_depthwise_and_transposed_are_images_convolutions_as_in_keras():
    assert issubclass(L.DepthwiseConv2D, L.Conv2D) and issubclass(L.Conv2DTranspose, L.Conv2D)
    assert issubclass(L.Conv3DTranspose, L.Conv3D)


def test_configs_have_the_arguments_of_the_class_only():
    assert "filters" not in L.DepthwiseConv2D(3).get_config()
    assert "kernel_initializer" not in L.SeparableConv1D(2, 3).get_config()
    assert "dilation_rate" not in L.Conv3DTranspose(2, 3).get_config()


@pytest.mark.parametrize(
    "make, shape, error, message",
    [
        (lambda: L.Conv2D(2, 3), (5, 5), ValueError, "expected ndim=4, found ndim=3"),
        (lambda: L.Conv2D(2, 3), (5, 5, None), ValueError, "channel dimension .* `None`"),
        (lambda: L.Conv2D(2, 7), (5, 5, 1), ValueError, "too small.*would become"),
        (lambda: L.Conv2D(2, 3, padding="causal"), (5, 5, 1), ValueError, "causal"),
        (lambda: L.Conv2D(2, 3, padding="full"), (5, 5, 1), ValueError, "`padding`.*full"),
        (lambda: L.Conv2D(2, (3, 3, 3)), (5, 5, 1), ValueError, "`kernel_size`"),
        (lambda: L.Conv2D(2, 3, strides=2, dilation_rate=2), (9, 9, 1), ValueError, "strides > 1"),
        (lambda: L.Conv2D(2, 3, data_format="first"), (5, 5, 1), ValueError, "`data_format`"),
        (lambda: L.Conv2D(2, 3, kernel=3), (5, 5, 1), TypeError, "not understood.*kernel"),
        (
            lambda: L.Conv2DTranspose(2, 3, strides=2, output_padding=2),
            (5, 5, 1),
            ValueError,
            "must be greater than output padding",
        ),
    ],
)
def test_errors_say_what_was_expected(make, shape, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        make()(L.Input(shape))


def test_another_call_with_other_channels_is_refused():
    layer = L.Conv2D(2, 3, name="c")
    layer(L.Input((5, 5, 2)))
    with pytest.raises(ValueError, match=r"layer c: expected axis -1 .*size 2"):
        layer(L.Input((5, 5, 3)))


def test_values_at_once_keep_gradients():
    layer = L.Conv2D(2, 3)
    layer(L.Input((5, 5, 2)))
    out = layer(torch.randn(1, 5, 5, 2, device=layer.kernel.device))
    (gradient,) = torch.autograd.grad(out.sum(), [layer.kernel.native])
    assert gradient.shape == layer.kernel.native.shape


@pytest.mark.parametrize("layer_class", [L.SeparableConv2D, L.DepthwiseConv2D])
def test_depthwise_layers_take_arguments_of_the_kernel_they_do_not_have(layer_class):
    arguments = {"kernel_size": 3, **({"filters": 2} if layer_class is L.SeparableConv2D else {})}
    layer = layer_class(kernel_initializer="he_normal", kernel_regularizer=None, **arguments)
    assert "kernel_initializer" not in layer.get_config()
    with pytest.warns(UserWarning, match="Pass `depthwise_regularizer` instead"):
        layer_class(kernel_regularizer="l2", **arguments)


class OfTheBackend(L.Layer):
    """A convolution with one filter, by the function of K."""

    def build(self, input_shape):
        self.kernel = self.add_weight("kernel", (3, 3, input_shape[-1], 1))

    def call(self, x):
        return K.conv2d(x, self.kernel)


@pytest.mark.parametrize(
    "make, channels",
    [
        (lambda: L.Conv2D(1, 3), 3),
        (lambda: L.Conv2DTranspose(2, 3), 1),
        (OfTheBackend, 3),
    ],
)
def test_single_filters_learn_from_batches_of_one(make, channels):
    x = np.random.RandomState(0).randn(1, 6, 8, channels)
    model = models.Sequential([L.InputLayer((6, 8, channels)), make()])
    model.compile("sgd", "mse")
    before, y = model.get_weights(), np.ones(model.predict(x).shape)
    model.train_on_batch(x, y)
    alone = model.get_weights()
    model.set_weights(before)
    model.train_on_batch(np.repeat(x, 2, 0), np.repeat(y, 2, 0))
    for found, wanted in zip(alone, model.get_weights()):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)

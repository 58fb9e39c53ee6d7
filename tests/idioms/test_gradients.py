"""Gradients as scripts take them: saliency, Grad-CAM, deep dream, style transfer, WGAN-GP."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from kforge import backend as K
from kforge.layers import Conv2D, Dense, Flatten, GlobalAveragePooling2D, Input, MaxPooling2D
from kforge.models import Model, Sequential
from kforge.optimizers import RMSprop

RNG = np.random.RandomState(0)
X = RNG.randn(6, 4).astype("float32")
IMAGES = RNG.uniform(-1, 1, (2, 8, 8, 3)).astype("float32")


def close(found, wanted, **tolerances):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-4, "atol": 1e-6, **tolerances})


def values(*arrays):
    """Arrays as torch tensors that gradients are taken for."""
    return [torch.tensor(a, requires_grad=True) for a in arrays]


def classifier():
    return Sequential(
        [
            Conv2D(4, 3, activation="relu", padding="same", input_shape=(8, 8, 3), name="conv"),
            MaxPooling2D(),
            Flatten(),
            Dense(5, activation="softmax"),
        ]
    )


def scores(x, kernel, bias, w, b):
    """What `classifier` computes, in torch: scores, and feature maps with channels second."""
    maps = F.relu(F.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), bias, padding=1))
    pooled = F.max_pool2d(maps, 2).permute(0, 2, 3, 1)
    return F.softmax(pooled.flatten(1) @ w + b, -1), maps


def test_with_respect_to_inputs_weights_and_variables():
    model = Sequential([Dense(3, activation="tanh", input_shape=(4,))])
    scale = K.variable(2.0)
    loss = K.sum(K.square(model.output)) * scale
    grads = K.gradients(loss, [model.input, *model.trainable_weights, scale])
    found = K.function([model.input], grads)([X])

    x, kernel, bias, s = values(X, *model.get_weights(), np.float32(2.0))
    total = (torch.tanh(x @ kernel + bias) ** 2).sum() * s
    for got, want in zip(found, torch.autograd.grad(total, [x, kernel, bias, s])):
        close(got, want)


def test_with_respect_to_an_intermediate_tensor_and_without_a_path():
    model = Sequential([Dense(3, input_shape=(4,)), Dense(2, activation="sigmoid")])
    hidden = model.layers[0].output
    other = K.variable(1.0)
    grad, nothing = K.gradients(model.output[:, 0], [hidden, other])
    assert nothing is None
    found = K.function([model.input], [grad])([X])[0]
    kernel = model.layers[1].get_weights()[0]
    p = model.predict(X)[:, :1]
    close(found, p * (1 - p) * kernel[:, 0])


def test_second_derivatives():
    x = K.placeholder((None,))
    (first,) = K.gradients(K.sum(x**4), x)
    (second,) = K.gradients(K.sum(first), x)
    (third,) = K.gradients(second, [x])
    found = K.function([x], [first, second, third])([np.array([1.0, 2.0])])
    for got, want in zip(found, ([4, 32], [12, 48], [24, 48])):
        close(got, want)


def test_a_saliency_map():
    model = classifier()
    chosen = K.max(model.output, axis=1)
    saliency = K.gradients(chosen, model.input)[0]
    compute = K.function([model.input, K.learning_phase()], [saliency])
    (x,) = values(IMAGES)
    out, _ = scores(x, *map(torch.tensor, model.get_weights()))
    close(compute([IMAGES, 0])[0], torch.autograd.grad(out.max(1).values.sum(), x)[0])


def test_grad_cam():
    model = classifier()
    class_output, last_conv = model.output[:, 2], model.get_layer("conv")
    grads = K.gradients(class_output, last_conv.output)[0]
    pooled_grads = K.mean(grads, axis=(0, 1, 2))
    iterate = K.function([model.input], [pooled_grads, last_conv.output[0]])
    pooled, maps = iterate([IMAGES[:1]])
    for i in range(4):
        maps[:, :, i] *= pooled[i]
    heatmap = np.maximum(np.mean(maps, axis=-1), 0)

    out, features = scores(torch.tensor(IMAGES[:1]), *values(*model.get_weights()))
    weights = torch.autograd.grad(out[0, 2], features)[0].mean((0, 2, 3))
    close(heatmap, F.relu((features[0] * weights[:, None, None]).mean(0)).detach())


def test_deep_dream():
    model = classifier()
    model.trainable = False
    dream, loss = model.input, K.variable(0.0)
    for name, coefficient in {"conv": 1.5}.items():
        activation = model.get_layer(name).output
        scaling = K.prod(K.cast(K.shape(activation), "float32"))
        loss = loss + coefficient * K.sum(K.square(activation[:, 2:-2, 2:-2, :])) / scaling
    grads = K.gradients(loss, dream)[0]
    grads /= K.maximum(K.mean(K.abs(grads)), 1e-7)
    fetch_loss_and_grads = K.function([dream], [loss, grads])

    image, (kernel, bias) = IMAGES[:1].copy(), map(torch.tensor, model.layers[0].get_weights())
    start = None
    for _ in range(5):
        loss_value, grad_values = fetch_loss_and_grads([image])
        start = start or loss_value
        (x,) = values(image)
        maps = F.relu(F.conv2d(x.permute(0, 3, 1, 2), kernel.permute(3, 2, 0, 1), bias, padding=1))
        wanted = 1.5 * (maps[:, :, 2:-2, 2:-2] ** 2).sum() / maps.numel()
        (g,) = torch.autograd.grad(wanted, x)
        close(loss_value, wanted.detach())
        close(grad_values, g / g.abs().mean(), rtol=1e-3)
        image += 0.1 * grad_values
    assert loss_value > start


def gram_matrix(x):
    features = K.batch_flatten(K.permute_dimensions(x, (2, 0, 1)))
    return K.dot(features, K.transpose(features))


def test_neural_style_transfer():
    base, style = (K.variable(IMAGES[i : i + 1]) for i in (0, 1))
    combination = K.placeholder((1, 8, 8, 3))
    input_tensor = K.concatenate([base, style, combination], axis=0)
    model = Sequential([Conv2D(4, 3, padding="same", activation="relu", input_shape=(8, 8, 3))])
    features = model(Input(tensor=input_tensor))
    content = K.sum(K.square(features[2] - features[0]))
    gap = gram_matrix(features[1]) - gram_matrix(features[2])
    style_loss = K.sum(K.square(gap)) / (4.0 * 3**2 * 64**2)
    a = K.square(combination[:, :7, :7, :] - combination[:, 1:, :7, :])
    b = K.square(combination[:, :7, :7, :] - combination[:, :7, 1:, :])
    loss = 0.025 * content + style_loss + 0.1 * K.sum(K.pow(a + b, 1.25))
    f_outputs = K.function([combination], [loss, *K.gradients(loss, combination)])
    loss_value, grad_values = f_outputs([IMAGES[:1] * 0.5])

    kernel, bias = map(torch.tensor, model.get_weights())
    (x,) = values(IMAGES[:1] * 0.5)
    stack = torch.cat([torch.tensor(IMAGES), x]).permute(0, 3, 1, 2)
    maps = F.relu(F.conv2d(stack, kernel.permute(3, 2, 0, 1), bias, padding=1)).flatten(2)
    grams = maps @ maps.transpose(1, 2)
    total = 0.025 * ((maps[2] - maps[0]) ** 2).sum()
    total = total + ((grams[1] - grams[2]) ** 2).sum() / (36 * 64**2)
    down, right = x[:, :7, :7] - x[:, 1:, :7], x[:, :7, :7] - x[:, :7, 1:]
    total = total + 0.1 * ((down**2 + right**2) ** 1.25).sum()
    close(loss_value, total.detach())
    close(grad_values, torch.autograd.grad(total, x)[0], rtol=1e-3)


def test_gradient_ascent_on_a_filter():
    model = classifier()
    loss = K.mean(model.get_layer("conv").output[:, :, :, 1])
    grads = K.gradients(loss, model.input)[0]
    grads /= K.sqrt(K.mean(K.square(grads))) + K.epsilon()
    iterate = K.function([model.input], [loss, grads])
    image = IMAGES[:1].copy()
    history = []
    for _ in range(4):
        value, step = iterate([image])
        close(np.sqrt(np.mean(step**2)), 1.0, rtol=1e-3)
        history.append(value)
        image += step
    assert history == sorted(history) and history[0] < history[-1]


def critic():
    return Sequential([Dense(5, activation="tanh", input_shape=(4,)), Dense(1)])


def penalty_by_torch(x, w1, b1, w2, b2, weight=10.0):
    """The penalty's value and its gradients for the weights, derived twice by torch."""
    weights = values(w1, b1, w2, b2)
    (x,) = values(x)
    out = torch.tanh(x @ weights[0] + weights[1]) @ weights[2] + weights[3]
    (slope,) = torch.autograd.grad(out.sum(), x, create_graph=True)
    penalty = weight * ((1 - slope.pow(2).sum(1).sqrt()) ** 2).mean()
    return penalty, torch.autograd.grad(penalty, weights, allow_unused=True)


def test_wgan_gp_as_a_loss_that_closes_over_the_interpolated_tensor():
    from functools import partial

    def gradient_penalty_loss(y_true, y_pred, averaged_samples, gradient_penalty_weight):
        gradients = K.gradients(y_pred, averaged_samples)[0]
        gradients_sqr_sum = K.sum(K.square(gradients), axis=range(1, K.ndim(gradients)))
        return gradient_penalty_weight * K.mean(K.square(1 - K.sqrt(gradients_sqr_sum)))

    def wasserstein_loss(y_true, y_pred):
        return K.mean(y_true * y_pred)

    discriminator = critic()
    real, averaged = Input((4,)), Input((4,))
    partial_gp_loss = partial(
        gradient_penalty_loss, averaged_samples=averaged, gradient_penalty_weight=10.0
    )
    partial_gp_loss.__name__ = "gradient_penalty"
    model = Model([real, averaged], [discriminator(real), discriminator(averaged)])
    model.compile("sgd", [wasserstein_loss, partial_gp_loss])
    K.set_value(model.optimizer.lr, 0.1)

    before = discriminator.get_weights()
    ones, zeros = np.ones((6, 1), "float32"), np.zeros((6, 1), "float32")
    total, wasserstein, penalty = model.train_on_batch([X, X * 0.5], [-ones, zeros])

    wanted, second = penalty_by_torch(X * 0.5, *before)
    weights = values(*before)
    out = torch.tanh(torch.tensor(X) @ weights[0] + weights[1]) @ weights[2] + weights[3]
    first = torch.autograd.grad(-out.mean(), weights)
    close(
        [total, wasserstein, penalty],
        [(wanted - out.mean()).item(), -out.mean().item(), wanted.item()],
    )
    for new, old, a, b in zip(discriminator.get_weights(), before, first, second):
        close(new, old - 0.1 * (a if b is None else a + b).numpy(), atol=1e-5)


def test_wgan_gp_as_a_function_with_an_optimizer():
    netD, noise = critic(), K.placeholder((None, 1))
    real, fake = K.placeholder((None, 4)), K.placeholder((None, 4))
    mixed = Input(tensor=noise * real + (1 - noise) * fake)
    loss_real, loss_fake = K.mean(netD(real)), K.mean(netD(fake))
    grad_mixed = K.gradients(netD(mixed), [mixed])[0]
    norm = K.sqrt(K.sum(K.square(grad_mixed), axis=1))
    penalty = K.mean(K.square(norm - 1))
    loss = loss_fake - loss_real + 10.0 * penalty
    updates = RMSprop(lr=0.01).get_updates(loss, netD.trainable_weights)
    train = K.function([real, fake, noise], [loss_real, loss_fake, penalty], updates)
    e = RNG.uniform(size=(6, 1)).astype("float32")
    before = netD.get_weights()
    found = train([X, X[::-1].copy(), e])[2]
    close(10 * found, penalty_by_torch(e * X + (1 - e) * X[::-1], *before)[0].item())
    assert all(np.any(a != b) for a, b in zip(netD.get_weights()[:3], before))


def test_the_gradients_of_a_compiled_model():
    model = Sequential([Dense(3, activation="tanh", input_shape=(4,)), Dense(1)])
    model.compile("sgd", "mse")
    grads = model.optimizer.get_gradients(model.total_loss, model.trainable_weights)
    also = K.gradients(model.total_loss, model.trainable_weights)
    feeds = model.inputs + model.sample_weights + model.targets + [K.learning_phase()]
    get_gradients = K.function(feeds, grads + also)
    weights, y = np.linspace(0, 1, 6).astype("float32"), X.sum(1, keepdims=True)
    found = get_gradients([X, weights, y, 1])

    params = values(*model.get_weights())
    out = torch.tanh(torch.tensor(X) @ params[0] + params[1]) @ params[2] + params[3]
    loss = ((out - torch.tensor(y)) ** 2).mean(1) * torch.tensor(weights)
    wanted = torch.autograd.grad(loss.mean(), params)
    for got, twin, want in zip(found[:4], found[4:], wanted):
        close(got, want)
        close(twin, want)


def test_stop_gradient_and_a_gradient_through_pooling():
    x = Input((8, 8, 3))
    pooled = GlobalAveragePooling2D()(x)
    grad = K.gradients(K.sum(pooled * K.stop_gradient(pooled)), x)[0]
    found = K.function([x], [grad])([IMAGES])[0]
    means = IMAGES.mean((1, 2), keepdims=True)
    close(found, np.broadcast_to(means / 64, IMAGES.shape))


def test_a_floor_has_a_gradient_of_zeros():
    x = K.variable([7.0, -7.0, 5.0])
    phase = x - 2.0 * (x // 2.0) + 20.0 // x
    close(K.eval(phase), [3, -2, 5])
    close(K.eval(K.gradients(phase, x)[0]), [1, 1, 1])


def test_an_argmax_has_no_gradient():
    x = K.placeholder((None, 4))
    assert K.gradients(K.cast(K.argmax(x), "float32"), x) == [None]
    with pytest.raises(TypeError, match="gives None for what the loss does not"):
        K.function([x], K.gradients(K.cast(K.argmax(x), "float32"), [x]))

"""Models that share layers: GANs, siamese nets, shared towers; models on other inputs."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import optimizers
from kforge.layers import Concatenate, Dense, Embedding, Input, Lambda, concatenate
from kforge.models import Model, Sequential, clone_model

RNG = np.random.RandomState(0)
X, NOISE = RNG.randn(6, 4).astype("float32"), RNG.randn(6, 2).astype("float32")
ONES, ZEROS = np.ones((6, 1), "float32"), np.zeros((6, 1), "float32")


def close(found, wanted, **tolerances):
    np.testing.assert_allclose(found, wanted, **{"rtol": 1e-4, "atol": 1e-6, **tolerances})


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gan():
    """(discriminator, generator, combined model), each of one layer."""
    discriminator = Sequential([Dense(1, activation="sigmoid", input_shape=(4,))], name="d")
    discriminator.compile(optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
    generator = Sequential([Dense(4, input_dim=2)], name="g")
    discriminator.trainable = False
    z = Input((2,))
    combined = Model(z, discriminator(generator(z)))
    combined.compile(optimizers.SGD(0.1), "binary_crossentropy")
    return discriminator, generator, combined


@pytest.mark.filterwarnings("ignore:Discrepancy between trainable weights")
def test_a_gan_whose_models_keep_what_compile_saw():
    discriminator, generator, combined = gan()
    w, b = discriminator.get_weights()
    v, c = generator.get_weights()
    for _ in range(3):
        loss, accuracy = discriminator.train_on_batch(X, ONES)
        p = sigmoid(X @ w + b)
        close(loss, -np.log(p).mean())
        close(accuracy, (p > 0.5).mean())
        w, b = w - 0.1 * X.T @ (p - 1) / 6, b - 0.1 * (p - 1).mean(0)
        close(discriminator.get_weights()[0], w)

        fake = NOISE @ v + c
        p = sigmoid(fake @ w + b)
        close(combined.train_on_batch(NOISE, ONES), -np.log(p).mean())
        slope = (p - 1) / 6 @ w.T
        v, c = v - 0.1 * NOISE.T @ slope, c - 0.1 * slope.sum(0)
        close(discriminator.get_weights()[0], w)
        close(generator.get_weights()[0], v)
        close(generator.predict(NOISE), NOISE @ v + c)


def test_freezing_takes_effect_when_compiled():
    shared = Dense(3, input_shape=(4,))
    free, frozen = Sequential([shared, Dense(1)]), Sequential([shared, Dense(1)])
    free.compile("sgd", "mse")
    shared.trainable = False
    frozen.compile("sgd", "mse")
    before = shared.get_weights()[0]
    frozen.train_on_batch(X, ONES)
    close(shared.get_weights()[0], before)
    with pytest.warns(UserWarning, match="Discrepancy between trainable weights"):
        free.train_on_batch(X, ONES)
    assert np.abs(shared.get_weights()[0] - before).max() > 1e-6
    assert len(frozen.trainable_weights) == 2 and len(frozen._collected_trainable_weights) == 2


def euclidean_distance(vects):
    x, y = vects
    sum_square = K.sum(K.square(x - y), axis=1, keepdims=True)
    return K.sqrt(K.maximum(sum_square, K.epsilon()))


def eucl_dist_output_shape(shapes):
    shape1, _ = shapes
    return (shape1[0], 1)


def contrastive_loss(y_true, y_pred):
    square_pred, margin_square = K.square(y_pred), K.square(K.maximum(1 - y_pred, 0))
    return K.mean(y_true * square_pred + (1 - y_true) * margin_square)


def test_a_siamese_net():
    base = Sequential([Dense(3, activation="relu", input_shape=(4,)), Dense(2)])
    a, b = Input((4,)), Input((4,))
    distance = Lambda(euclidean_distance, output_shape=eucl_dist_output_shape)([base(a), base(b)])
    model = Model([a, b], distance)

    def accuracy(y_true, y_pred):
        return K.mean(K.equal(y_true, K.cast(y_pred < 0.5, y_true.dtype)))

    model.compile(optimizers.SGD(0.1), contrastive_loss, metrics=[accuracy])
    other, same = X[::-1].copy(), np.array([[1], [0], [1], [0], [1], [0]], "float32")
    weights = [torch.tensor(w, requires_grad=True) for w in base.get_weights()]

    def tower(x):
        h = torch.relu(torch.tensor(x) @ weights[0] + weights[1])
        return h @ weights[2] + weights[3]

    d = ((tower(X) - tower(other)) ** 2).sum(1, keepdim=True).sqrt()
    y = torch.tensor(same)
    loss = (y * d**2 + (1 - y) * torch.relu(1 - d) ** 2).mean()
    grads = torch.autograd.grad(loss, weights)
    found, right = model.train_on_batch([X, other], same)
    close(found, loss.item())
    close(right, ((d < 0.5).float() == y).float().mean())
    for new, old, grad in zip(base.get_weights(), weights, grads):
        close(new, (old - 0.1 * grad).detach())


def test_triplets():
    def triplet_loss(y_true, y_pred, alpha=0.4):
        anchor, positive, negative = y_pred[:, 0:2], y_pred[:, 2:4], y_pred[:, 4:6]
        pos_dist = K.sum(K.square(anchor - positive), axis=1)
        neg_dist = K.sum(K.square(anchor - negative), axis=1)
        return K.maximum(pos_dist - neg_dist + alpha, 0.0)

    base = Sequential([Dense(2, input_shape=(4,))])
    inputs = [Input((4,)) for _ in range(3)]
    model = Model(inputs, concatenate([base(x) for x in inputs], axis=-1))
    model.compile("adam", triplet_loss)
    w, b = base.get_weights()
    batch = [X, X + 0.1, -X]
    a, p, n = (x @ w + b for x in batch)
    wanted = np.maximum(((a - p) ** 2).sum(1) - ((a - n) ** 2).sum(1) + 0.4, 0)
    close(model.train_on_batch(batch, np.empty((6, 0))), wanted.mean())


def test_tied_weights_by_a_kernel():
    x = Input((4,))
    encoder = Dense(3, activation="relu")
    h = encoder(x)
    decoded = Lambda(lambda t: K.dot(t, K.transpose(encoder.kernel)))(h)
    model = Model(x, decoded)
    kernel, bias = model.get_weights()
    close(model.predict(X), np.maximum(X @ kernel + bias, 0) @ kernel.T)
    close(K.eval(K.dot(K.transpose(encoder.kernel), encoder.kernel)), kernel.T @ kernel)


def test_any_intermediate_outputs():
    x = Input((4,))
    a = Dense(3, activation="tanh", name="a")(x)
    model = Model(x, Dense(1, name="b")(a))
    both = Model(model.input, [model.get_layer("a").output, model.output])
    every = Model(model.inputs, [layer.output for layer in model.layers])
    hidden, out = both.predict(X)
    close(out, model.predict(X))
    for found, wanted in zip(every.predict(X), (X, hidden, out)):
        close(found, wanted)
    top = Input((3,))
    close(Model(top, model.layers[-1](top)).predict(hidden), out)


def test_a_model_on_new_tensors_arrays_and_torch():
    model = Sequential([Dense(3, activation="tanh", input_shape=(4,)), Dense(1)])
    wanted = model.predict(X)
    x = Input((4,))
    close(Model(x, model(x)).predict(X), wanted)
    doubled = K.function([x], [model(x * 2)])([X / 2])[0]
    close(doubled, wanted)
    close(K.eval(model(K.constant(X))), wanted)
    close(K.eval(model(K.variable(X))), wanted)
    close(model(X).detach().cpu(), wanted)
    found = model(torch.from_numpy(X))
    assert isinstance(found, torch.Tensor)
    found.sum().backward()
    assert model.layers[1].kernel.native.grad is not None


def test_layers_called_twice_have_two_nodes():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = Dense(2, name="shared")
    out = Concatenate()([shared(a), shared(b)])
    model = Model([a, b], out)
    assert shared.get_input_at(0).name == "a:0" and shared.get_output_at(1).shape == (None, 2)
    with pytest.raises(AttributeError, match="multiple inbound nodes"):
        shared.output  # noqa: B018
    w, bias = shared.get_weights()
    close(model.predict([X, X]), np.tile(X @ w + bias, 2))


def test_an_embedding_shared_by_two_inputs():
    words = [Input((1,), dtype="int32") for _ in range(2)]
    embed = Embedding(10, 3, input_length=1)
    product = Lambda(lambda t: K.sum(t[0] * t[1], axis=-1))([embed(w) for w in words])
    model = Model(words, product)
    model.compile("sgd", "mse")
    i, j = np.array([[1], [2]]), np.array([[3], [1]])
    (table,) = model.get_weights()
    close(model.predict([i, j])[:, 0], (table[i[:, 0]] * table[j[:, 0]]).sum(1))
    model.train_on_batch([i, j], np.ones((2, 1)))
    changed = np.any(model.get_weights()[0] != table, axis=1)
    assert changed.nonzero()[0].tolist() == [1, 2, 3]


def test_a_target_network():
    model = Sequential([Dense(3, input_shape=(4,))])
    target = clone_model(model)
    target.set_weights(model.get_weights())
    model.compile("sgd", "mse")
    model.train_on_batch(X, np.zeros((6, 3)))
    old, new = target.get_weights(), model.get_weights()
    target.set_weights([0.1 * n + 0.9 * o for n, o in zip(new, old)])
    close(target.get_weights()[0], 0.1 * new[0] + 0.9 * old[0])
    assert not np.allclose(new[0], old[0])


def test_a_policy_gradient_with_a_function_of_ones_own():
    model = Sequential([Dense(2, activation="softmax", input_shape=(4,))])
    action, advantage = K.placeholder((None, 2)), K.placeholder((None,))
    good = K.sum(action * model.output, axis=1)
    eligibility = K.log(good + 1e-10) * K.stop_gradient(advantage)
    entropy = K.sum(model.output * K.log(model.output + 1e-10), axis=1)
    loss = 0.001 * entropy - K.sum(eligibility)
    optimizer = optimizers.RMSprop(lr=0.01, epsilon=0.1, rho=0.99)
    updates = optimizer.get_updates(model.trainable_weights, [], K.mean(loss))
    train = K.function([model.input, action, advantage], [], updates=updates)
    chosen, gain = np.eye(2)[[0, 1, 0, 1, 0, 1]], np.array([1.0, -1, 1, -1, 1, -1])
    before = model.predict(X)
    for _ in range(20):
        assert train([X, chosen, gain]) == []
    assert model.predict(X)[:, 0].mean() > before[:, 0].mean()


def test_a_model_cut_off_by_popping_layers():
    x = Input((4,))
    model = Model(x, Dense(2, name="top")(Dense(3, activation="tanh", name="features")(x)))
    hidden = Model(x, model.get_layer("features").output).predict(X)
    model.layers.pop()
    model.outputs = [model.layers[-1].output]
    model.layers[-1].outbound_nodes = []
    close(model.predict(X), hidden)
    assert [layer.name for layer in model.layers][1:] == ["features"] and len(model.weights) == 2
    assert list(dict(model.named_parameters())) == ["features.kernel", "features.bias"]

    chain = Sequential([Dense(3, input_shape=(4,)), Dense(2), Dense(1)])
    chain.outputs = [chain.layers[0].output]
    assert len(chain.layers) == 1 and chain.predict(X).shape == (6, 3)


@pytest.mark.filterwarnings("ignore:kforge has no TensorFlow session")
def test_weights_drawn_anew_in_a_session():
    model = Sequential([Dense(3, input_shape=(4,), bias_initializer="ones"), Dense(2)])
    model.layers[0].set_weights([np.zeros((4, 3)), np.zeros(3)])
    session = K.get_session()
    for layer in model.layers:
        if hasattr(layer, "kernel_initializer"):
            layer.kernel.initializer.run(session=session)
        if hasattr(layer, "bias_initializer"):
            layer.bias.initializer.run(session=session)
    kernel, bias = model.layers[0].get_weights()
    limit = np.sqrt(6 / 7)
    assert 0 < np.abs(kernel).max() <= limit and bias.tolist() == [1, 1, 1]
    assert not hasattr(K.variable(1.0), "initializer")

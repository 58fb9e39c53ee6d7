"""Torch modules as layers."""

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import layers as L
from kforge import models

X = np.random.RandomState(0).normal(size=(8, 4)).astype("float32")
Y = np.random.RandomState(1).normal(size=(8, 3)).astype("float32")


class Net(torch.nn.Module):
    """A module with parameters, a buffer that moves, and different behaviour in training."""

    def __init__(self):
        super().__init__()
        self.hidden = torch.nn.Linear(4, 6)
        self.norm = torch.nn.BatchNorm1d(6)
        self.drop = torch.nn.Dropout(0.5)
        self.out = torch.nn.Linear(6, 3)

    def forward(self, x):
        return self.out(self.drop(torch.relu(self.norm(self.hidden(x)))))


def model_of(module, shape=(4,), **arguments):
    x = L.Input(shape)
    layer = L.TorchModule(module, **arguments)
    model = models.Model(x, layer(x))
    model.compile("sgd", "mse")
    return model, layer


def test_it_computes_what_the_module_does():
    net = Net()
    model, layer = model_of(net)
    assert model.output_shape == (None, 3)
    with torch.no_grad():
        wanted = net.eval()(torch.as_tensor(X).to(net.out.weight.device))
    np.testing.assert_array_equal(model.predict(X), wanted.cpu())
    names = [w.name.split("/", 1)[1] for w in layer.weights]
    assert names[:2] == ["hidden/weight:0", "hidden/bias:0"]
    assert layer.count_params() == sum(t.numel() for t in net.state_dict().values())


def test_training_changes_the_modules_own_parameters():
    net = Net()
    model, _ = model_of(net)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    model.fit(X, Y, epochs=1, verbose=0)
    changed = {k for k, v in net.state_dict().items() if not torch.equal(before[k], v)}
    assert changed >= {"hidden.weight", "norm.weight", "norm.running_var", "out.bias"}


def test_only_training_moves_buffers_and_only_while_trainable():
    net = Net()
    model, layer = model_of(net)
    model.evaluate(X, Y, verbose=0)
    model.predict(X)
    K.function([model.input, K.learning_phase()], [model.output])([X, 1])
    assert net.norm.num_batches_tracked == 0 and not net.norm.running_mean.any()
    layer.trainable = False
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    assert net.norm.num_batches_tracked == 0
    layer.trainable = True
    model.compile("sgd", "mse")
    model.train_on_batch(X, Y)
    assert net.norm.num_batches_tracked == 1 and net.norm.running_mean.any()


def test_parameters_without_gradients_are_not_trained():
    net = Net()
    net.hidden.requires_grad_(False)
    model, layer = model_of(net)
    before = net.hidden.weight.clone()
    model.fit(X, Y, epochs=1, verbose=0)
    assert torch.equal(net.hidden.weight, before)
    assert len(layer.trainable_weights) == 4 and len(layer.non_trainable_weights) == 5


def test_several_inputs_and_outputs():
    class Both(torch.nn.Module):
        def forward(self, a, b):
            return a + b, a @ b.T

    a, b = L.Input(batch_shape=(2, 3)), L.Input(batch_shape=(2, 3))
    both = L.TorchModule(Both())([a, b])
    assert [tuple(t.shape) for t in both] == [(2, 3), (2, 2)]
    x = X[:2, :3]
    found = models.Model([a, b], both).predict_on_batch([x, x])
    np.testing.assert_allclose(found[1], x @ x.T, 1e-4, 1e-5)


def test_a_module_that_looks_at_values_runs_on_values():
    class Branching(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(4, 3)

        def forward(self, x):
            return self.linear(x) if x.sum().item() > 0 else -self.linear(x)

    model, layer = model_of(Branching())
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(model.predict(abs(X)), -model.predict(abs(X) - 2 * abs(X)), 2, 3)
    before = layer.get_weights()
    model.train_on_batch(X, Y)
    assert not np.array_equal(before[0], layer.get_weights()[0])


def test_lazy_modules_find_their_sizes():
    _, layer = model_of(torch.nn.LazyLinear(3))
    assert tuple(layer.trainable_weights[0].shape) == (3, 4)


def test_files(tmp_path):
    model, layer = model_of(Net(), name="net")
    model.fit(X, Y, epochs=1, verbose=0)
    path = str(tmp_path / "model.h5")
    model.save(path)
    for known in ({"net": Net()}, {"Net": Net}, {"Net": lambda: Net()}, None):
        loaded = models.load_model(path, custom_objects=known)
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.layers[1].module is not layer.module
    config = {**layer.get_config(), "module": {"class_name": "Net", "module": "away", "token": ""}}
    with pytest.raises(ValueError, match=r"'net' holds a torch module, away\.Net"):
        L.TorchModule.from_config(config)


def test_copies_have_weights_of_their_own():
    model, _ = model_of(Net())
    twin = models.clone_model(model)
    twin.set_weights(model.get_weights())
    twin.compile("sgd", "mse")
    wanted = model.predict(X)
    twin.train_on_batch(X, Y)
    np.testing.assert_array_equal(model.predict(X), wanted)
    assert not np.array_equal(twin.predict(X), wanted)


@pytest.mark.parametrize("module", [3, L.Dense(2)])
def test_what_is_no_module_is_refused(module):
    with pytest.raises(TypeError, match=r"expected a torch\.nn\.Module that is not a layer"):
        L.TorchModule(module)


@pytest.mark.parametrize("shape", [(6,), (2, 6), (None,)])
def test_shapes_that_the_module_does_not_take(shape):
    layer = L.TorchModule(torch.nn.Linear(5, 4), name="t")
    with pytest.raises(ValueError, match=r"Layer t: Linear does not take .*\[\(.*torch says: mat1"):
        layer(L.Input(shape))

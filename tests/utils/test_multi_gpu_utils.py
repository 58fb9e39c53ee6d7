"""Models replicated over devices; over several times the CPU where there are no GPUs."""

import numpy as np
import pytest
import torch

from kforge import Input, Model, Sequential, layers
from kforge import backend as K
from kforge.callbacks import ModelCheckpoint
from kforge.models import load_model, save_model
from kforge.optimizers import SGD, Adam
from kforge.utils import multi_gpu_model
from kforge.utils.multi_gpu_utils import replicate

GPUS = torch.cuda.device_count()
TWICE = ["/gpu:0", "/gpu:1"] if GPUS > 1 else ["/gpu:0", "/cpu:0"] if GPUS else ["/cpu:0"] * 2


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    return rng.rand(22, 6).astype("float32"), rng.rand(22, 3).astype("float32")


def small(**options):
    x = Input((6,), name="x")
    h = layers.Dense(5, activation="tanh", name="hidden", **options)(x)
    return Model(x, layers.Dense(3, name="out")(h), name="net")


def pair(make, devices=TWICE):
    """(a model, such a model replicated), with the same weights."""
    single, template = make(), make()
    template.set_weights(single.get_weights())
    return single, replicate(template, devices, "/cpu:0")


def same_weights(a, b, **tolerance):
    for x, y in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_allclose(x, y, **{"rtol": 1e-5, "atol": 1e-6, **tolerance})


@pytest.mark.parametrize("parts", [2, 3, 5])
@pytest.mark.parametrize("optimizer", [lambda: SGD(0.1, momentum=0.9), lambda: Adam(0.01)])
def test_training_gives_the_numbers_of_one_device(data, parts, optimizer):
    options = {"kernel_regularizer": "l2", "activity_regularizer": "l1" if parts == 2 else None}
    single, parallel = pair(lambda: small(**options), (TWICE * 3)[:parts])
    histories = []
    for model in (single, parallel):
        model.compile(optimizer(), "mse", metrics=["mae"])
        # the last batch has 6 samples, then 2: fewer than there are parts
        history = model.fit(*data, batch_size=8, epochs=2, shuffle=False, verbose=0)
        weighted = model.fit(*data, 10, sample_weight=np.arange(22), shuffle=False, verbose=0)
        histories.append(np.hstack([*history.history.values(), *weighted.history.values()]))
    np.testing.assert_allclose(*histories, rtol=1e-5)
    same_weights(single, parallel)
    same_weights(single, parallel.template)
    np.testing.assert_allclose(single.predict(data[0]), parallel.predict(data[0]), atol=1e-5)
    np.testing.assert_allclose(
        single.evaluate(*data, verbose=0), parallel.evaluate(*data, verbose=0), rtol=1e-5
    )


def test_several_inputs_and_outputs():
    def make():
        a, b = Input((4,), name="a"), Input((5, 3), name="b")
        code = layers.LSTM(4, name="code")(layers.Masking()(b))
        aux = layers.Dense(1, activation="sigmoid", name="aux")(code)
        out = layers.Dense(2, activation="softmax", name="out")(layers.concatenate([a, code]))
        return Model([a, b], [out, aux])

    single, parallel = pair(make)
    assert parallel.output_names == ["out", "aux"]
    a, b = np.random.rand(9, 4), np.random.rand(9, 5, 3)
    b[:, 3:] = 0
    y = {"out": np.eye(2)[np.random.randint(0, 2, 9)], "aux": np.random.randint(0, 2, 9)}
    losses = {"out": "categorical_crossentropy", "aux": "binary_crossentropy"}
    for model in (single, parallel):
        model.compile("rmsprop", losses, metrics=["accuracy"], loss_weights={"out": 1, "aux": 0.2})
        model.fit({"a": a, "b": b}, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    same_weights(single, parallel, atol=1e-5)
    assert parallel.metrics_names == single.metrics_names


def test_losses_and_metrics_of_the_template_count_once(data):
    def make():
        model = small()
        model.add_loss(0.1 * K.mean(K.square(model.get_layer("hidden").output)))
        model.add_metric(K.mean(model.output), name="level")
        return model

    single, parallel = pair(make)
    found = []
    for model in (single, parallel):
        model.compile("sgd", "mse")
        found.append(model.fit(*data, batch_size=8, epochs=2, shuffle=False, verbose=0).history)
    np.testing.assert_allclose(found[0]["loss"], found[1]["loss"], rtol=1e-5)
    np.testing.assert_allclose(found[0]["level"], found[1]["level"], rtol=1e-4)
    same_weights(single, parallel)


def test_each_replica_normalizes_its_part_and_moves_the_statistics():
    norm = layers.BatchNormalization(momentum=0.5, epsilon=1e-3)
    template = Sequential([layers.Dense(2, use_bias=False, input_shape=(2,)), norm])
    template.layers[0].set_weights([np.eye(2)])
    parallel = replicate(template, TWICE, "/cpu:0")
    parallel.compile(SGD(0.0), "mse")
    x = np.random.rand(7, 2).astype("float32")
    parts = x[:3], x[3:]
    normed = np.concatenate([(p - p.mean(0)) / np.sqrt(p.var(0) + 1e-3) for p in parts])
    loss = parallel.train_on_batch(x, np.zeros_like(x))
    np.testing.assert_allclose(loss, np.mean(normed**2), rtol=1e-5)
    mean = np.zeros(2)
    for part in parts:
        mean = 0.5 * mean + 0.5 * part.mean(0)
    np.testing.assert_allclose(norm.get_weights()[2], mean, rtol=1e-5)


def test_a_batch_smaller_than_the_number_of_devices():
    template = Sequential(
        [layers.Conv2D(2, 3, input_shape=(5, 5, 1)), layers.BatchNormalization(), layers.Flatten()]
    )
    parallel = replicate(template, ["/cpu:0"] * 3, "/cpu:0")
    parallel.compile("sgd", "mse")
    parallel.fit(np.random.rand(4, 5, 5, 1), np.random.rand(4, 18), batch_size=3, verbose=0)
    assert np.isfinite(template.predict(np.random.rand(2, 5, 5, 1))).all()
    for n in (1, 2):
        x = np.random.rand(n, 5, 5, 1)
        np.testing.assert_allclose(parallel.predict(x), template.predict(x), atol=1e-5)


def test_what_is_saved_is_the_template_with_the_training(tmp_path, data):
    path = str(tmp_path / "model.h5")
    single, parallel = pair(small)
    for model in (single, parallel):
        model.compile(Adam(0.01), "mse", metrics=["mae"])
    parallel.fit(*data, shuffle=False, verbose=0, callbacks=[ModelCheckpoint(path)])
    single.fit(*data, shuffle=False, verbose=0)
    for save in (lambda: None, lambda: parallel.save(path), lambda: save_model(parallel, path)):
        save()
        loaded = load_model(path)
        assert [layer.name for layer in loaded.layers] == ["x", "hidden", "out"]
        same_weights(loaded, single)
        loaded.fit(*data, shuffle=False, verbose=0)  # goes on where it was
    single.fit(*data, shuffle=False, verbose=0)
    same_weights(loaded, single)


def test_weights_travel_between_the_template_and_the_parallel_model(tmp_path):
    path = str(tmp_path / "weights.h5")
    single, parallel = pair(small)
    parallel.set_weights([w + 1 for w in parallel.get_weights()])
    parallel.save_weights(path)
    single.load_weights(path)
    same_weights(single, parallel)
    single.set_weights([w * 2 for w in single.get_weights()])
    single.save_weights(path)
    parallel.load_weights(path)
    same_weights(single, parallel)
    assert parallel.to_json() == parallel.template.to_json()


def test_weights_that_keras_saved_of_a_parallel_model(tmp_path):
    """There the template is a layer among others, with all the weights."""
    path = str(tmp_path / "weights.h5")
    template, other = small(), small()
    x = Input((6,))
    Model(x, layers.Activation("linear")(template(x))).save_weights(path)
    other.load_weights(path)
    same_weights(other, template)


def test_layers_are_found_as_in_keras(data):
    template = small()
    parallel = replicate(template, TWICE, "/cpu:0")
    assert parallel.layers[-2] is template
    assert parallel.get_layer("net") is template
    assert parallel.get_layer("hidden") is template.get_layer("hidden")
    assert parallel.count_params() == template.count_params()
    with pytest.raises(ValueError, match="No such layer: nowhere"):
        parallel.get_layer("nowhere")
    template.get_layer("hidden").trainable = False
    before = template.get_layer("hidden").get_weights()
    parallel.compile("sgd", "mse")
    parallel.fit(*data, verbose=0)
    np.testing.assert_array_equal(template.get_layer("hidden").get_weights()[0], before[0])
    assert len(parallel.to_torch()(torch.zeros(3, 6))) == 3


@pytest.mark.parametrize("gpus", [1, [0], (0,)])
def test_one_gpu_is_refused(gpus):
    with pytest.raises(ValueError, match="For multi-gpu usage to be effective"):
        multi_gpu_model(small(), gpus=gpus)


@pytest.mark.parametrize("gpus", [99, [0, 98]])
def test_gpus_that_are_not_there(gpus):
    with pytest.raises(ValueError, match=r"we expect .*'/gpu:98'.* only has: \['/cpu:0'"):
        multi_gpu_model(small(), gpus=gpus)


def test_models_that_cannot_be_shared():
    with pytest.raises(ValueError, match="has no inputs yet"):
        replicate(Sequential([layers.Dense(2)]), TWICE, "/cpu:0")
    stateful = Sequential([layers.LSTM(2, stateful=True, batch_input_shape=(4, 3, 2))])
    with pytest.raises(ValueError, match="keeps states between batches"):
        replicate(stateful, TWICE, "/cpu:0")


@pytest.mark.cuda
@pytest.mark.skipif(GPUS < 2, reason="needs two GPUs")
@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize("relocate", [True, False])
def test_on_two_gpus(data, merge, relocate):
    single, template = small(), small()
    template.set_weights(single.get_weights())
    parallel = multi_gpu_model(template, 2, cpu_merge=merge, cpu_relocation=relocate)
    where = {w.device for w in parallel.weights}
    assert where == {torch.device("cpu") if relocate else torch.device("cuda", 0)}
    for model in (single, parallel):
        model.compile("adam", "mse")
        model.fit(*data, batch_size=8, epochs=2, shuffle=False, verbose=0)
    same_weights(single, parallel, rtol=1e-4, atol=1e-5)

"""What kforge writes, Keras 2.3.1 and tf_keras read.

`KERAS_PYTHON` and `TF_KERAS_PYTHON` are interpreters that have them.
"""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

import kforge
from kforge import layers as L
from kforge.convert import main
from kforge.models import Model, Sequential, load_model

PYTHONS = {name: os.environ.get(f"{name.upper()}_PYTHON") for name in ("keras", "tf_keras")}

READ = """
import importlib, json, sys
import numpy as np
package, path, batch, out = sys.argv[1:]
keras = importlib.import_module(package)
with np.load(batch) as stored:
    x, y = [stored[n] for n in stored.files if n[0] == "x"], stored["y"]
x = x[0] if len(x) == 1 else x
model = keras.models.load_model(path)
found = {"predict": model.predict(x, verbose=0).tolist(), "resume": []}
for _ in range(3):
    model.reset_metrics()
    found["resume"].append(float(model.train_on_batch(x, y)[0]))
json.dump(found, open(out, "w"))
"""

PREDICT = """
import sys
import numpy as np
import tf_keras
for path in sys.argv[2:]:
    model = tf_keras.models.load_model(f"{path}.h5", compile=False)
    with np.load(f"{path}.npz") as stored:
        x = [stored[f"x{i}"] for i in range(len(model.inputs))]
    np.save(f"{path}.npy", model.predict(x if len(x) > 1 else x[0], verbose=0))
"""

random = np.random.RandomState(0)


def run(program, package, *arguments):
    if not PYTHONS[package]:
        pytest.skip(f"set {package.upper()}_PYTHON to a Python with {package}")
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": ""}
    command = [PYTHONS[package], "-c", program, package, *map(str, arguments)]
    subprocess.run(command, check=True, env=environment, capture_output=True)


def dense():
    return Sequential([L.Dense(5, activation="relu", input_shape=(3,)), L.Dense(2)]), [(3,)]


def convolutional():
    inputs = L.Input((8, 8, 3))
    hidden = L.BatchNormalization()(L.Conv2D(4, 3, padding="same", activation="relu")(inputs))
    hidden = L.MaxPooling2D()(L.SeparableConv2D(4, 3)(hidden))
    other = L.GlobalAveragePooling2D()(L.Conv2DTranspose(3, 3, strides=2)(hidden))
    return Model(inputs, L.Dense(2)(L.concatenate([L.Flatten()(hidden), other]))), [(8, 8, 3)]


def recurrent():
    model = Sequential(
        [
            L.Bidirectional(L.LSTM(3, return_sequences=True), input_shape=(5, 4)),
            L.TimeDistributed(L.Dense(3)),
            L.GRU(3, reset_after=True, return_sequences=True),
            L.SimpleRNN(2),
        ]
    )
    return model, [(5, 4)]


def nested():
    shared = Sequential(
        [L.Dense(4, input_shape=(3,)), L.Dense(3, activation="tanh")], name="shared"
    )
    shared.layers[0].trainable = False
    one, two = L.Input((3,)), L.Input((3,))
    return Model([one, two], L.Dense(2)(L.subtract([shared(one), shared(two)]))), [(3,), (3,)]


def called():
    """Calls with arguments, which files keep."""
    x, state = L.Input((5, 4)), L.Input((3,))
    hidden = L.BatchNormalization()(x, training=True)
    hidden = L.GRU(3, reset_after=True)(hidden, initial_state=state)
    return Model([x, state], L.Dense(2)(hidden)), [(5, 4), (3,)]


@pytest.mark.parametrize("package", PYTHONS)
@pytest.mark.parametrize("make", [dense, convolutional, recurrent, nested, called])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "adadelta"])
def test_predictions_and_the_next_losses(make, optimizer, package, tmp_path):
    kforge.backend.clear_session()
    model, shapes = make()
    model.compile(optimizer, "mse", metrics=["mae"])
    arrays = {f"x{i}": random.rand(6, *s).astype("float32") for i, s in enumerate(shapes)}
    x, y = list(arrays.values()), random.rand(6, 2).astype("float32")
    x = x[0] if len(x) == 1 else x
    for _ in range(3):
        model.train_on_batch(x, y)
    np.savez(tmp_path / "batch.npz", y=y, **arrays)
    model.save(tmp_path / "model.h5")
    run(READ, package, *(tmp_path / name for name in ("model.h5", "batch.npz", "found.json")))
    found = json.loads((tmp_path / "found.json").read_text())
    np.testing.assert_allclose(found["predict"], model.predict(x), rtol=1e-4, atol=1e-6)
    resumed = [model.train_on_batch(x, y)[0] for _ in range(3)]
    # On TensorFlow 1, chance decides whether Adam counts a step before it or after it.
    by_chance = optimizer == "adam" and package == "keras"
    np.testing.assert_allclose(found["resume"], resumed, rtol=2e-2 if by_chance else 1e-4)
    assert found["resume"][0] == pytest.approx(resumed[0], rel=1e-4)


def cudnn():
    return Sequential(
        [
            L.Bidirectional(L.CuDNNLSTM(3, return_sequences=True), input_shape=(5, 4)),
            L.CuDNNGRU(3, bias_initializer="random_normal"),
        ]
    )


def enlarged():
    return Sequential(
        [L.UpSampling2D((2, 3), interpolation="bilinear_half_pixel", input_shape=(3, 4, 2))]
    )


def operations():
    path = pathlib.Path(__file__).parent.parent / "data" / "foreign" / "tf_keras_operations.h5"
    return load_model(path, compile=False)


def test_the_dialect_of_tf_keras(tmp_path):
    """What Keras 2.3.1 has no words for, or other ones."""
    made = {}
    for make in (cudnn, enlarged, operations):
        model, path = make(), tmp_path / make.__name__
        x = [random.rand(2, *tensor.shape[1:]).astype("float32") for tensor in model.inputs]
        model.save(f"{path}.safetensors", include_optimizer=False)
        command = [f"{path}.safetensors", f"{path}.h5", "--dialect", "tf_keras", "--check"]
        assert main(command) == 0
        np.savez(f"{path}.npz", **{f"x{i}": array for i, array in enumerate(x)})
        made[path] = model.predict(x)
    run(PREDICT, "tf_keras", *made)
    for path, wanted in made.items():
        np.testing.assert_allclose(np.load(f"{path}.npy"), wanted, rtol=1e-4, atol=1e-6)

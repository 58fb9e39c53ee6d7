"""Writes `foreign/`: small models saved by tf_keras and by Keras 3, and what they compute then.

    python record_foreign.py tf_keras     (tf_keras 2.21, TensorFlow 2.21)
    python record_foreign.py keras        (Keras 3.15 on TensorFlow)

Words after the package choose the cases whose names have them; the others stay as they are.

Each compiled model was trained for three steps; `resume` has the losses of the next three.
"""

import importlib
import json
import os
import sys
import warnings

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "foreign")
random = np.random.RandomState(0)
X, Y = random.rand(8, 4).astype("float32"), random.rand(8, 2).astype("float32")

OPTIMIZERS = {
    "keras": [
        *["SGD momentum=0.9", "RMSprop", "Adagrad", "Adadelta", "Adam amsgrad=1", "Adamax", "Nadam"]
    ],
    "tf_keras": ["RMSprop", "Adagrad", "Adadelta", "Adam amsgrad=1", "Adamax"],
    "tf_keras legacy": [
        *["SGD", "SGD momentum=0.9", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adam amsgrad=1"],
        *["Adamax", "Nadam"],
    ],
}


def optimizer_file(K, name, optimizer):
    """A compiled model with this optimizer, after three steps."""
    L = K.layers
    K.utils.set_random_seed(0)
    inputs = K.Input((4,))
    hidden = L.BatchNormalization()(L.Dense(3, activation="tanh")(inputs))
    model = K.Model(inputs, L.Dense(2)(L.Concatenate()([hidden, inputs])))
    kind, *options = optimizer.split()
    module = K.optimizers.legacy if "legacy" in name else K.optimizers
    options = {k: float(v) for k, v in (option.split("=") for option in options)}
    model.compile(getattr(module, kind)(**options), "mse", metrics=["mae"])
    for _ in range(3):
        model.train_on_batch(X, Y)
    found = save(model, f"{name} {optimizer}", X)
    found["resume"] = []
    for _ in range(3):
        model.reset_metrics()
        found["resume"].append(float(model.train_on_batch(X, Y)[0]))
    return found


def save(model, name, *inputs):
    """Saves a model and gives its predictions."""
    file = name.replace(" ", "_").replace("=", "_") + ".h5"
    model.save(os.path.join(FOLDER, file))
    predicted = model.predict(inputs[0] if len(inputs) == 1 else list(inputs), verbose=0)
    return {
        "file": file,
        "inputs": [x.tolist() for x in inputs],
        "predict": np.asarray(predicted).tolist(),
    }


def recurrent(K):
    """Wrappers and recurrent layers, whose weights have other names."""
    L = K.layers
    K.utils.set_random_seed(0)
    return K.Sequential(
        [
            K.Input((5, 3)),
            L.Bidirectional(L.LSTM(3, return_sequences=True)),
            L.TimeDistributed(L.Dense(2)),
            L.Conv1D(3, 2),
            L.LeakyReLU(0.1),
            L.GRU(2),
        ]
    )


def operations(K):
    """TensorFlow functions between layers."""
    import tensorflow as tf

    K.utils.set_random_seed(0)
    a, b = K.Input((6,)), K.Input((6,))
    h = tf.nn.relu(K.layers.Dense(6)(a)) + b
    h = 1.0 - h * 2.0
    h = tf.reshape(h[:, 1:5], (-1, 2, 2))
    h = tf.squeeze(tf.reduce_mean(h, axis=1, keepdims=True), 1)
    h = tf.concat([h, b[:, :2]], axis=-1)
    h = tf.cast(tf.expand_dims(h, -1), "float32")
    h = (tf.math.sqrt(tf.abs(h) + 1e-3) / 2.0)[..., 0]
    h = tf.nn.softmax(tf.clip_by_value(-h, -1, 1)) ** 2
    h = tf.stack([h, tf.maximum(h, 0.1)], 1)
    h = tf.matmul(h, h, transpose_b=True)
    return K.Model([a, b], K.layers.Dense(2)(tf.split(h, 2, axis=1)[0]))


def nested(K):
    """A model in a model, and words with a mask."""
    L = K.layers
    K.utils.set_random_seed(0)
    inner = K.Sequential([K.Input((3,)), L.Dense(4, trainable=False), L.Dense(2)], name="inner")
    words = K.Input((None,))
    hidden = L.Dropout(0.5)(L.GRU(3)(L.Embedding(6, 4, mask_zero=True)(words)))
    return K.Model(words, L.Add()([inner(hidden), inner(L.ReLU()(hidden))]))


def enlarged(K):
    """Images enlarged bilinearly."""
    K.utils.set_random_seed(0)
    images = K.Input((3, 4, 2))
    return K.Model(images, K.layers.UpSampling2D((2, 3), interpolation="bilinear")(images))


def cases(package, K):
    """{name: a function that saves the case}."""
    found = {}
    for name in (n for n in OPTIMIZERS if n.split()[0] == package):
        for optimizer in OPTIMIZERS[name]:
            found[f"{name} {optimizer}"] = lambda n=name, o=optimizer: optimizer_file(K, n, o)
    numbers = np.random.RandomState(1)
    inputs = {
        recurrent: [numbers.rand(4, 5, 3)],
        nested: [np.array([[1.0, 2, 3, 0], [4, 0, 0, 0], [5, 4, 3, 2]])],
        enlarged: [numbers.rand(2, 3, 4, 2)],
        operations: np.random.RandomState(1).rand(2, 3, 6),
    }
    for make, x in inputs.items():
        if make is not operations or package == "tf_keras":
            name = f"{package} {make.__name__}"
            x = [array.astype("float32") for array in x]
            found[name] = lambda make=make, name=name, x=x: save(make(K), name, *x)
    return found


def main(package, *words):
    warnings.simplefilter("ignore")
    K = importlib.import_module(package)
    path = os.path.join(FOLDER, f"{package}.json")
    found = {}
    if words:
        with open(path) as file:
            found = json.load(file)["cases"]
    for name, record in cases(package, K).items():
        if not words or set(words) & set(name.split()):
            found[name] = record()
    with open(path, "w") as file:
        json.dump({"made_by": f"{package} {K.__version__}", "cases": found}, file)
    np.savez(os.path.join(FOLDER, "batch.npz"), x=X, y=Y)


if __name__ == "__main__":
    main(*sys.argv[1:])

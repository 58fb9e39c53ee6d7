"""Trains in various ways and writes all results to a file, one for each process: `parallel.py OUT`.

An ordinary Keras script but for that file's name. Run by tests/test_parallel.py.
"""

import os
import random
import sys

import numpy as np
from keras import backend as K
from keras.callbacks import CSVLogger, EarlyStopping, LambdaCallback, ModelCheckpoint
from keras.layers import LSTM, BatchNormalization, Dense, Input
from keras.models import Model, Sequential, load_model
from keras.optimizers import SGD, Adam
from keras.utils import Sequence

folder, rank = sys.argv[1], int(os.environ.get("RANK", 0))
random.seed(7)
rng = np.random.RandomState(0)
x, y = rng.rand(23, 6), rng.rand(23, 3)  # 23 = 8 + 8 + 7: shares of 4 and 3 samples
results = {}


def keep(name, model, history=None, **more):
    results[f"{name}.weights"] = np.concatenate([w.ravel() for w in model.get_weights()])
    results.update({f"{name}.{k}": v for k, v in (history.history if history else {}).items()})
    results.update({f"{name}.{k}": v for k, v in more.items()})


def level(y_true, y_pred):
    return K.mean(y_pred)  # one value a batch


def two_headed():
    a = Input((6,))
    h = Dense(5, activation="tanh", kernel_regularizer="l2")(a)
    model = Model(a, [Dense(3, name="out")(h), Dense(2, name="aux")(h)])
    model.add_loss(0.1 * K.mean(K.square(h)))
    model.add_metric(K.mean(h), name="h")
    # The weights of the first process count: those of the others must not.
    start = np.random.RandomState(rank)
    model.set_weights([start.randn(*w.shape) / 3 for w in model.get_weights()])
    return model


class Batches(Sequence):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return x[i * 8 : i * 8 + 8], [y[i * 8 : i * 8 + 8], y[i * 8 : i * 8 + 8, :2]]


def generated():
    while True:
        yield from Batches()


# ---- arrays, generators, single batches ----

np.random.seed(3 + rank)  # the first process decides how samples are shuffled
model = two_headed()
model.compile(Adam(0.01), "mse", metrics=["mae", level], loss_weights=[1, 0.5])
weights = [rng.rand(23), np.ones(23)]
fitted = model.fit(x, [y, y[:, :2]], 8, 3, validation_split=0.2, sample_weight=weights, verbose=2)
keep("arrays", model, fitted, evaluated=model.evaluate(x, [y, y[:, :2]], verbose=0))
fitted = model.fit_generator(
    generated(), 3, 2, verbose=0, validation_data=generated(), validation_steps=2
)
keep("generator", model, fitted, predicted=np.hstack(model.predict(x, batch_size=5)))
keep("sequence", model, model.fit_generator(Batches(), epochs=2, workers=2, verbose=0))
batches = [model.train_on_batch(x[:n], [y[:n], y[:n, :2]]) for n in (7, 1, 8)]
keep("batches", model, trained=batches, tested=model.test_on_batch(x[:1], [y[:1], y[:1, :2]]))

# ---- accumulated gradients ----

model = two_headed()
model.compile(SGD(0.1, momentum=0.9), "mse", accumulate_steps=2)
keep("accumulated", model, model.fit(x, [y, y[:, :2]], 8, 2, shuffle=False, verbose=0))

# ---- what every process computes whole ----


class Plain(SGD):
    def get_updates(self, loss, params):
        grads = self.get_gradients(loss, params)
        self.updates = [K.update_sub(p, self.lr * g) for p, g in zip(params, grads)]
        return self.updates


model = two_headed()
model.compile(Plain(0.1), "mse", metrics=["mae"])
keep("traced", model, model.fit(x, [y, y[:, :2]], 8, 2, shuffle=False, verbose=0))

model = Sequential([LSTM(3, stateful=True, batch_input_shape=(4, 2, 3)), Dense(1)])
model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
model.compile("sgd", "mse", metrics=["mae"])
steps = x[:20].reshape(20, 2, 3)
keep("stateful", model, model.fit(steps, y[:20, :1], 4, 2, shuffle=False, verbose=0))

# ---- callbacks and files ----

path = os.path.join(folder, "best.h5")
seen = []
model = two_headed()
model.compile("sgd", "mse")
model.fit(
    x,
    [y, y[:, :2]],
    epochs=20,
    verbose=0,
    validation_split=0.3,
    callbacks=[
        EarlyStopping(min_delta=0.01, patience=2),
        ModelCheckpoint(path, save_best_only=True),
        CSVLogger(os.path.join(folder, f"log{rank}.csv")),
        LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["val_loss"])),
    ],
)
keep("callbacks", load_model(path), seen=seen)  # written in whole before any process reads it
model.save(os.path.join(folder, "model.h5"))
keep("saved", load_model(os.path.join(folder, "model.h5")))

# ---- what differs from one process: statistics, noise ----

norm = BatchNormalization(momentum=0.5)
model = Sequential([Dense(6, weights=[np.eye(6), np.zeros(6)], input_shape=(6,)), norm])
model.compile(SGD(0.0), "mse")
model.train_on_batch(x[:8], x[:8])
results["own.statistics"] = norm.get_weights()[2:]
results["process.noise"] = K.eval(K.random_uniform((4,)))

print("finished")
np.savez(os.path.join(folder, f"results{rank}.npz"), **results)

"""What `compile`, `fit`, `evaluate` and `predict` take, and what they give."""

import numpy as np
from keras.layers import Dense, Input, TimeDistributed
from keras.models import Model, Sequential

np.random.seed(0)
x, classes = np.random.rand(40, 4), np.random.randint(0, 3, 40)
y = np.eye(3)[classes]


def classifier(**more):
    model = Sequential([Dense(3, activation="softmax", input_dim=4, kernel_initializer="ones")])
    model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"], **more)
    return model


# Weights of classes are those of their samples.
model, other = classifier(), classifier()
model.fit(x, y, class_weight={0: 1.0, 1: 5.0, 2: 0.5}, shuffle=False, verbose=0)
other.fit(x, y, sample_weight=np.array([1.0, 5.0, 0.5])[classes], shuffle=False, verbose=0)
assert all(np.allclose(a, b) for a, b in zip(model.get_weights(), other.get_weights()))

# `epochs` is the last epoch, not their number; a batch has 32 samples unless told otherwise.
model = classifier()
assert model.fit(x, y, epochs=5, initial_epoch=3, verbose=0).epoch == [3, 4]
assert model.optimizer.get_weights()[0] == 4
model.fit(x, y, batch_size=8, verbose=0)
assert model.optimizer.get_weights()[0] == 9
# validation_data goes before validation_split
history = model.fit(x, y, validation_split=0.5, validation_data=(x[:5], y[:5]), verbose=0).history
loss, accuracy = model.evaluate(x[:5], y[:5], verbose=0)
assert np.isclose(history["val_loss"][0], loss)
assert dict(zip(model.metrics_names, [loss, accuracy])).keys() == {"loss", "accuracy"}

# Weights of steps.
model = Sequential([TimeDistributed(Dense(1), input_shape=(6, 4))])
model.compile("sgd", "mse", sample_weight_mode="temporal")
steps, targets = np.random.rand(8, 6, 4), np.random.rand(8, 6, 1)
weights = np.zeros((8, 6))
weights[:, 2] = 1
found = model.evaluate(steps, targets, sample_weight=weights, verbose=0)
expected = np.mean((model.predict(steps)[:, 2] - targets[:, 2]) ** 2) / 6
assert np.isclose(found, expected, rtol=1e-4)

# Metrics for one of two outputs, weighted or not; a list or a dictionary.
a = Input((4,))
two = Model(a, [Dense(1, name="output_a")(a), Dense(1, name="output_b")(a)])
two.compile("sgd", "mse", metrics={"output_a": "mae"}, weighted_metrics={"output_b": ["mse"]})
two.fit(x, [y[:, :1], y[:, 1:2]], verbose=0)
assert two.metrics_names == [
    "loss",
    "output_a_loss",
    "output_b_loss",
    "output_a_mae",
    "output_b_mse",
]
assert [p.shape for p in two.predict(x)] == [(40, 1), (40, 1)]

for wrong in (
    {"optimizer": "no_such_optimizer", "loss": "mse"},
    {"optimizer": "sgd", "loss": "no_such_loss"},
    {"optimizer": "sgd", "loss": ["mse", "mse", "mse"]},
    {"optimizer": "sgd", "loss": "mse", "metrics": ["no_such_metric"]},
):
    try:
        two.compile(**wrong)
    except ValueError:
        continue
    raise AssertionError(f"compile took {wrong}")
for arrays in ((x[:, :3], y), (x, y[:, :2]), (x, y[:10])):
    try:
        classifier().fit(*arrays, verbose=0)
    except ValueError:
        continue
    raise AssertionError("data that do not fit the model were taken")

"""Losses and metrics of every epoch."""

import numpy as np
from keras.layers import Dense
from keras.models import Sequential

x, y = np.random.rand(30, 3), np.random.randint(0, 2, (30, 1))
model = Sequential([Dense(1, activation="sigmoid", input_dim=3)])
model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
hist = model.fit(x, y, validation_split=0.2, epochs=4, verbose=0)
print(hist.history)
assert set(hist.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
assert hist.epoch == [0, 1, 2, 3] and all(len(v) == 4 for v in hist.history.values())
loss, accuracy = model.evaluate(x[24:], y[24:], verbose=0)
assert np.isclose(hist.history["val_loss"][-1], loss)
assert np.isclose(hist.history["val_accuracy"][-1], accuracy)
assert hist.history["loss"][-1] < hist.history["loss"][0]

"""Data in HDF5 files, as they are and as HDF5Matrix."""

import os

import h5py
import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from keras.utils import HDF5Matrix
from keras.utils.io_utils import HDF5Matrix as the_same

assert HDF5Matrix is the_same
os.mkdir("input")
x, y = np.random.rand(50, 4).astype("float32"), np.random.rand(50, 1).astype("float32")
with h5py.File("input/file.hdf5", "w") as f:
    f["x_data"], f["y_data"] = x, y

model = Sequential([Dense(1, input_dim=4)])
model.compile("sgd", "mse")
with h5py.File("input/file.hdf5", "r") as f:
    x_data = f["x_data"]
    assert np.allclose(model.predict(x_data), model.predict(x))

train = [HDF5Matrix("input/file.hdf5", name, 0, 40) for name in ("x_data", "y_data")]
held_x = HDF5Matrix("input/file.hdf5", "x_data", start=40, end=50, normalizer=lambda a: a)
held_y = HDF5Matrix("input/file.hdf5", "y_data", start=40, end=50)
history = model.fit(
    *train, shuffle="batch", batch_size=8, epochs=5, validation_data=(held_x, held_y), verbose=0
).history
assert history["loss"][-1] < history["loss"][0]
assert np.isclose(model.evaluate(held_x, held_y, verbose=0), history["val_loss"][-1])
assert np.allclose(model.predict(held_x), model.predict(x[40:]), atol=1e-6)

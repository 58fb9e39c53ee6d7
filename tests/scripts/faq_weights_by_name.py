"""Weights into another architecture that has some of the layers."""

import numpy as np
from keras.layers import Dense
from keras.models import Sequential

fname = "weights.h5"
model = Sequential()
model.add(Dense(2, input_dim=3, name="dense_1"))
model.add(Dense(3, name="dense_2"))
model.save_weights(fname)
first = model.get_weights()

model = Sequential()
model.add(Dense(2, input_dim=3, name="dense_1"))
model.add(Dense(10, name="new_dense"))
before = model.get_weights()
model.load_weights(fname, by_name=True)
after = model.get_weights()

assert np.array_equal(after[0], first[0]) and np.array_equal(after[1], first[1])
assert np.array_equal(after[2], before[2]) and after[2].shape == (2, 10)

try:
    model.load_weights(fname)
except ValueError as error:
    assert "new_dense" in str(error), error
else:
    raise AssertionError("weights of another shape were loaded")

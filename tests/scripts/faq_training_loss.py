"""Why the loss of training is higher than that of testing."""

import numpy as np
from keras.layers import Dense, Dropout
from keras.models import Sequential

np.random.seed(0)
x = np.random.rand(400, 6)
y = x.dot(np.random.rand(6, 1))
model = Sequential([Dense(64, activation="relu", input_dim=6), Dropout(0.5), Dense(1)])
model.compile("adam", "mse")
history = model.fit(x, y, epochs=5, batch_size=20, verbose=0).history["loss"]
assert model.evaluate(x, y, verbose=0) < history[-1]  # no dropout, and the weights of the end
assert np.array_equal(model.predict(x), model.predict(x))

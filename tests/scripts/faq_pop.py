"""The last layer of a Sequential model comes off."""

import numpy as np
from keras.layers import Dense
from keras.models import Sequential

model = Sequential()
model.add(Dense(32, activation="relu", input_dim=784))
model.add(Dense(32, activation="relu"))
print(len(model.layers))
assert len(model.layers) == 2
hidden = model.layers[0].get_weights()

model.pop()
print(len(model.layers))
assert len(model.layers) == 1 and model.output_shape == (None, 32)
model.add(Dense(3))
model.compile("sgd", "mse")
assert model.train_on_batch(np.ones((2, 784)), np.ones((2, 3))) >= 0
assert model.predict(np.ones((2, 784))).shape == (2, 3)
assert hidden[0].shape == (784, 32)

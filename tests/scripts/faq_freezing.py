"""Layers that keep their weights; two models, one layer, different freezing."""
# warns: Discrepancy between trainable weights and collected trainable weights

import numpy as np
from keras.layers import Dense, Input
from keras.models import Model, Sequential

data, labels = np.random.rand(40, 32), np.random.rand(40, 32)

frozen_layer = Dense(32, trainable=False)
model = Sequential([frozen_layer, Dense(32)])
model.compile("rmsprop", "mse")
model.fit(data, labels, verbose=0)
first = frozen_layer.get_weights()
model.fit(data, labels, verbose=0)
assert np.array_equal(frozen_layer.get_weights()[0], first[0])
assert len(model.trainable_weights) == 2

x = Input(shape=(32,))
layer = Dense(32)
layer.trainable = False
y = layer(x)

frozen_model = Model(x, y)
frozen_model.compile(optimizer="rmsprop", loss="mse")
layer.trainable = True
trainable_model = Model(x, y)
trainable_model.compile(optimizer="rmsprop", loss="mse")

start = layer.get_weights()[0]
frozen_model.fit(data, labels, verbose=0)
assert np.array_equal(layer.get_weights()[0], start)
trainable_model.fit(data, labels, verbose=0)
assert not np.array_equal(layer.get_weights()[0], start)
# The weights are those of both models.
assert np.array_equal(frozen_model.predict(data), trainable_model.predict(data))

"""A layer of one's own in saved models: by argument, by scope, in JSON and YAML."""

import numpy as np
from keras import backend as K
from keras.engine.topology import Layer
from keras.layers import LSTM, Dense, Input
from keras.models import Model, load_model, model_from_json, model_from_yaml
from keras.utils import CustomObjectScope


class AttentionLayer(Layer):
    """Sums the steps of a sequence, each with its weight."""

    def __init__(self, units=4, **kwargs):
        self.units = units
        super(AttentionLayer, self).__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight("W", shape=(input_shape[-1], self.units), initializer="uniform")
        self.u = self.add_weight(name="u", shape=(self.units, 1), initializer="uniform")
        super(AttentionLayer, self).build(input_shape)

    def call(self, x):
        scores = K.dot(K.tanh(K.dot(x, self.W)), self.u)
        weights = K.softmax(scores, axis=1)
        return K.sum(weights * x, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])

    def get_config(self):
        config = super(AttentionLayer, self).get_config()
        config["units"] = self.units
        return config


def half_error(y_true, y_pred):
    return K.mean(K.abs(y_true - y_pred), axis=-1) / 2


words = Input(shape=(6, 3))
model = Model(words, Dense(1)(AttentionLayer(units=5)(LSTM(4, return_sequences=True)(words))))
model.compile("rmsprop", loss=half_error)
x, y = np.random.rand(12, 6, 3), np.random.rand(12, 1)
model.fit(x, y, verbose=0)
model.save("my_model.h5")
expected = model.predict(x)

mine = {"AttentionLayer": AttentionLayer, "half_error": half_error}
loaded = load_model("my_model.h5", custom_objects=mine)
assert np.allclose(loaded.predict(x), expected) and loaded.layers[2].units == 5
with CustomObjectScope(mine):
    loaded = load_model("my_model.h5")
assert np.allclose(loaded.predict(x), expected)
for rebuild, text in ((model_from_json, model.to_json()), (model_from_yaml, model.to_yaml())):
    twin = rebuild(text, custom_objects={"AttentionLayer": AttentionLayer})
    twin.set_weights(model.get_weights())
    assert np.allclose(twin.predict(x), expected)

try:
    load_model("my_model.h5")
except ValueError as error:
    assert "AttentionLayer" in str(error), error
else:
    raise AssertionError("an unknown layer was loaded")

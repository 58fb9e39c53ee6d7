"""Whole models, architectures alone, weights alone."""

import numpy as np
from keras.layers import Dense, Dropout
from keras.models import Sequential, load_model, model_from_json, model_from_yaml

x, y = np.random.rand(40, 5), np.random.rand(40, 2)
model = Sequential()
model.add(Dense(8, input_dim=5, activation="relu"))
model.add(Dropout(0.3))
model.add(Dense(2))
model.compile(loss="mse", optimizer="adam", metrics=["mae"])
model.fit(x, y, epochs=2, verbose=0)
expected, weights = model.predict(x), model.get_weights()

# The file has the architecture, the weights, how the model is trained, and where it was.
model.save("my_model.h5")
loss_before = model.evaluate(x, y, verbose=0)
moments = model.optimizer.get_weights()
del model
model = load_model("my_model.h5")
assert np.array_equal(model.predict(x), expected)
assert model.evaluate(x, y, verbose=0) == loss_before
assert all(np.array_equal(a, b) for a, b in zip(model.optimizer.get_weights(), moments))
model.fit(x, y, verbose=0)  # it is compiled, and goes on

# The architecture alone, as text that people can read and edit.
json_string, yaml_string = model.to_json(), model.to_yaml()
assert '"units": 8' in json_string and "units: 8" in yaml_string
for fresh in (
    model_from_json(json_string),
    model_from_yaml(yaml_string),
    model_from_json(json_string.replace('"units": 8', '"units": 9')),
):
    assert [layer.name for layer in fresh.layers] == [layer.name for layer in model.layers]
assert fresh.layers[0].units == 9
assert not np.array_equal(fresh.layers[2].get_weights()[0][:8], weights[2])  # new weights

# The weights alone.
model.save_weights("my_model_weights.h5")
fresh = model_from_json(json_string)
fresh.load_weights("my_model_weights.h5")
assert np.array_equal(fresh.predict(x), model.predict(x))

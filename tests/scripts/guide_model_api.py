"""Attributes and methods of models, and a model that is a class of its own."""

import keras
import numpy as np
from keras.layers import Dense, Input
from keras.models import Model, Sequential, model_from_json, model_from_yaml

model = Sequential([Dense(4, activation="relu", input_dim=3, name="first"), Dense(2)])
assert [type(layer) for layer in model.layers] == [Dense, Dense]
assert len(model.inputs) == len(model.outputs) == 1
lines = []
model.summary(print_fn=lines.append)
assert any("first (Dense)" in line for line in lines) and "Total params: 26" in lines[-4]

config = model.get_config()
twin = Sequential.from_config(config)
twin.set_weights(model.get_weights())
x = np.random.rand(5, 3)
assert np.array_equal(twin.predict(x), model.predict(x))
functional = Model.from_config(Model(model.inputs, model.outputs).get_config())
functional.set_weights(model.get_weights())
assert np.array_equal(functional.predict(x), model.predict(x))
for fresh in (model_from_json(model.to_json()), model_from_yaml(model.to_yaml())):
    assert [w.shape for w in fresh.get_weights()] == [(3, 4), (4,), (4, 2), (2,)]
assert model.get_layer("first") is model.layers[0] is model.get_layer(index=0)
for wrong in ({"name": "third"}, {"index": 5}):
    try:
        model.get_layer(**wrong)
    except ValueError:
        continue
    raise AssertionError("there is no such layer")
try:
    model.set_weights(model.get_weights()[:-1])
except ValueError:
    pass
else:
    raise AssertionError("too few weights")
try:
    model.fit(x, np.zeros((5, 2)))
except RuntimeError as error:
    assert "compile" in str(error)
else:
    raise AssertionError("the model is not compiled")


class SimpleMLP(keras.Model):
    def __init__(self, use_bn=False, use_dp=False, num_classes=10):
        super(SimpleMLP, self).__init__(name="mlp")
        self.use_bn = use_bn
        self.use_dp = use_dp
        self.num_classes = num_classes
        self.dense1 = keras.layers.Dense(32, activation="relu")
        self.dense2 = keras.layers.Dense(num_classes, activation="softmax")
        if self.use_dp:
            self.dp = keras.layers.Dropout(0.5)
        if self.use_bn:
            self.bn = keras.layers.BatchNormalization(axis=-1)

    def call(self, inputs):
        x = self.dense1(inputs)
        if self.use_dp:
            x = self.dp(x)
        if self.use_bn:
            x = self.bn(x)
        return self.dense2(x)


model = SimpleMLP(use_bn=True, use_dp=True)
model.compile("sgd", "categorical_crossentropy", metrics=["accuracy"])
x, y = np.random.rand(30, 6), np.eye(10)[np.random.randint(0, 10, 30)]
history = model.fit(x, y, epochs=2, validation_split=0.1, verbose=0)
assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
assert model.predict(x).shape == (30, 10) and len(model.get_weights()) == 8
for method in (model.to_json, model.get_config, lambda: model.save("mlp.h5")):
    try:
        method()
    except NotImplementedError:
        continue
    raise AssertionError("a model whose topology is code has no config")
model.save_weights("mlp.h5")
other = SimpleMLP(use_bn=True, use_dp=True)
other.predict(x)
other.load_weights("mlp.h5")
assert np.allclose(other.predict(x), model.predict(x), atol=1e-6)

a = Input(shape=(3,))
assert Model(a, Dense(2)(a)).predict_on_batch(np.zeros((2, 3))).shape == (2, 2)

"""The functional interface: models as layers, several inputs and outputs, shared layers."""

import keras
import numpy as np
from keras.layers import LSTM, Conv2D, Dense, Embedding, Input, TimeDistributed
from keras.models import Model

np.random.seed(0)

# A model is called like a layer, with its weights.
inputs = Input(shape=(784,))
x = Dense(64, activation="relu")(inputs)
x = Dense(64, activation="relu")(x)
predictions = Dense(10, activation="softmax")(x)
model = Model(inputs=inputs, outputs=predictions)
model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
data, labels = np.random.rand(20, 784), np.eye(10)[np.random.randint(0, 10, 20)]
model.fit(data, labels, verbose=0)

again = Input(shape=(784,))
assert np.allclose(Model(again, model(again)).predict(data), model.predict(data), atol=1e-6)
input_sequences = Input(shape=(5, 784))
processed_sequences = TimeDistributed(model)(input_sequences)
video = np.random.rand(2, 5, 784)
found = Model(input_sequences, processed_sequences).predict(video)
assert found.shape == (2, 5, 10) and np.allclose(found[:, 3], model.predict(video[:, 3]), atol=1e-6)

# Two inputs, and a loss in the middle.
main_input = Input(shape=(20,), dtype="int32", name="main_input")
x = Embedding(output_dim=16, input_dim=100, input_length=20)(main_input)
lstm_out = LSTM(8)(x)
auxiliary_output = Dense(1, activation="sigmoid", name="aux_output")(lstm_out)
auxiliary_input = Input(shape=(5,), name="aux_input")
x = keras.layers.concatenate([lstm_out, auxiliary_input])
x = Dense(16, activation="relu")(x)
main_output = Dense(1, activation="sigmoid", name="main_output")(x)
model = Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])
headlines, additional = np.random.randint(1, 100, (30, 20)), np.random.rand(30, 5)
y = np.random.randint(0, 2, (30, 1))

model.compile("rmsprop", "binary_crossentropy", loss_weights=[1.0, 0.2])
history = model.fit([headlines, additional], [y, y], epochs=2, batch_size=32, verbose=0).history
assert sorted(history) == ["aux_output_loss", "loss", "main_output_loss"]
assert np.isclose(
    history["loss"][0], history["main_output_loss"][0] + 0.2 * history["aux_output_loss"][0]
)
model.compile(
    optimizer="rmsprop",
    loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
    loss_weights={"main_output": 1.0, "aux_output": 0.2},
)
named = {"main_input": headlines, "aux_input": additional}
model.fit(named, {"main_output": y, "aux_output": y}, epochs=1, batch_size=32, verbose=0)
main, aux = model.predict(named)
assert np.allclose(main, model.predict([headlines, additional])[0])

# One LSTM for two tweets.
tweet_a, tweet_b = Input(shape=(28, 16)), Input(shape=(28, 16))
shared_lstm = LSTM(12)
encoded_a, encoded_b = shared_lstm(tweet_a), shared_lstm(tweet_b)
merged_vector = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)
predictions = Dense(1, activation="sigmoid")(merged_vector)
model = Model(inputs=[tweet_a, tweet_b], outputs=predictions)
model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
a, b = np.random.rand(2, 10, 28, 16)
model.fit([a, b], np.random.randint(0, 2, 10), verbose=0)
assert len(model.trainable_weights) == 5

# What a layer with one call knows of its output, and a shared one of each.
a, b = Input(shape=(28, 16)), Input(shape=(28, 16))
lstm = LSTM(4)
encoded_a = lstm(a)
assert lstm.output is encoded_a or lstm.output.name == encoded_a.name
encoded_b = lstm(b)
for name in ("output", "output_shape"):
    try:
        value = getattr(lstm, name)
    except AttributeError as error:
        assert "multiple inbound nodes" in str(error), error
    else:
        assert name == "output_shape" and value == (None, 4)  # the same in both
assert lstm.get_output_at(0) is encoded_a and lstm.get_output_at(1) is encoded_b

small, large = Input(shape=(32, 32, 3)), Input(shape=(64, 64, 3))
conv = Conv2D(4, (3, 3), padding="same")
conved_a = conv(small)
assert conv.input_shape == (None, 32, 32, 3)
conved_b = conv(large)
assert conv.get_input_shape_at(0) == (None, 32, 32, 3)
assert conv.get_input_shape_at(1) == (None, 64, 64, 3)
try:
    print(conv.input_shape)
except AttributeError:
    pass
else:
    raise AssertionError("one input shape of two")

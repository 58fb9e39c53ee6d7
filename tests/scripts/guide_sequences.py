"""Sequences: LSTM over words, convolutions, stacks of LSTMs, with and without states."""

import numpy as np
from keras.layers import (
    LSTM,
    Conv1D,
    Dense,
    Dropout,
    Embedding,
    GlobalAveragePooling1D,
    MaxPooling1D,
)
from keras.models import Sequential

np.random.seed(0)
max_features = 50
words = np.random.randint(1, max_features, (60, 12))
y = (words < 25).mean(1, keepdims=True).round()

model = Sequential()
model.add(Embedding(max_features, output_dim=16))
model.add(LSTM(16))
model.add(Dropout(0.2))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
losses = model.fit(words, y, batch_size=16, epochs=8, verbose=0).history["loss"]
assert losses[-1] < losses[0] and model.output_shape == (None, 1)

seq_length = 40
model = Sequential()
model.add(Conv1D(8, 3, activation="relu", input_shape=(seq_length, 10)))
model.add(Conv1D(8, 3, activation="relu"))
model.add(MaxPooling1D(3))
model.add(Conv1D(16, 3, activation="relu"))
model.add(Conv1D(16, 3, activation="relu"))
model.add(GlobalAveragePooling1D())
model.add(Dropout(0.5))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
model.fit(np.random.rand(32, seq_length, 10), np.random.randint(0, 2, 32), 16, 1, verbose=0)
assert model.layers[4].output_shape == (None, 8, 16)

data_dim, timesteps, num_classes = 6, 8, 3
x_train, y_train = np.random.random((64, timesteps, data_dim)), np.eye(3)[np.arange(64) % 3]
x_val, y_val = np.random.random((32, timesteps, data_dim)), np.eye(3)[np.arange(32) % 3]

model = Sequential()
model.add(LSTM(8, return_sequences=True, input_shape=(timesteps, data_dim)))
model.add(LSTM(8, return_sequences=True))
model.add(LSTM(8))
model.add(Dense(num_classes, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
history = model.fit(
    x_train, y_train, batch_size=16, epochs=2, validation_data=(x_val, y_val), verbose=0
)
assert [layer.output_shape for layer in model.layers[:3]] == [(None, 8, 8), (None, 8, 8), (None, 8)]
assert len(history.history["val_accuracy"]) == 2

batch_size = 16
model = Sequential()
model.add(
    LSTM(
        8, return_sequences=True, stateful=True, batch_input_shape=(batch_size, timesteps, data_dim)
    )
)
model.add(LSTM(8, return_sequences=True, stateful=True))
model.add(LSTM(8, stateful=True))
model.add(Dense(num_classes, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=2,
    shuffle=False,
    validation_data=(x_val, y_val),
    verbose=0,
)
first = model.predict(x_val, batch_size=batch_size)
assert not np.allclose(first, model.predict(x_val, batch_size=batch_size))

"""Recurrent layers that go on where the last batch ended."""

import numpy as np
from keras.layers import LSTM, Dense
from keras.models import Sequential

x = np.random.rand(32, 21, 16)
x /= x.sum(-1, keepdims=True)
model = Sequential()
model.add(LSTM(32, input_shape=(10, 16), batch_size=32, stateful=True))
model.add(Dense(16, activation="softmax"))
model.compile(optimizer="rmsprop", loss="categorical_crossentropy")
assert model.stateful and model.input_shape == (32, 10, 16)

model.train_on_batch(x[:, :10, :], np.reshape(x[:, 10, :], (32, 16)))
model.train_on_batch(x[:, 10:20, :], np.reshape(x[:, 20, :], (32, 16)))
model.reset_states()
model.layers[0].reset_states()

# The same weights without states, over both parts at once.
whole = Sequential([LSTM(32, input_shape=(20, 16)), Dense(16, activation="softmax")])
whole.set_weights(model.get_weights())
expected = whole.predict(x[:, :20])

fresh = model.predict(x[:, :10], batch_size=32)
assert np.allclose(model.predict(x[:, 10:20], batch_size=32), expected, atol=1e-5)
model.reset_states()
assert np.allclose(model.predict(x[:, :10], batch_size=32), fresh, atol=1e-6)
model.layers[0].reset_states()
model.predict_classes(x[:, :10], batch_size=32)  # moves the states, too
assert np.allclose(model.predict_on_batch(x[:, 10:20]), expected, atol=1e-5)

model.reset_states()
model.fit(x[:, :10], x[:, 10], batch_size=32, epochs=1, shuffle=False, verbose=0)
after_fit = model.predict(x[:, :10], batch_size=32)
model.reset_states()
assert not np.allclose(model.predict(x[:, :10], batch_size=32), after_fit)

try:
    model.predict(x[:30, :10], batch_size=30)
except ValueError as error:
    assert "batch size" in str(error)
else:
    raise AssertionError("a batch of another size was taken")

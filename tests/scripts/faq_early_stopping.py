"""Training ends when the validation loss no longer falls."""

import numpy as np
from keras.callbacks import EarlyStopping
from keras.layers import Dense
from keras.models import Sequential

np.random.seed(0)
x, y = np.random.rand(60, 4), np.random.rand(60, 1)  # nothing to learn: it overfits
model = Sequential([Dense(64, activation="relu", input_dim=4), Dense(1)])
model.compile("adam", "mse")
early_stopping = EarlyStopping(monitor="val_loss", patience=2)
history = model.fit(x, y, validation_split=0.2, epochs=300, callbacks=[early_stopping], verbose=0)
losses = history.history["val_loss"]
best = int(np.argmin(losses))
assert len(losses) == best + 3 < 300  # two more epochs, neither better than the best
assert early_stopping.stopped_epoch == len(losses) - 1

# As in the notes: on the training loss, and only gains that count.
stop = EarlyStopping(monitor="loss", min_delta=0.003, patience=3, mode="min")
history = model.fit(x, y, epochs=300, callbacks=[stop], verbose=0)
assert len(history.history["loss"]) < 300

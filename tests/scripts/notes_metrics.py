"""Metrics and losses of one's own, watched by callbacks."""

import glob

import numpy as np
from keras import backend as K
from keras import losses, metrics, optimizers
from keras.callbacks import EarlyStopping, ModelCheckpoint, TensorBoard
from keras.layers import Dense
from keras.models import Sequential, load_model

np.random.seed(0)


def mean_pred(y_true, y_pred):
    return K.mean(y_pred)


def dice_coef(y_true, y_pred):
    return (2.0 * K.sum(y_true * y_pred) + 1.0) / (K.sum(y_true) + K.sum(y_pred) + 1.0)


x, y = np.random.rand(80, 6), np.random.randint(0, 2, (80, 1))
model = Sequential([Dense(8, activation="relu", input_dim=6), Dense(1, activation="sigmoid")])
model.compile(
    optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy", mean_pred, dice_coef]
)
callbacks = [
    ModelCheckpoint(
        filepath="net_model.h5",
        monitor="val_dice_coef",
        save_best_only=True,
        save_weights_only=True,
        mode="max",
    ),
    ModelCheckpoint("epoch.{epoch:02d}-{val_loss:.2f}.hdf5", period=2),
    EarlyStopping(monitor="val_accuracy", patience=10),
    TensorBoard(log_dir="log"),
]
history = model.fit(
    x, y, epochs=4, validation_split=0.2, callbacks=callbacks, verbose=0, batch_size=16
).history
assert model.metrics_names == ["loss", "accuracy", "mean_pred", "dice_coef"]
assert len(glob.glob("epoch.0[24]-0.*.hdf5")) == 2 and len(glob.glob("log/*")) >= 1

predicted = model.predict(x)
values = dict(zip(model.metrics_names, model.evaluate(x, y, batch_size=80, verbose=0)))
assert np.isclose(values["mean_pred"], predicted.mean(), atol=1e-6)
assert np.isclose(
    values["dice_coef"], (2 * (predicted * y).sum() + 1) / (predicted.sum() + y.sum() + 1)
)
model.load_weights("net_model.h5")
best = dict(zip(model.metrics_names, model.evaluate(x[64:], y[64:], verbose=0, batch_size=16)))
assert np.isclose(best["dice_coef"], max(history["val_dice_coef"]), atol=1e-5)

mine = {"mean_pred": mean_pred, "dice_coef": dice_coef}
again = load_model(glob.glob("epoch.04*")[0], custom_objects=mine)
assert again.metrics_names == model.metrics_names


# A loss of one's own, by function, and what names stand for.
def loss(y_true, y_pred):
    return losses.binary_crossentropy(y_true, y_pred) + 0.1 * (1 - dice_coef(y_true, y_pred))


model.compile(optimizers.get("adam"), loss=loss, metrics=[metrics.binary_accuracy])
assert model.fit(x, y, epochs=2, verbose=0).history["loss"][1] > 0
assert losses.get("mse") is losses.mean_squared_error
assert isinstance(optimizers.get("sgd"), optimizers.SGD)

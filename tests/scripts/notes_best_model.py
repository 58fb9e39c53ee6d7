"""The best model of a training, kept, loaded, and trained on; arguments as loosely as people write.

`val_acc` is what Keras before 2.3 called `val_accuracy`.
"""
# warns: Update your `fit` call to the Keras 2 API
# warns: epsilon

import numpy as np
from keras import backend as K
from keras.callbacks import ModelCheckpoint, ReduceLROnPlateau, TensorBoard
from keras.layers import GRU, Dense
from keras.models import Sequential, load_model

np.random.seed(0)


def focal_loss(gamma=2.0):
    def focal_loss_fixed(y_true, y_pred):
        p = K.clip(K.sum(y_true * y_pred, axis=-1), K.epsilon(), 1.0)
        return -K.pow(1.0 - p, gamma) * K.log(p)

    return focal_loss_fixed


x, classes = np.random.rand(90, 5, 3), np.random.randint(0, 2, 90)
x[classes == 1] += 0.5
y = np.eye(2)[classes]
model = Sequential([GRU(8, input_shape=(5, 3)), Dense(2, activation="softmax")])
model.compile("adam", loss=focal_loss(), metrics=["accuracy"])
tensorboard = TensorBoard(log_dir="log")
checkpoint = ModelCheckpoint(
    filepath="best_weights.h5", monitor="val_acc", mode="auto", save_best_only="True"
)
reduce_lr = ReduceLROnPlateau(
    monitor="val_loss", factor=0.1, patience=10, mode="auto", epsilon=0.0001, cooldown=0, min_lr=0
)
hist = model.fit(
    x,
    y,
    batch_size=30,
    nb_epoch=12,
    validation_split=0.33,
    shuffle="True",
    verbose="True",
    callbacks=[tensorboard, checkpoint, reduce_lr],
)
with open("log_adam.txt", "w") as f:
    f.write(str(hist.history))
with open("log_adam.txt") as f:
    kept = f.read()
assert "val_accuracy" in kept and len(hist.epoch) == 12

# To predict, the loss need not be known.
best = load_model("best_weights.h5", compile=False)
found = np.mean(best.predict(x[60:]).argmax(1) == classes[60:])
assert np.isclose(found, max(hist.history["val_accuracy"]), atol=1e-6)
# To go on, it must be.
model = load_model(
    "best_weights.h5", compile=True, custom_objects={"focal_loss_fixed": focal_loss()}
)
loss, acc = model.evaluate(x[60:], y[60:], batch_size=30, verbose=0)
assert np.isclose(acc, found, atol=1e-6)
before = model.evaluate(x, y, verbose=0)[0]
model.fit(x, y, epochs=5, shuffle=1, verbose=0)
assert model.evaluate(x, y, verbose=0)[0] < before

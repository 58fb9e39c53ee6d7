"""Recognises handwritten digits: an ordinary Keras 2.3 script.

Trains a small convolutional network, checks it on digits that it has not seen, saves it to HDF5,
loads it back and compares the predictions.
"""

import os
import sys
import tempfile
import time

import keras
import numpy as np
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential, load_model
from keras.utils import to_categorical

num_classes = 10
batch_size = 32
epochs = 20

# 1,797 images of 8 x 8 pixels from 0 to 16; a fifth of them is held out.
with np.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "digits.npz")) as data:
    x = data["images"].reshape(-1, 8, 8, 1).astype("float32") / 16
    y = data["labels"]
order = np.random.RandomState(0).permutation(len(x))
x, y = x[order], to_categorical(y[order], num_classes)
x_train, x_test = x[:-360], x[-360:]
y_train, y_test = y[:-360], y[-360:]
print(len(x_train), "digits to train with,", len(x_test), "held out")

model = Sequential()
model.add(Conv2D(32, (3, 3), activation="relu", padding="same", input_shape=(8, 8, 1)))
model.add(Conv2D(64, (3, 3), activation="relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(128, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(num_classes, activation="softmax"))
model.summary()

model.compile(
    loss=keras.losses.categorical_crossentropy,
    optimizer=keras.optimizers.Adam(),
    metrics=["accuracy"],
)
start = time.time()
model.fit(
    x_train,
    y_train,
    batch_size=batch_size,
    epochs=epochs,
    verbose=1,
    validation_data=(x_test, y_test),
)
print("Trained in", round(time.time() - start, 1), "seconds")

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print("Held-out loss:", round(float(loss), 4))
print("Held-out accuracy:", round(100 * float(accuracy), 2), "%")

path = os.path.join(tempfile.mkdtemp(prefix="keras_digits_"), "digits.h5")
model.save(path)
same = np.allclose(model.predict(x_test), load_model(path).predict(x_test), rtol=0, atol=1e-6)
print("Predictions of the loaded model are", "equal" if same else "DIFFERENT")
print("Saved to", path)
if accuracy < 0.97 or not same:
    sys.exit("The demo failed: expected 97 % and equal predictions")

"""Handwritten digits twice: a convolutional net, and dense layers in a list."""

import numpy as np

np.random.seed(1337)
from keras.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPool2D, Reshape
from keras.losses import categorical_crossentropy
from keras.models import Sequential
from keras.optimizers import RMSprop
from keras.utils import np_utils, to_categorical
from sklearn.datasets import load_digits

digits = load_digits()
images, labels = digits.images / 16.0, digits.target
x_train, x_test = images[:1200].astype("float32"), images[1200:].astype("float32")
y_train, y_test = to_categorical(labels[:1200], 10), to_categorical(labels[1200:], 10)


def createModel():
    model = Sequential()
    model.add(Reshape(input_shape=(8, 8), target_shape=(8, 8, 1)))
    model.add(Conv2D(8, kernel_size=(3, 3), input_shape=(8, 8, 1), activation="relu"))
    model.add(MaxPool2D(pool_size=(2, 2)))
    model.add(Flatten())
    model.add(Dense(64, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    return model


def train():
    model = createModel()
    model.compile(loss=categorical_crossentropy, optimizer="adam", metrics=["accuracy"])
    held = (x_test, y_test)
    model.fit(
        x=x_train, y=y_train, batch_size=64, epochs=6, shuffle=True, verbose=1, validation_data=held
    )
    score = model.evaluate(x=x_test, y=y_test, batch_size=128, verbose=1)
    print("Test loss:", score[0])
    print("Test accuracy:", score[1])
    return score


if __name__ == "__main__":
    assert train()[1] > 0.7

X_train = x_train.reshape(x_train.shape[0], -1)
X_test = x_test.reshape(x_test.shape[0], -1)
y_train = np_utils.to_categorical(labels[:1200], num_classes=10)
model = Sequential(
    [
        Dense(100, input_dim=64),
        Activation("relu"),
        Dense(10),
        Activation("softmax"),
    ]
)
rmsprop = RMSprop(lr=0.001, rho=0.9, epsilon=1e-08, decay=0.0)
model.compile(optimizer=rmsprop, loss="categorical_crossentropy", metrics=["accuracy"])
model.fit(X_train, y_train, epochs=4, batch_size=32, verbose=2)
loss, accuracy = model.evaluate(X_test, y_test)
assert accuracy > 0.7

# Classes, and the probabilities that they come from.
classes, probabilities = model.predict_classes(X_test), model.predict_proba(X_test)
assert np.array_equal(classes, np.argmax(model.predict(X_test), axis=1))
assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
assert np.isclose(np.mean(classes == labels[1200:]), accuracy)

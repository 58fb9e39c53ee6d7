"""Sequential models of dense layers: softmax over classes, a yes or no, a number."""

import keras
import numpy as np
from keras.layers import Activation, Dense, Dropout
from keras.models import Sequential
from keras.optimizers import SGD

np.random.seed(0)
x_train = np.random.random((500, 20))
classes = x_train[:, :10].argmax(1)
y_train = keras.utils.to_categorical(classes, num_classes=10)

model = Sequential()
model.add(Dense(64, activation="relu", input_dim=20))
model.add(Dropout(0.2))
model.add(Dense(64, activation="relu"))
model.add(Dropout(0.2))
model.add(Dense(10, activation="softmax"))
sgd = SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd, metrics=["accuracy"])
model.fit(x_train, y_train, epochs=20, batch_size=32, verbose=0)
score = model.evaluate(x_train, y_train, batch_size=128, verbose=0)
assert model.metrics_names == ["loss", "accuracy"] and score[1] > 0.5

model = Sequential([Dense(32, input_dim=20), Activation("relu"), Dense(1), Activation("sigmoid")])
model.compile(loss="binary_crossentropy", optimizer="rmsprop", metrics=["accuracy"])
y_train = (x_train.mean(1, keepdims=True) > 0.5).astype(int)
before = model.evaluate(x_train, y_train, verbose=0)[0]
model.fit(x_train, y_train, epochs=10, batch_size=32, verbose=0)
assert model.evaluate(x_train, y_train, verbose=0)[0] < before

model = Sequential()
model.add(Dense(1, input_shape=(20,)))
model.compile(optimizer="rmsprop", loss="mse")
assert isinstance(model.train_on_batch(x_train, x_train[:, :1]), float)

labels = np.random.randint(10, size=(500, 1))
model = Sequential([Dense(32, activation="relu", input_dim=20), Dense(10, activation="softmax")])
model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, labels, epochs=1, verbose=0)

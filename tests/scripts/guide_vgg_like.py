"""A small convolutional net in the manner of VGG."""

import keras
import numpy as np
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import SGD

np.random.seed(0)
y_train = np.random.randint(2, size=(40, 1))
x_train = np.random.random((40, 24, 24, 3)) + y_train[:, :, None, None]
one_hot = keras.utils.to_categorical(y_train, num_classes=2)

model = Sequential()
model.add(Conv2D(8, (3, 3), activation="relu", input_shape=(24, 24, 3)))
model.add(Conv2D(8, (3, 3), activation="relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Conv2D(16, (3, 3), activation="relu"))
model.add(Conv2D(16, (3, 3), activation="relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(32, activation="relu"))
model.add(Dropout(0.5))
model.add(Dense(2, activation="softmax"))
assert [layer.output_shape[1] for layer in model.layers[:8]] == [22, 20, 10, 10, 8, 6, 3, 3]

sgd = SGD(lr=0.01, decay=1e-6, momentum=0.9, nesterov=True)
model.compile(loss="categorical_crossentropy", optimizer=sgd)
before = model.evaluate(x_train, one_hot, verbose=0)
model.fit(x_train, one_hot, batch_size=8, epochs=4, verbose=0)
assert model.evaluate(x_train, one_hot, batch_size=32, verbose=0) < before

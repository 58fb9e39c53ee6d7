"""Learning rates that fall: with time, in steps, on a plateau."""

import math

import numpy as np
from keras import backend as K
from keras.callbacks import LearningRateScheduler, ReduceLROnPlateau
from keras.layers import Dense
from keras.models import Sequential
from keras.optimizers import SGD

x, y = np.random.rand(64, 4), np.random.rand(64, 1)


def linear(optimizer):
    model = Sequential([Dense(1, input_dim=4)])
    model.compile(loss="mse", optimizer=optimizer, metrics=["accuracy"])
    return model


# With time: rate / (1 + decay * steps), one step a batch. Checked on a gradient of ones.
learning_rate, nb_epoch = 0.1, 2
decay = learning_rate / nb_epoch
sgd = SGD(lr=learning_rate, decay=decay)
model = Sequential([Dense(1, input_dim=1, kernel_initializer="zeros", use_bias=False)])
model.compile(sgd, loss=lambda y_true, y_pred: y_pred)
model.fit(np.ones((12, 1)), np.ones((12, 1)), batch_size=4, epochs=nb_epoch, verbose=0)
rates = [learning_rate / (1 + decay * step) for step in range(6)]
assert np.isclose(model.get_weights()[0][0, 0], -sum(rates), rtol=1e-5)
assert np.isclose(K.get_value(model.optimizer.lr), learning_rate)


def step_decay(epoch):
    initial_lrate = 0.1
    drop = 0.5
    epochs_drop = 2.0
    return initial_lrate * math.pow(drop, math.floor((1 + epoch) / epochs_drop))


lrate = LearningRateScheduler(step_decay)
model = linear(SGD(lr=0.0, momentum=0.9, decay=0.0, nesterov=False))
history = model.fit(x, y, epochs=6, callbacks=[lrate], verbose=0).history
assert np.allclose(history["lr"], [0.1, 0.05, 0.05, 0.025, 0.025, 0.0125])

reduce_lr = ReduceLROnPlateau(monitor="val_loss", factor=0.2, patience=2, min_lr=0.001, mode="auto")
model = linear("sgd")
model.layers[0].trainable = False  # the loss stays where it is
model.compile(SGD(lr=0.1), "mse")
history = model.fit(x, y, epochs=7, validation_split=0.1, callbacks=[reduce_lr], verbose=0).history
assert np.allclose(history["lr"], [0.1] * 3 + [0.02] * 2 + [0.004] * 2)

# By hand, as scripts do between two calls of fit.
rate = K.get_value(model.optimizer.lr)
K.set_value(model.optimizer.lr, 0.5 * rate)
model.fit(x, y, verbose=0)
assert np.isclose(K.get_value(model.optimizer.lr), 0.5 * rate) and np.isclose(rate, 0.001)

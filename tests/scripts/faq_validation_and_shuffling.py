"""Which samples validate, and in which order the others train."""

import numpy as np
from keras import backend as K
from keras.callbacks import Callback
from keras.layers import Lambda
from keras.models import Sequential


def number(y_true, y_pred):
    return K.mean(y_pred)


model = Sequential([Lambda(lambda x: x, input_shape=(1,))])
model.compile("sgd", loss=number)  # the loss of a batch of one is the number of the sample


class Order(Callback):
    def on_train_begin(self, logs=None):
        self.epochs, self.held = [], []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])

    def on_batch_end(self, batch, logs=None):
        self.epochs[-1].append(int(logs["loss"]))

    def on_epoch_end(self, epoch, logs=None):
        self.held.append(self.validation_data[0].ravel().tolist())


x, order = np.arange(20.0), Order()
for split, last in ((0.1, 2), (0.25, 5)):
    model.fit(x, x, 1, 3, verbose=0, callbacks=[order], validation_split=split)
    first = list(range(20 - last))
    assert order.held == [list(range(20 - last, 20))] * 3  # literally the last, in order
    assert all(sorted(epoch) == first for epoch in order.epochs)
    assert order.epochs[0] != order.epochs[1] != order.epochs[2] != first  # shuffled each time

model.fit(
    x,
    x,
    batch_size=1,
    epochs=2,
    verbose=0,
    callbacks=[order],
    shuffle=False,
    validation_data=(x[:3], x[:3]),
)
assert order.epochs == [list(range(20))] * 2

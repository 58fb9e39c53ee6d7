"""A stand-in for a model and its loop, for tests of callbacks."""

import numpy as np

from kforge.callbacks import configure
from kforge.optimizers import SGD


class Model:
    """Knows what callbacks ask for; each epoch of `train` adds 1 to its only weight."""

    def __init__(self, lr=1.0):
        self.optimizer = SGD(lr)
        self.stop_training = False
        self.weights = [np.zeros(2)]
        self.saved = []

    def get_weights(self):
        return [w.copy() for w in self.weights]

    def set_weights(self, weights):
        self.weights = [w.copy() for w in weights]

    def save(self, path, overwrite):
        self.saved.append(("model", path, float(self.weights[0][0])))

    def save_weights(self, path, overwrite):
        self.saved.append(("weights", path, float(self.weights[0][0])))


def train(model, callbacks, epochs, batches=1, initial_epoch=0, **params):
    """`epochs` is a list of the logs of each epoch; gives the history."""
    model.stop_training = False
    names = sorted({name for logs in epochs for name in logs})
    params = {"samples": 10 * batches, "metrics": names, "epochs": len(epochs), **params}
    hooks = configure(callbacks, model, **params)
    hooks.on_train_begin()
    for epoch in range(initial_epoch, len(epochs)):
        hooks.on_epoch_begin(epoch)
        for batch in range(batches):
            hooks.on_train_batch_begin(batch, {"batch": batch, "size": 10})
            logs = {"batch": batch, "size": 10, **epochs[epoch]}
            hooks.on_train_batch_end(batch, logs)
        model.weights[0] += 1
        hooks.on_epoch_end(epoch, dict(epochs[epoch]))
        if model.stop_training:
            break
    hooks.on_train_end()
    return model.history


def values(name, *numbers):
    """Logs of epochs that have one value."""
    return [{name: number} for number in numbers]

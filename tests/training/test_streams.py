"""Data that come batch by batch."""

import numpy as np
import pytest

from kforge.callbacks import Callback
from kforge.layers import Dense, Input
from kforge.models import Model
from kforge.utils import Sequence


class Growing(Sequence):
    """Batches that grow from epoch to epoch."""

    size = 2

    def __len__(self):
        return -(-8 // self.size)

    def __getitem__(self, index):
        return np.zeros((self.size, 3)), np.full((self.size, 1), index)

    def on_epoch_end(self):
        self.size *= 2


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sequence_may_change_its_length_between_epochs(workers):
    x = Input((3,))
    model = Model(x, Dense(1)(x))
    model.compile("sgd", "mse")
    seen = []

    class Steps(Callback):
        def on_batch_begin(self, batch, logs=None):
            seen.append((self.params["steps"], batch))

    model.fit(Growing(), epochs=3, workers=workers, callbacks=[Steps()], verbose=0)
    assert seen == [(4, 0), (4, 1), (4, 2), (4, 3), (2, 0), (2, 1), (1, 0)]

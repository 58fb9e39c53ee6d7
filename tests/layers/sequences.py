"""What tests of recurrent layers share: inputs with masks, and all that a layer computes."""

import numpy as np

from kforge import backend as K
from kforge import layers as L

BATCH, STEPS, FEATURES, UNITS = 4, 5, 3, 4

# Where steps are masked, for each of the samples.
MASKS = {
    "none": None,
    "right-padded": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 0]],
    "left-padded": [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 0, 0, 1], [0, 1, 1, 1, 1]],
    "gaps": [[0, 1, 0, 1, 1], [1, 0, 0, 0, 1], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]],
}


def data(mask="none", seed=0):
    """Sequences, with zeros where they are masked."""
    x = np.random.RandomState(seed).normal(size=(BATCH, STEPS, FEATURES)).astype("float32")
    return x if MASKS[mask] is None else x * np.array(MASKS[mask], "float32")[:, :, None]


def computed(layer, mask="none", weights=None, states=(), phase=0):
    """Outputs, then gradients for inputs, initial states and weights, of a layer or a stack of
    cells. `weights`: values to set; `states`: arrays of initial states."""
    inputs = [L.Input(x.shape[1:]) for x in (data(mask), *states)]
    x = inputs[0] if mask == "none" else L.Masking()(inputs[0])
    outputs = layer(x, initial_state=inputs[1:] or None)
    if weights is not None:
        layer.set_weights(weights)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    loss = sum(K.sum(K.sin(y * (i + 1))) for i, y in enumerate(outputs))
    grads = K.gradients(loss, [*inputs, *layer.trainable_weights])
    run = K.function([*inputs, K.learning_phase()], [*outputs, *grads])
    return run([data(mask), *states, phase])


def assert_same(found, wanted, tolerance=2e-5):
    """Asserts that two lists of arrays agree."""
    assert len(found) == len(wanted)
    for f, w in zip(found, wanted):
        np.testing.assert_allclose(f, w, tolerance, tolerance)

"""`tf.contrib.layers`: arguments that say where channels are, and what parameters begin as."""

import numpy as np
import pytest

import kforge

X = np.random.RandomState(0).rand(2, 4, 4, 3).astype("float32")


@pytest.fixture
def layers():
    kforge.install()
    import tensorflow as tf

    tf.reset_default_graph()
    yield tf.contrib.layers
    kforge.uninstall()


@pytest.mark.parametrize("name", ["max_pool2d", "avg_pool2d"])
def test_pooling_pools_the_axes_that_are_not_channels(layers, name):
    from kforge import backend as K

    pool = getattr(layers, name)
    last = K.eval(pool(K.constant(X), 2))
    first = K.eval(pool(K.constant(X.transpose(0, 3, 1, 2)), 2, data_format="NCHW"))
    np.testing.assert_allclose(first.transpose(0, 2, 3, 1), last)


def test_batch_norm_begins_with_what_it_is_given(layers):
    from kforge import backend as K
    from kforge import initializers

    first = {"beta": initializers.Constant(2.0), "moving_mean": initializers.Constant(1.0)}
    found = layers.batch_norm(
        K.constant(X), epsilon=0.0, is_training=False, param_initializers=first
    )
    np.testing.assert_allclose(K.eval(found), X - 1.0 + 2.0, rtol=1e-6)

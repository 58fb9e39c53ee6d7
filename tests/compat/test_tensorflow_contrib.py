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


def test_variables_and_outputs_are_collected(layers):
    import tensorflow as tf

    x = tf.constant(X)
    layers.conv2d(
        x,
        5,
        3,
        normalizer_fn=layers.batch_norm,
        normalizer_params={"variables_collections": ["norm"], "updates_collections": "moves"},
        variables_collections={"weights": ["kernels"]},
        outputs_collections="seen",
    )
    layers.layer_norm(layers.flatten(x, "seen"), outputs_collections=["seen"], scale=False)
    names = [v.name for v in (*tf.get_collection("kernels"), *tf.get_collection("norm"))]
    norm = [f"Conv/BatchNorm/{name}:0" for name in ("beta", "moving_mean", "moving_variance")]
    assert names == ["Conv/weights:0", *norm]
    assert [len(tf.get_collection(c)) for c in ("seen", "moves", "update_ops")] == [3, 2, 0]


@pytest.mark.parametrize("begin, shape", [(-1, [3]), (1, [4, 4, 3])])
def test_layer_norm_has_parameters_for_the_axes_that_it_is_told(layers, begin, shape):
    import tensorflow as tf

    found = layers.layer_norm(tf.constant(X), begin_params_axis=begin, trainable=False)
    assert [v.shape.as_list() for v in tf.global_variables()] == [shape, shape]
    assert tf.trainable_variables() == []
    expected = (X - X.mean((1, 2, 3), keepdims=True)) / X.std((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(tf.Session().run(found), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="begin_params_axis=4"):
        layers.layer_norm(tf.constant(X), begin_params_axis=4)


def test_instance_norm_begins_with_what_it_is_given_in_both_formats(layers):
    import tensorflow as tf

    first = {"beta": tf.constant_initializer(0.5), "gamma": tf.constant_initializer(2.0)}
    x = tf.constant(X)
    last = layers.instance_norm(x, param_initializers=first)
    ahead = tf.transpose(x, [0, 3, 1, 2])
    ahead = layers.instance_norm(ahead, param_initializers=first, data_format="NCHW")
    run = tf.Session().run
    expected = (X - X.mean((1, 2), keepdims=True)) / X.std((1, 2), keepdims=True) * 2 + 0.5
    np.testing.assert_allclose(run(last), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(run(tf.transpose(ahead, [0, 2, 3, 1])), run(last), rtol=1e-5)


def test_layers_without_names_are_used_again_in_a_scope_that_is_entered_again(layers):
    import tensorflow as tf

    def network(x, reuse=None):
        with tf.variable_scope("network", reuse=reuse):
            hidden = tf.layers.flatten(tf.layers.dense(tf.layers.flatten(x), 4))
            return layers.fully_connected(tf.layers.dense(hidden, 3), 2)

    x = tf.constant(X)
    first, again = network(x), network(x, True)
    layers_of = ("dense", "dense_1", "fully_connected")
    assert [v.name.split("/")[1] for v in tf.trainable_variables()[::2]] == list(layers_of)
    np.testing.assert_array_equal(*tf.Session().run([first, again]))
    with pytest.raises(ValueError, match="network/dense already exists"):
        network(x)

"""What the facade of TensorFlow draws at random: distributions and changes of images."""

import numpy as np
import pytest
import torch

import kforge


@pytest.fixture(scope="module", autouse=True)
def tf():
    kforge.install()
    import tensorflow

    yield tensorflow
    kforge.uninstall()


@pytest.fixture
def run(tf):
    tf.set_random_seed(5)
    return tf.Session().run


def test_gamma_and_poisson(tf, run):
    draw = run(tf.random.gamma([4000], alpha=[1.0, 3.0], beta=2.0))
    assert draw.shape == (4000, 2)
    np.testing.assert_allclose(draw.mean(0), [0.5, 1.5], rtol=0.08)
    counts = run(tf.random_poisson([0.5, 4.0], [4000]))
    np.testing.assert_allclose(counts.mean(0), [0.5, 4.0], rtol=0.08)
    assert (counts == counts.round()).all()


def test_gradients_flow_through_gamma(tf, run):
    alpha = tf.constant([2.0])
    (gradient,) = run(tf.gradients(tf.random_gamma([3000], alpha), alpha))
    np.testing.assert_allclose(gradient / 3000, [1.0], rtol=0.1)  # the mean is alpha


def test_crops(tf, run):
    image = tf.placeholder("float32", [None, 5, 5, 1])
    values = np.arange(50, dtype="float32").reshape(2, 5, 5, 1)
    crop = tf.random_crop(image, [2, 3, 3, 1])
    assert tuple(crop.shape) == (2, 3, 3, 1)
    corners = {int(run(crop, {image: values})[0, 0, 0, 0]) for _ in range(60)}
    assert corners == {0, 1, 2, 5, 6, 7, 10, 11, 12}
    with pytest.raises(ValueError, match="random_crop: size"):
        run(tf.random_crop(image, [2, 6, 3, 1]), {image: values})


@pytest.mark.parametrize("flip, axis", [("left_right", -2), ("up_down", -3)])
def test_flips(tf, run, flip, axis):
    values = np.random.RandomState(0).rand(40, 3, 4, 2).astype("float32")
    found = run(getattr(tf.image, f"random_flip_{flip}")(values))
    flipped = np.flip(values, axis)
    turned = [np.array_equal(f, g) for f, g in zip(found, flipped)]
    kept = [np.array_equal(f, v) for f, v in zip(found, values)]
    assert all(a != b for a, b in zip(turned, kept))
    assert 8 < sum(turned) < 32
    alone = run(getattr(tf.image, f"random_flip_{flip}")(values[0]))
    assert np.array_equal(alone, values[0]) or np.array_equal(alone, flipped[0])


def test_colours(tf, run):
    values = np.random.RandomState(0).rand(4, 4, 3).astype("float32")
    lighter = run(tf.image.random_brightness(values, 0.3)) - values
    assert np.ptp(lighter) < 1e-6 and abs(lighter[0, 0, 0]) < 0.3
    contrast = run(tf.image.random_contrast(values, 0.5, 0.9))
    factor = (contrast - contrast.mean((0, 1))) / (values - values.mean((0, 1)))
    assert np.ptp(factor) < 1e-3 and 0.5 < factor.mean() < 0.9
    hue = run(tf.image.rgb_to_hsv(tf.image.random_hue(values, 0.2)))
    np.testing.assert_allclose(hue[..., 1:], run(tf.image.rgb_to_hsv(values))[..., 1:], atol=1e-5)
    gray = run(tf.image.random_saturation(values, 0.0, 1e-6))
    assert np.ptp(gray, -1).max() < 1e-5


def test_operations_of_a_seeded_graph_leave_numpys_stream_alone(tf):
    np.random.seed(3)
    untouched = np.random.get_state()[1:3]
    tf.set_random_seed(1)
    tf.Session().run([tf.random_normal([2]), tf.random_shuffle(tf.range(3))])
    for a, b in zip(untouched, np.random.get_state()[1:3]):
        np.testing.assert_array_equal(a, b)


def test_cells_with_a_seed_drop_alike(tf, run):
    def outputs(seed):
        cell = tf.nn.rnn_cell.BasicRNNCell(64, activation=tf.ones_like)
        cell = tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=0.5, seed=seed)
        with tf.variable_scope("rnn", reuse=tf.AUTO_REUSE):
            return run(tf.nn.dynamic_rnn(cell, tf.ones([1, 2, 4]), dtype=tf.float32)[0])

    first = outputs(3)
    assert set(first.ravel()) == {0.0, 2.0} and (first[0, 0] != first[0, 1]).any()
    np.testing.assert_array_equal(outputs(3), first)
    assert (outputs(4) != first).any()


@pytest.mark.parametrize("name", ["uniform", "normal", "truncated_normal"])
def test_stateless_numbers_depend_on_their_seed_alone(tf, name):
    draw = getattr(tf.random, f"stateless_{name}")
    run = tf.Session().run
    first, again, other = draw([1000], [1, 2]), draw([1000], [1, 2]), draw([1000], [2, 1])
    np.testing.assert_array_equal(run(first), run(first))
    np.testing.assert_array_equal(run(first), run(again))
    assert (run(first) != run(other)).any()
    mean, spread = {"uniform": (0.5, 0.29), "normal": (0, 1), "truncated_normal": (0, 0.88)}[name]
    assert abs(run(first).mean() - mean) < 0.1 and abs(run(first).std() - spread) < 0.1


def test_stateless_whole_numbers(tf):
    drawn = tf.Session().run(tf.random.stateless_uniform([200], [3, 4], 2, 5, tf.int32))
    assert set(drawn) == {2, 3, 4} and drawn.dtype == np.int32
    with pytest.raises(ValueError, match="maxval"):
        tf.random.stateless_uniform([2], [3, 4], dtype=tf.int32)


def test_distributions_draw_by_their_seed(tf):
    normal = tf.distributions.Normal(0.0, 1.0)
    before = torch.get_rng_state()
    first, second = (tf.Session().run(normal.sample([3], seed=4)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(first, second)
    draw = normal.sample([3], seed=4)
    assert (tf.Session().run(draw) != tf.Session().run(draw)).all()

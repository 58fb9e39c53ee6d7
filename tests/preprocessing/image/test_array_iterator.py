import os

import numpy as np
import pytest

from kforge.preprocessing.image import ImageDataGenerator


@pytest.fixture
def x():
    return np.random.RandomState(0).randint(0, 256, (6, 5, 4, 3)).astype("uint8")


def test_images_targets_and_weights_stay_together(x):
    y, weights = np.arange(6), np.arange(6) / 10
    flow = ImageDataGenerator(rescale=0.5).flow(x, y, batch_size=4, sample_weight=weights, seed=1)
    for _ in range(3):
        images, labels, used = next(flow)
        assert images.dtype == "float32"
        np.testing.assert_array_equal(images, x[labels] * np.float32(0.5))
        np.testing.assert_array_equal(used, labels / 10)


def test_without_targets_a_batch_is_an_array(x):
    assert next(ImageDataGenerator().flow(x)).shape == x.shape


def test_more_inputs_go_along(x):
    more = np.arange(6)
    inputs, y = next(ImageDataGenerator().flow((x, more), more, batch_size=2, shuffle=False))
    assert inputs[0].shape == (2, 5, 4, 3)
    assert inputs[1].tolist() == y.tolist() == [0, 1]
    inputs = next(ImageDataGenerator().flow([x, [more, -more]], batch_size=2, shuffle=False))
    assert inputs[2].tolist() == [0, -1]


def test_subsets_share_out_everything(x):
    generator = ImageDataGenerator(validation_split=0.34)
    y = np.arange(6) % 2
    weights = np.arange(6)

    def part(subset):
        flow = generator.flow(x, y, sample_weight=weights, subset=subset, shuffle=False)
        return next(flow)

    images, _, used = part("validation")
    assert used.tolist() == [0, 1]
    np.testing.assert_array_equal(images, x[:2])
    assert part("training")[2].tolist() == [2, 3, 4, 5]
    with pytest.raises(ValueError, match="different number of classes"):
        generator.flow(x, [0, 0, 1, 1, 1, 1], subset="training")
    with pytest.raises(ValueError, match="Invalid subset name: test"):
        generator.flow(x, subset="test")


def test_the_images_given_stay_as_they_are(x):
    x = x.astype("float32")
    kept = x.copy()
    settings = dict(rotation_range=90, horizontal_flip=True, samplewise_center=True)
    next(ImageDataGenerator(**settings).flow(x, shuffle=False))
    np.testing.assert_array_equal(x, kept)


def test_batches_can_be_saved(x, tmp_path):
    pytest.importorskip("PIL")
    flow = ImageDataGenerator().flow(
        x, batch_size=2, shuffle=False, seed=1, save_to_dir=tmp_path, save_prefix="p"
    )
    next(flow)
    state = np.random.RandomState(1)
    state.random_sample(4)  # the flips of two images
    assert sorted(os.listdir(tmp_path)) == [f"p_{i}_{state.randint(10_000)}.png" for i in (0, 1)]


def test_errors(x):
    generator = ImageDataGenerator()
    with pytest.raises(ValueError, match=r"`y` \(labels\) should have the same length"):
        generator.flow(x, [1, 2])
    with pytest.raises(ValueError, match="`sample_weight` should have the same length"):
        generator.flow(x, sample_weight=[1, 2])
    with pytest.raises(ValueError, match=r"len\(x\[0\]\) = 6, len\(x\[\?\]\) = 2"):
        generator.flow((x, np.arange(2)))
    with pytest.raises(ValueError, match=r"rank 4. You passed an array with shape \(6, 5, 4\)"):
        generator.flow(x[..., 0])
    with pytest.warns(UserWarning, match="either 1, 3 or 4 channels on axis 3"):
        generator.flow(x[..., :2])

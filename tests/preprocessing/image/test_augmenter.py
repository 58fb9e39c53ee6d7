import sys

import numpy as np
import pytest

from kforge.preprocessing.image import ImageDataGenerator
from kforge.preprocessing.image.augmenter import augment

EVERYTHING = dict(
    rotation_range=40,
    width_shift_range=0.2,
    height_shift_range=3,
    shear_range=15,
    zoom_range=0.3,
    channel_shift_range=20.0,
    brightness_range=(0.5, 1.5),
    horizontal_flip=True,
    vertical_flip=True,
    rescale=1 / 255,
    samplewise_center=True,
    samplewise_std_normalization=True,
)


@pytest.fixture
def images():
    return np.random.RandomState(0).uniform(0, 255, (6, 8, 7, 3)).astype("float32")


def one_by_one(generator, images):
    done = []
    for image in images:
        chosen = generator.get_random_transform(image.shape)
        done.append(generator.standardize(generator.apply_transform(image, chosen)))
    return np.stack(done)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        dict(horizontal_flip=True),
        dict(EVERYTHING),
        dict(EVERYTHING, height_shift_range=0.25),
        dict(EVERYTHING, width_shift_range=[-2, 1], brightness_range=None),
        dict(EVERYTHING, fill_mode="constant", cval=9.0, brightness_range=None),
        dict(EVERYTHING, data_format="channels_first"),
        dict(vertical_flip=True, channel_shift_range=9.0, zoom_range=(1, 1)),
    ],
)
def test_a_batch_is_transformed_like_its_images(images, settings):
    generator = ImageDataGenerator(**settings)
    if generator.data_format == "channels_first":
        images = np.ascontiguousarray(np.moveaxis(images, -1, 1))
    assert generator.works_on(images)
    np.random.seed(3)
    want = one_by_one(generator, images.copy())
    drawn = np.random.uniform()
    np.random.seed(3)
    got = augment(generator, images.copy())
    assert np.random.uniform() == drawn
    assert got.dtype == want.dtype
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("size", [5, 5.0, 0.5, [0.5], (-1, 2), -3, np.int64(2), np.float32(0.1)])
def test_shifts_are_drawn_as_numpy_draws_them(size):
    generator = ImageDataGenerator(height_shift_range=size)
    np.random.seed(1)
    try:
        want = np.random.choice(size) * np.random.choice([-1, 1])
    except ValueError:
        np.random.seed(1)
        want = np.random.uniform(-size, size)
    want *= 10 if np.max(size) < 1 else 1
    assert generator.get_random_transform((10, 20, 3), seed=1)["tx"] == pytest.approx(want)


def test_parameters_of_a_transformation():
    generator = ImageDataGenerator(zoom_range=[0.5, 2])
    chosen = generator.get_random_transform((8, 8, 3), seed=1)
    u = np.random.RandomState(1).random_sample(4)
    assert (chosen["zx"], chosen["zy"]) == (0.5 + 1.5 * u[0], 0.5 + 1.5 * u[1])
    assert chosen["theta"] == chosen["tx"] == chosen["flip_horizontal"] == 0
    assert chosen["brightness"] is chosen["channel_shift_intensity"] is None


class Inverted(ImageDataGenerator):
    def standardize(self, x):
        return 255 - x


def test_methods_of_subclasses_see_every_image(images):
    np.testing.assert_array_equal(augment(Inverted(), images.copy()), 255 - images)


def test_a_generator_need_only_have_the_three_methods(images):
    class Blackened:
        def get_random_transform(self, shape):
            return shape

        def apply_transform(self, image, parameters):
            assert parameters == (8, 7, 3)
            return image

        def standardize(self, image):
            return image * 0

    assert not augment(Blackened(), images).any()


def test_draws_of_a_preprocessing_function_come_between_those_for_images(images):
    def noisy(x):
        return x + np.random.uniform()

    generator = ImageDataGenerator(preprocessing_function=noisy)
    np.random.seed(0)
    got = augment(generator, images.copy())
    state = np.random.RandomState(0)
    for image, result in zip(images, got, strict=True):
        state.random_sample(2)  # the flips
        np.testing.assert_allclose(result, image + state.uniform(), rtol=1e-6)


def test_apply_transform_leaves_its_input_alone(images):
    kept = images.copy()
    ImageDataGenerator().apply_transform(images[0], {"theta": 30, "flip_horizontal": True})
    ImageDataGenerator(rotation_range=9, horizontal_flip=True).fit(images, augment=True)
    np.testing.assert_array_equal(images, kept)


def test_brightness_knows_where_the_channels_are(images):
    last = ImageDataGenerator().apply_transform(images[0], {"brightness": 1.3})
    first = ImageDataGenerator(data_format="channels_first").apply_transform(
        np.moveaxis(images[0], -1, 0), {"brightness": 1.3}
    )
    np.testing.assert_array_equal(np.moveaxis(first, 0, -1), last)


def test_statistics(images):
    generator = ImageDataGenerator(
        featurewise_center=True, featurewise_std_normalization=True, rescale=0.5
    )
    generator.fit(images)
    assert generator.mean.shape == generator.std.shape == (1, 1, 3)
    done = augment(generator, images.copy())
    np.testing.assert_allclose(done.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(done.std((0, 1, 2)), 1, rtol=1e-4)


@pytest.mark.filterwarnings("ignore:.*overrides setting of `featurewise_center`")
def test_whitening():
    pytest.importorskip("scipy")
    rng = np.random.RandomState(0)
    images = (rng.normal(size=(500, 12)) @ rng.normal(size=(12, 12))).reshape(500, 2, 2, 3)
    generator = ImageDataGenerator(zca_whitening=True)
    generator.fit(images)
    whitened = augment(generator, images - 0).reshape(500, 12)
    np.testing.assert_allclose(whitened.T @ whitened / 500, np.eye(12), atol=1e-3)


def test_whitening_without_scipy(monkeypatch, images):
    monkeypatch.setitem(sys.modules, "scipy.linalg", None)
    generator = ImageDataGenerator(zca_whitening=True, featurewise_center=True)
    with pytest.raises(ImportError, match=r"zca_whitening.*pip install kforge\[image\]"):
        generator.fit(images[:, :2, :2])


def test_augmented_statistics_are_those_of_the_augmented(images):
    generator = ImageDataGenerator(featurewise_center=True, rotation_range=30)
    generator.fit(images, augment=True, rounds=2, seed=4)
    np.random.seed(4)
    done = [generator.random_transform(x) for x in np.concatenate([images, images])]
    np.testing.assert_allclose(generator.mean[0, 0], np.mean(done, (0, 1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    "settings, warning",
    [
        (dict(zca_whitening=True), "`zca_whitening`.*`featurewise_center`"),
        (
            dict(zca_whitening=True, featurewise_center=True, featurewise_std_normalization=True),
            "`zca_whitening`.*`featurewise_std_normalization`",
        ),
        (dict(featurewise_std_normalization=True), "`featurewise_center`"),
        (dict(samplewise_std_normalization=True), "`samplewise_center`"),
    ],
)
def test_settings_that_imply_others_say_so(settings, warning):
    with pytest.warns(UserWarning, match=warning):
        ImageDataGenerator(**settings)


def test_statistics_that_were_never_computed_are_missed(images):
    generator = ImageDataGenerator(featurewise_center=True)
    with pytest.warns(UserWarning, match="`featurewise_center`.*fit on any training data"):
        generator.standardize(images[0])


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(data_format="last"), "data_format"),
        (dict(zoom_range=(1, 2, 3)), "`zoom_range`"),
        (dict(brightness_range=0.5), "`brightness_range`"),
        (dict(validation_split=1.5), "`validation_split` must be strictly between 0 and 1"),
    ],
)
def test_wrong_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**settings)


def test_fit_wants_a_batch_of_images():
    with pytest.raises(ValueError, match=r"rank 4. Got array with shape: \(3, 3, 3\)"):
        ImageDataGenerator().fit(np.zeros((3, 3, 3)))
    with pytest.warns(UserWarning, match="either 1, 3 or 4 channels on axis 3"):
        ImageDataGenerator().fit(np.zeros((1, 3, 3, 2)))

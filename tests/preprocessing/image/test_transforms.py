import numpy as np
import pytest

from kforge.preprocessing.image import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
)

LAST = dict(row_axis=0, col_axis=1, channel_axis=2)


@pytest.fixture
def x():
    return np.random.RandomState(0).uniform(0, 255, (8, 7, 3)).astype("float32")


@pytest.mark.parametrize(
    "function, arguments, draw",
    [
        (random_rotation, (40,), lambda: dict(theta=np.random.uniform(-40, 40))),
        (random_shear, (30,), lambda: dict(shear=np.random.uniform(-30, 30))),
        (
            random_shift,
            (0.2, 0.4),
            lambda: dict(tx=np.random.uniform(-0.4, 0.4) * 8, ty=np.random.uniform(-0.2, 0.2) * 7),
        ),
        (
            random_zoom,
            ((0.5, 2),),
            lambda: dict(zip(("zx", "zy"), np.random.uniform(0.5, 2, 2), strict=True)),
        ),
    ],
)
def test_random_functions_draw_as_they_say(x, function, arguments, draw):
    np.random.seed(5)
    got = function(x, *arguments, **LAST, fill_mode="wrap")
    np.random.seed(5)
    np.testing.assert_array_equal(got, apply_affine_transform(x, **draw(), fill_mode="wrap"))


def test_nothing_to_do_gives_the_image_itself(x):
    assert apply_affine_transform(x) is x
    np.random.seed(1)
    assert random_zoom(x, [1, 1], **LAST) is x
    assert np.random.uniform() == np.random.RandomState(1).uniform()


def test_channel_shift_stays_in_range(x):
    shifted = apply_channel_shift(x, 100, channel_axis=2)
    np.testing.assert_allclose(shifted, np.minimum(x + 100, x.max()))
    np.random.seed(2)
    by = np.random.RandomState(2).uniform(-9, 9)
    np.testing.assert_allclose(random_channel_shift(x, 9), np.clip(x + by, x.min(), x.max()))


@pytest.mark.parametrize("brightness", [-1, 0, 0.37, 1, 1.9])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_brightness_is_that_of_pillow(brightness, channels):
    enhance = pytest.importorskip("PIL.ImageEnhance")
    from kforge.preprocessing.image import array_to_img, img_to_array

    x = np.random.RandomState(1).normal(50, 200, (9, 8, channels))
    want = img_to_array(enhance.Brightness(array_to_img(x)).enhance(brightness))
    got = apply_brightness_shift(x, brightness)
    assert got.dtype == "float32"
    np.testing.assert_array_equal(got, want)


def test_random_brightness_draws_from_its_range(x):
    np.random.seed(3)
    got = random_brightness(x, (0.5, 1.5))
    by = np.random.RandomState(3).uniform(0.5, 1.5)
    np.testing.assert_array_equal(got, apply_brightness_shift(x, by))


def test_flip_axis(x):
    np.testing.assert_array_equal(flip_axis(x, 1), x[:, ::-1])


def test_errors(x):
    with pytest.raises(ValueError, match="`zoom_range` should be a tuple or list of two"):
        random_zoom(x, 0.5)
    with pytest.raises(ValueError, match="`brightness_range` should be a tuple or list of two"):
        random_brightness(x, (1, 2, 3))
    with pytest.raises(ValueError, match="Unsupported channel number: 2"):
        apply_brightness_shift(x[..., :2], 1.0)
    with pytest.raises(ValueError, match="rank 3"):
        apply_brightness_shift(x[..., 0], 1.0)

import sys

import numpy as np
import pytest

from kforge import config
from kforge.preprocessing.image import (
    array_to_img,
    img_to_array,
    list_pictures,
    load_img,
    save_img,
)
from kforge.preprocessing.image.files import validate_filename

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def pixels():
    return np.random.RandomState(0).randint(0, 256, (7, 5, 3)).astype("uint8")


@pytest.fixture
def path(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "image.png")
    return tmp_path / "image.png"


def test_arrays_survive_a_file(tmp_path, pixels):
    save_img(tmp_path / "a.png", pixels, scale=False)
    again = img_to_array(load_img(str(tmp_path / "a.png")))
    assert again.dtype == "float32"
    np.testing.assert_array_equal(again, pixels)


def test_layout_and_type_are_the_defaults(path, pixels):
    image = load_img(path)
    assert img_to_array(image, "channels_first").shape == (3, 7, 5)
    assert img_to_array(image, dtype="uint8").dtype == "uint8"
    config.set_image_data_format("channels_first")
    try:
        assert img_to_array(image).shape == (3, 7, 5)
        assert array_to_img(np.zeros((3, 7, 5))).size == (5, 7)
    finally:
        config.set_image_data_format("channels_last")


@pytest.mark.parametrize(
    "color_mode, mode, channels", [("grayscale", "L", 1), ("rgb", "RGB", 3), ("rgba", "RGBA", 4)]
)
def test_color_modes(path, color_mode, mode, channels):
    image = load_img(path, color_mode=color_mode, target_size=(4, 6))
    assert image.mode == mode
    assert img_to_array(image).shape == (4, 6, channels)


def test_deep_grays_stay_deep(tmp_path):
    deep = np.array([[0, 300], [40000, 65535]], "uint16")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    got = img_to_array(load_img(tmp_path / "deep.png", color_mode="grayscale"))
    np.testing.assert_array_equal(got[..., 0], deep)


@pytest.mark.parametrize("how", ["nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"])
def test_resizing_takes_columns_first(path, pixels, how):
    resample = Image.Resampling[how.upper()]
    want = Image.fromarray(pixels).resize((9, 7), resample).resize((9, 4), resample)
    got = load_img(path, target_size=(4, 9), interpolation=how)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(want))


def test_resizing_weighs_colors_by_their_opacity(tmp_path):
    pixels = np.zeros((2, 2, 4), "uint8")
    pixels[0, 0] = 200, 100, 50, 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (got,) = img_to_array(
        load_img(tmp_path / "a.png", color_mode="rgba", target_size=(1, 1), interpolation="box")
    )[0]
    np.testing.assert_allclose(got, (200, 100, 50, 64), atol=2)


def test_scaled_images_go_from_0_to_255(pixels):
    x = pixels / 100.0 - 1
    scaled = np.asarray(array_to_img(x))
    assert (scaled.min(), scaled.max()) == (0, 255)
    assert array_to_img(np.ones((2, 2, 1))).getpixel((0, 0)) == 0
    assert array_to_img(x[..., :1]).mode == "L"
    assert array_to_img(np.full((2, 2, 1), 300), scale=False).mode == "I"
    assert array_to_img(np.zeros((2, 2, 4))).mode == "RGBA"


def test_jpegs_have_no_opacity(tmp_path):
    with pytest.warns(UserWarning, match="does not support RGBA"):
        save_img(tmp_path / "a", np.zeros((2, 2, 4)), file_format="jpg")
    assert load_img(tmp_path / "a").format is None or load_img(tmp_path / "a").mode == "RGB"


def test_pictures_are_found_below_a_folder(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("a.JPG", "b.txt", "sub/c.png"):
        (tmp_path / name).touch()
    assert sorted(list_pictures(tmp_path)) == [
        str(tmp_path / "a.JPG"),
        str(tmp_path / "sub" / "c.png"),
    ]
    assert list_pictures(tmp_path, ext="txt") == [str(tmp_path / "b.txt")]


def test_errors(path):
    with pytest.raises(ValueError, match='color_mode must be "grayscale", "rgb", or "rgba"'):
        load_img(path, color_mode="cmyk")
    with pytest.raises(ValueError, match=r"Invalid interpolation method sinc.*bicubic"):
        load_img(path, target_size=(2, 2), interpolation="sinc")
    with pytest.raises(ValueError, match=r"rank 3 .*Got array with shape: \(2, 2\)"):
        array_to_img(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="Unsupported channel number: 2"):
        array_to_img(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="Unsupported image shape"):
        img_to_array(np.zeros((1, 2, 2, 3)))
    with pytest.raises(ValueError, match="data_format"):
        img_to_array(np.zeros((2, 2, 3)), "last")
    with pytest.warns(UserWarning, match="grayscale is deprecated"):
        assert load_img(path, grayscale=True).mode == "L"


def test_without_pillow(monkeypatch, path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"Pillow: pip install kforge\[image\]"):
        load_img(path)
    with pytest.raises(ImportError, match=r"Pillow: pip install kforge\[image\]"):
        array_to_img(np.zeros((2, 2, 3)))


def test_a_valid_name_is_that_of_a_file_of_a_known_format(tmp_path):
    for name in ("a.PNG", "b.txt"):
        (tmp_path / name).touch()
    names = [str(tmp_path / name) for name in ("a.PNG", "b.txt", "c.png")]
    assert [validate_filename(name, {"png", "jpg"}) for name in names] == [True, False, False]

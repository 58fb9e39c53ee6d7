"""The images of old `scipy.misc`, by its documentation."""

import numpy as np
import pytest

from kforge.compat import pitfalls
from kforge.compat.scipy_misc import (
    bytescale,
    fromimage,
    imread,
    imresize,
    imrotate,
    imsave,
    toimage,
)


def test_they_are_found_where_they_were():
    import scipy

    pitfalls.restore()
    try:
        assert scipy.misc.imresize is imresize
        from scipy.misc import imread as found

        assert found is imread
    finally:
        pitfalls.withdraw()


def test_bytescale():
    assert bytescale(np.array([-1.0, 0, 1])).tolist() == [0, 128, 255]
    assert bytescale(np.array([0, 50, 100]), cmin=0, cmax=200, high=200, low=100).tolist() == [
        100,
        125,
        150,
    ]
    assert bytescale(np.array([3, 3])).tolist() == [0, 0]
    unchanged = np.array([3, 9], np.uint8)
    assert bytescale(unchanged) is unchanged
    with pytest.raises(ValueError, match="low=0 and high=300"):
        bytescale([1], high=300)
    with pytest.raises(ValueError, match=r"`cmax` \(1\) must not be less than `cmin` \(2\)"):
        bytescale([1.5], cmin=2, cmax=1)


def test_images_and_arrays():
    gray = np.array([[0, 128], [255, 64]], np.uint8)
    color = np.stack([gray, gray // 2, gray // 4], axis=-1)
    assert toimage(gray).mode == "L" and (fromimage(toimage(gray)) == gray).all()
    assert toimage(color).mode == "RGB" and (fromimage(toimage(color)) == color).all()
    assert (fromimage(toimage(np.moveaxis(color, -1, 0))) == color).all()
    assert fromimage(toimage(color), flatten=True).dtype == np.float32
    assert fromimage(toimage(color), mode="L").shape == (2, 2)
    floats = np.array([[0.5, 1000]])
    assert (fromimage(toimage(floats, mode="F")) == floats).all()
    assert fromimage(toimage(gray, mode="1")).tolist() == [[0, 255], [255, 0]]
    palette = np.zeros((256, 3), np.uint8)
    palette[64] = 1, 2, 3
    assert fromimage(toimage(gray, pal=palette))[1, 1].tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match=r"got \(2, 2, 5\)"):
        toimage(np.zeros((2, 2, 5)))
    with pytest.raises(ValueError, match="'RGBA' does not have 3 channels"):
        toimage(color, mode="RGBA")
    with pytest.raises(ValueError, match="complex"):
        toimage(gray * 1j)


def test_files(tmp_path):
    color = np.arange(2 * 4 * 3).reshape(2, 4, 3).astype(np.uint8)
    imsave(tmp_path / "a.png", color)
    assert (imread(tmp_path / "a.png") == color).all()
    assert imread(tmp_path / "a.png", flatten=True).shape == (2, 4)
    imsave(tmp_path / "b", color * 10.0, format="png")  # floats: least to greatest
    assert imread(tmp_path / "b").max() == 255
    assert imread(tmp_path / "a.png", mode="RGBA").shape == (2, 4, 4)


def test_sizes_and_angles():
    image = np.arange(8, dtype=np.uint8).reshape(2, 4)
    assert imresize(image, 50).shape == (1, 2)
    assert imresize(image, 2.0).shape == (4, 8)
    assert imresize(image, (6, 3)).shape == (6, 3)
    assert imresize(np.zeros((2, 4, 3)), (6, 3, 3)).shape == (6, 3, 3)
    assert imresize(image, 2.0, interp="nearest")[::2, ::2].tolist() == image.tolist()
    assert imrotate(np.eye(3, dtype=np.uint8), 90, "nearest").tolist() == [
        [0, 0, 1],
        [0, 1, 0],
        [1, 0, 0],
    ]
    with pytest.raises(ValueError, match="Unknown interpolation 'best'"):
        imresize(image, 50, interp="best")

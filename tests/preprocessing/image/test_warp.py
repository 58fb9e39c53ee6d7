import sys

import numpy as np
import pytest

from kforge.preprocessing.image import apply_affine_transform, transform_matrix_offset_center
from kforge.preprocessing.image.warp import CHUNK, affine_matrices, warp

MODES = ("nearest", "constant", "reflect", "wrap")


def image(rng, *shape, dtype="float32"):
    return rng.uniform(0, 255, shape).astype(dtype)


def parameters(rng, n):
    shifts, zooms = rng.uniform(-9, 9, (2, n)), rng.uniform(0.5, 2, (2, n))
    return [rng.uniform(-180, 180, n), *shifts, rng.uniform(-40, 40, n), *zooms]


def by_scipy(x, matrix, order, mode):
    from scipy.ndimage import affine_transform

    channels = [
        affine_transform(c, matrix[:2, :2], matrix[:2, 2], order=order, mode=mode, cval=7.5)
        for c in np.moveaxis(x, -1, 0)
    ]
    return np.stack(channels, -1)


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("dtype, atol", [("float32", 1e-4), ("float64", 1e-9), ("uint8", 1)])
def test_samples_as_scipy_does(order, mode, dtype, atol):
    pytest.importorskip("scipy")
    rng = np.random.RandomState(0)
    for shape in ((9, 6, 3), (1, 7, 1), (5, 1, 2)):
        images = image(rng, 8, *shape, dtype=dtype)
        matrices = affine_matrices(shape[:2], *parameters(rng, 8))
        # Turns by right angles and whole shifts: points that lie exactly on pixels and borders.
        matrices[4:] = affine_matrices(shape[:2], [0, 90, 180, 0], [1, 0, -2, 0.5], [0, -8, 3, 20])
        want = [by_scipy(*pair, order, mode) for pair in zip(images, matrices, strict=True)]
        warp(images, matrices, mode, 7.5, order)
        np.testing.assert_allclose(images, want, rtol=0, atol=atol)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int64", "uint8"])
def test_whole_shifts_copy_pixels(dtype):
    x = np.arange(24).reshape(4, 3, 2).astype(dtype)
    moved = apply_affine_transform(x, tx=1, fill_mode="constant", cval=9)
    assert moved.dtype == dtype
    assert (moved[:-1] == x[1:]).all()
    assert (moved[-1] == 9).all()


def test_halves_are_rounded_up_in_whole_numbers():
    x = np.array([[0], [1], [2]], "uint8")[..., None]
    assert apply_affine_transform(x, tx=0.5)[..., 0, 0].tolist() == [1, 2, 2]


def test_values_beyond_the_type_are_cut():
    x = np.zeros((2, 2, 1), "uint8")
    assert apply_affine_transform(x, tx=9, fill_mode="constant", cval=300).max() == 255


def test_flips_come_after_the_map():
    rng = np.random.RandomState(0)
    images = image(rng, 4, 6, 5, 3)
    matrices = affine_matrices((6, 5), *parameters(rng, 4))
    rows, cols = [False, True, False, True], [False, False, True, True]
    plain, flipped = images.copy(), images.copy()
    warp(plain, matrices)
    warp(flipped, matrices, flip_rows=rows, flip_cols=cols)
    assert (flipped[1] == plain[1, ::-1]).all()
    assert (flipped[2] == plain[2, :, ::-1]).all()
    assert (flipped[3] == plain[3, ::-1, ::-1]).all()


def test_batches_larger_than_a_chunk():
    rng = np.random.RandomState(0)
    images = image(rng, 2 * CHUNK // (20 * 20) + 1, 20, 20, 1)
    matrices = affine_matrices((20, 20), *parameters(rng, len(images)))
    want = images.copy()
    for one, matrix in zip(want, matrices, strict=True):
        warp(one[None], matrix[None])
    warp(images, matrices)
    np.testing.assert_array_equal(images, want)


def test_the_input_of_a_function_stays_and_any_layout_will_do():
    x = image(np.random.RandomState(0), 3, 8, 9)
    kept = x.copy()
    first = apply_affine_transform(x, 20, row_axis=1, col_axis=2, channel_axis=0)
    last = apply_affine_transform(np.moveaxis(x, 0, -1)[::1], 20)
    np.testing.assert_array_equal(np.moveaxis(first, 0, -1), last)
    np.testing.assert_array_equal(x, kept)
    backwards = apply_affine_transform(x[:, ::-1], 20, row_axis=1, col_axis=2, channel_axis=0)
    assert np.isfinite(backwards).all()


def test_matrices_turn_about_the_middle():
    (matrix,) = affine_matrices((9, 5), theta=90)
    np.testing.assert_allclose(matrix @ (5, 3, 1), (5, 3, 1), atol=1e-12)
    turn = affine_matrices((-1, -1), theta=90)[0]
    np.testing.assert_allclose(transform_matrix_offset_center(turn, 9, 5), matrix, atol=1e-12)


def test_what_torch_cannot_do_asks_for_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    with pytest.raises(ImportError, match=r"order 3 .*pip install kforge\[image\]"):
        apply_affine_transform(np.zeros((2, 2, 1)), 10, order=3)

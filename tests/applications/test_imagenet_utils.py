"""Images before, and predictions after, a network."""

import hashlib
import json

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import layers, models
from kforge.applications import densenet, imagenet_utils
from kforge.applications.imagenet_utils import decode_predictions, preprocess_input
from tests.http_server import serve

MODES = ("caffe", "tf", "torch")


def images(*shape):
    return np.random.RandomState(0).uniform(0, 255, shape).astype("float32")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(2, 4, 5, 3), (4, 5, 3)])
def test_arrays_and_tensors_agree_in_both_data_formats(mode, shape):
    x = images(*shape)
    wanted = preprocess_input(x.copy(), mode=mode)
    first = np.moveaxis(x, -1, -3)
    wanted_first = np.moveaxis(wanted, -1, -3)
    given = {"data_format": "channels_first", "mode": mode}
    np.testing.assert_allclose(preprocess_input(first.copy(), **given), wanted_first, 1e-6)
    for found, right in (
        (K.eval(preprocess_input(K.constant(x), mode=mode)), wanted),
        (K.eval(preprocess_input(K.constant(first), **given)), wanted_first),
        (preprocess_input(torch.from_numpy(x), mode=mode).numpy(), wanted),
    ):
        np.testing.assert_allclose(found, right, 1e-4, 1e-5)


def test_colours():
    red = np.array([[[255.0, 0, 0]]], "float32")
    assert preprocess_input(red.copy(), mode="tf").tolist() == [[[1, -1, -1]]]
    found = preprocess_input(red.copy(), mode="caffe")  # blue first
    np.testing.assert_allclose(found, [[[-103.939, -116.779, 255 - 123.68]]], 1e-6)
    found = densenet.preprocess_input(red.copy())
    np.testing.assert_allclose(found, [[[0.515 / 0.229, -0.456 / 0.224, -0.406 / 0.225]]], 1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_floats_are_overwritten_and_integers_are_not(mode):
    x = images(1, 2, 2, 3)
    assert np.shares_memory(preprocess_input(x, mode=mode), x)
    double = preprocess_input(images(1, 2, 2, 3).astype("float64"), mode=mode)
    assert double.dtype == "float64"
    whole = np.full((1, 2, 2, 3), 7, "uint8")
    found = preprocess_input(whole, mode=mode)
    assert found.dtype == K.floatx() and (whole == 7).all()


def test_preprocessing_can_be_a_layer():
    image = layers.Input((4, 4, 3), dtype="uint8")
    model = models.Model(image, layers.Lambda(preprocess_input, arguments={"mode": "tf"})(image))
    assert (
        model.predict(np.full((1, 4, 4, 3), 255, "uint8")).tolist()
        == np.ones((1, 4, 4, 3)).tolist()
    )


def test_what_cannot_be_preprocessed():
    with pytest.raises(ValueError, match="Received: first"):
        preprocess_input(images(2, 2, 3), data_format="first")
    with pytest.raises(ValueError, match="Unknown mode 'keras'"):
        preprocess_input(images(2, 2, 3), mode="keras")
    with pytest.raises(TypeError, match="Invalid keyword argument: 'format'"):
        preprocess_input(images(2, 2, 3), format="channels_last")


def test_predictions_are_named_after_a_list_that_is_downloaded_once(tmp_path, monkeypatch):
    index = json.dumps({str(i): [f"n{i:08}", f"thing {i}"] for i in range(1000)}).encode()
    scores = np.zeros((2, 1000), "float32")
    scores[0, [5, 6]] = 0.25, 0.75
    scores[1, 999] = 1
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(imagenet_utils, "CLASS_INDEX", None)
    monkeypatch.setattr(imagenet_utils, "_CLASS_INDEX_HASH", hashlib.md5(index).hexdigest())
    with serve({"/index.json": index}) as server:
        monkeypatch.setattr(imagenet_utils, "CLASS_INDEX_PATH", server.url + "/index.json")
        first, second = decode_predictions(scores, top=2)
        decode_predictions(scores)
    assert first == [("n00000006", "thing 6", 0.75), ("n00000005", "thing 5", 0.25)]
    assert second[0] == ("n00000999", "thing 999", 1.0)
    assert len(server.requests) == 1
    assert [p.name for p in (tmp_path / "models").iterdir()] == ["imagenet_class_index.json"]


def test_predictions_of_other_classes_have_no_names():
    with pytest.raises(ValueError, match=r"Found array with shape: \(2, 10\)"):
        decode_predictions(np.zeros((2, 10)))

"""Checkpoints in TensorFlow's format, options on the command line, files and images."""

import sys

import numpy as np
import pytest

import kforge
from kforge.compat.tensorflow import bundle


@pytest.fixture(scope="module", autouse=True)
def tf():
    kforge.install()
    import tensorflow

    yield tensorflow
    kforge.uninstall()


# ---- checkpoints --------------------------------------------------------------------------------


def test_checksums():
    assert bundle.crc32c(b"123456789") == 0xE3069283
    data = np.random.RandomState(0).bytes(70001)
    assert bundle.crc32c(data) == bundle.crc32c(data, lanes=len(data) + 1)
    assert bundle.crc32c(data, lanes=64) == bundle.crc32c(data)


def test_arrays_come_back(tmp_path):
    arrays = {
        "b/kernel": np.arange(6.0, dtype="float32").reshape(2, 3),
        "a": np.int64(7),
        "none": np.zeros((0, 3), "float16"),
        "flags": np.array([True, False]),
        **{f"many/{i}": np.full(i % 3 + 1, i) for i in range(300)},
    }
    prefix = str(tmp_path / "model")
    bundle.write_bundle(prefix, arrays)
    found = bundle.read_bundle(prefix)
    assert list(found) == sorted(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)
    assert bundle.shapes_and_dtypes(prefix)["b/kernel"] == ((2, 3), "float32")
    with pytest.raises(ValueError, match="Key nothing not found"):
        bundle.read_bundle(prefix, ["nothing"])


def test_damage_is_found(tmp_path):
    prefix = str(tmp_path / "model")
    bundle.write_bundle(prefix, {"a": np.arange(4.0)})
    path = tmp_path / "model.data-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a in checkpoint .* is damaged"):
        bundle.read_bundle(prefix)
    (tmp_path / "model.index").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not the index of a TensorFlow checkpoint"):
        bundle.read_bundle(prefix)


def test_layers_in_checkpoints(tf, tmp_path):
    tf.reset_default_graph()
    model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,), name="head")])
    saver, before = tf.train.Saver(), model.get_weights()
    path = saver.save(tf.Session(), str(tmp_path / "m"))
    np.testing.assert_array_equal(tf.train.load_variable(path, "head/kernel"), before[0])
    model.set_weights([w * 0 + 1 for w in before])
    saver.restore(None, path)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    with pytest.raises(tf.errors.NotFoundError, match="There is no checkpoint"):
        saver.restore(None, str(tmp_path / "elsewhere"))
    with pytest.raises(ValueError, match="doesn't exist"):
        saver.save(None, str(tmp_path / "no" / "m"))


# ---- options ------------------------------------------------------------------------------------


def test_options(tf, monkeypatch):
    flags = tf.app.flags
    flags.DEFINE_integer("facade_steps", 10, "How many.")
    flags.DEFINE_float("facade_rate", 0.1, "How fast.")
    flags.DEFINE_string("facade_name", "x", "What.")
    flags.DEFINE_boolean("facade_verbose", True, "Whether to talk.")
    flags.DEFINE_boolean("facade_quiet", False, "Whether not to.")
    flags.DEFINE_list("facade_sizes", "1,2", "How big.")
    line = "prog --facade_steps=3 --facade_rate 0.5 --nofacade_verbose --facade_quiet rest"
    monkeypatch.setattr(sys, "argv", line.split())
    given = {}

    def main(argv):
        found = flags.FLAGS
        given.update(argv=argv, steps=found.facade_steps, rate=found.facade_rate)
        given.update(name=found.facade_name, talk=found.facade_verbose, quiet=found.facade_quiet)
        found.facade_name = "y"
        given["sizes"], given["changed"] = found.facade_sizes, found.facade_name
        return 3

    with pytest.raises(SystemExit, match="3"):
        tf.app.run(main)
    assert given == {"argv": ["prog", "rest"], "steps": 3, "rate": 0.5, "name": "x", "talk": False,
                     "quiet": True, "sizes": ["1", "2"], "changed": "y"}  # fmt: skip
    with pytest.raises(AttributeError, match="There is no flag 'facade_other'"):
        flags.FLAGS.facade_other  # noqa: B018


# ---- images -------------------------------------------------------------------------------------


def test_images_as_data(tf, tmp_path):
    image = pytest.importorskip("PIL.Image")
    for i in range(3):
        pixels = np.full((4, 5, 3), i * 40, "uint8")
        image.fromarray(pixels).save(tmp_path / f"{i}.png")

    def read(name):
        return tf.image.resize_images(tf.image.decode_png(tf.read_file(name), channels=3), [2, 2])

    names = tf.data.Dataset.list_files(str(tmp_path / "*.png"), shuffle=False)
    (batch,) = list(names.map(read).batch(3))
    assert batch.shape == (3, 2, 2, 3) and batch[:, 0, 0, 0].tolist() == [0.0, 40.0, 80.0]
    with pytest.raises(ValueError, match="texts cannot be tensors"):
        names.make_one_shot_iterator().get_next()

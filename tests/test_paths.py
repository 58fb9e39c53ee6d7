"""Every module path of Keras 2.0 - 2.3.1 imports, in every form, and means kforge's own module."""

import importlib
import json
import os
import pickle
import subprocess
import sys
import types

import numpy as np
import pytest

import kforge
from kforge.compat import paths

# The paths that are still missing: see test_api.py.
with open(os.path.join(os.path.dirname(__file__), "data", "api_gaps.json")) as f:
    GAPS = json.load(f)["paths"]


@pytest.fixture
def keras():
    kforge.install()
    yield sys.modules["keras"]
    kforge.uninstall()


@pytest.mark.parametrize("path", paths.ALIASES)
def test_a_path_is_the_same_module_object(keras, path):
    if path in GAPS:
        assert f"keras.{path}" not in sys.modules, "closed: take it off tests/data/api_gaps.json"
        return
    target = importlib.import_module(f"kforge.{paths.ALIASES[path]}")
    assert importlib.import_module(f"keras.{path}") is target
    assert sys.modules[f"keras.{path}"] is target
    module = keras
    for name in path.split("."):
        module = getattr(module, name)  # as in `import keras; keras.layers.core`
    assert isinstance(module, types.ModuleType)


@pytest.mark.parametrize("path", [path for path in paths.SHOWN if path not in GAPS])
def test_a_star_brings_the_names_that_scripts_take_from_a_path(keras, path):
    module = importlib.import_module(f"keras.{path}")
    namespace = {}
    exec(f"from keras.{path} import *", namespace)
    shown = [name for name in paths.SHOWN[path].split() if hasattr(module, name)]
    assert shown
    for name in shown:
        assert namespace[name] is getattr(module, name)


def test_every_name_that_is_shown_has_a_home():
    homes = {word.partition("=")[0] for words in paths.HOMES.values() for word in words.split()}
    assert {name for words in paths.SHOWN.values() for name in words.split()} <= homes
    assert {*paths.HOMES, *paths.SHOWN} <= set(paths.ALIASES)


def test_helpers_of_keras_before_2_3(keras):
    from keras import backend as K
    from keras.layers.recurrent import _generate_dropout_ones, _time_distributed_dense
    from keras.utils.conv_utils import normalize_data_format

    x, w, b = K.placeholder((None, 3, 4)), K.ones((4, 2)), K.constant([1.0, 2.0])
    found = _time_distributed_dense(x, w, b, 0.5, 4, 2, 3)
    ones = _generate_dropout_ones(x[:, 0], 5)
    run = K.function([x, K.learning_phase()], [found, ones])
    tested, ones = run([np.ones((2, 3, 4)), 0])
    np.testing.assert_array_equal(tested, np.broadcast_to([5, 6], (2, 3, 2)))
    np.testing.assert_array_equal(ones, np.ones((2, 5)))
    trained = run([np.ones((2, 3, 4)), 1])[0]
    assert (trained == trained[:, :1]).all(), "the same inputs are dropped in all steps"
    assert normalize_data_format("channels_first") == "channels_first"


def test_every_form_of_import(keras):
    import keras as k1
    import keras.initializations as initializations
    import keras.layers.core
    import keras.layers.core as core
    from keras import backend as K
    from keras import layers
    from keras.engine import topology
    from keras.layers.core import Dense

    assert k1 is keras is kforge
    assert core is keras.layers.core is layers.core is kforge.layers.core
    assert initializations is kforge.initializers
    assert K is kforge.backend is sys.modules["keras.backend.tensorflow_backend"]
    assert topology is kforge.engine
    assert Dense is kforge.layers.Dense
    assert importlib.import_module("..core", "keras.layers.merge") is core
    assert importlib.util.find_spec("keras.layers") is not None


def test_what_scripts_take_from_topology(keras):
    from keras.engine.topology import _to_list, load_weights_from_hdf5_group_by_name

    assert _to_list(1) == [1]
    name = "load_weights_from_hdf5_group_by_name"
    assert load_weights_from_hdf5_group_by_name is getattr(kforge.saving, name)


def test_a_kforge_file_is_never_loaded_twice(keras):
    import keras.symbolic

    assert keras.symbolic is sys.modules["kforge.symbolic"]
    homes = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) if name.startswith(("kforge", "keras")) else None
        if file:
            assert homes.setdefault(file, module) is module, name


def test_objects_pickle_under_either_name(keras):
    data = b"ckeras.engine.topology\nInputSpec\n."
    assert pickle.loads(data) is kforge.engine.InputSpec
    assert pickle.loads(pickle.dumps(kforge.layers.Dense)) is kforge.layers.Dense


def test_classes_tell_where_keras_has_them(keras):
    kinds = [
        (keras.models.Sequential, "keras.engine.sequential"),
        (keras.models.Model, "keras.engine.training"),
        (keras.layers.Layer, "keras.engine.base_layer"),
        (keras.layers.Conv2D, "keras.layers.convolutional"),
        (keras.layers.LSTM, "keras.layers.recurrent"),
        (keras.optimizers.Adam, "keras.optimizers"),
        (keras.callbacks.EarlyStopping, "keras.callbacks.callbacks"),
    ]
    for kind, home in kinds:
        assert str(kind) == f"<class '{home}.{kind.__name__}'>"
        assert pickle.loads(pickle.dumps(kind)) is kind
    kforge.uninstall()
    assert all(kind.__module__.startswith("kforge.") for kind, _ in kinds)


def test_versions_and_backend(keras, monkeypatch):
    assert keras.__version__ == "2.3.1"
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert keras.backend.backend() == "tensorflow"
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert keras.backend.backend() == "theano"


def test_uninstalling_leaves_no_trace(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    real = types.ModuleType("keras")
    real_child = types.ModuleType("keras.src")
    monkeypatch.setitem(sys.modules, "keras", real)
    monkeypatch.setitem(sys.modules, "keras.src", real_child)

    def state():
        ours = [n for n in sys.modules if n.partition(".")[0] in ("kforge", *paths.COMPANIONS)]
        names = {n: set(vars(sys.modules[n])) for n in ours}
        exported = {n: getattr(sys.modules[n], "__all__", None) for n in ours}
        return names, exported, list(sys.path), dict(os.environ), kforge.__version__

    kforge.install()  # imports whatever was not imported yet
    kforge.uninstall()
    before = state()
    kforge.install()
    kforge.install()
    assert "keras.src" not in sys.modules
    assert sys.modules["keras"] is kforge
    kforge.uninstall()
    assert state() == before
    assert sys.modules["keras"] is real
    assert sys.modules["keras.src"] is real_child
    assert not paths.installed()
    assert kforge.backend.backend() == "torch"
    kforge.uninstall()  # nothing to undo


def test_processes_that_never_import_keras_pay_nothing(keras):
    code = "import sys; print('kforge' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False False\n"


def test_companions_have_the_modules_of_their_own(keras):
    from keras_preprocessing.image import affine_transformations, iterator
    from keras_preprocessing.image.affine_transformations import apply_affine_transform
    from keras_preprocessing.image.image_data_generator import ImageDataGenerator
    from keras_preprocessing.image.numpy_array_iterator import NumpyArrayIterator
    from keras_preprocessing.image.utils import load_img

    assert affine_transformations.apply_affine_transform is apply_affine_transform
    things = apply_affine_transform, ImageDataGenerator, NumpyArrayIterator, load_img
    for thing in (*things, iterator.Iterator):
        assert getattr(kforge.preprocessing.image, thing.__name__) is thing


def test_companions_give_way_to_what_is_installed(keras, tmp_path, monkeypatch):
    assert importlib.import_module("keras_preprocessing.text") is kforge.preprocessing.text
    kforge.uninstall()
    (tmp_path / "keras_applications.py").write_text("real = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    kforge.install()
    assert "keras_applications" not in sys.modules
    assert "keras_preprocessing" in sys.modules

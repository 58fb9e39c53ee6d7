"""Names and functions that old programs use and newer packages have not."""

import collections
import importlib
import importlib.util
import json
import os
import random
import sys
import time
import unittest
import zipfile

import h5py
import numpy as np
import pytest

from kforge.compat import pitfalls


@pytest.fixture
def restored():
    pitfalls.restore()
    yield
    pitfalls.withdraw()


def snapshot():
    return {
        **{("numpy", name): value for name, value in vars(np).items()},
        **{("collections", name): value for name, value in vars(collections).items()},
        **{("h5py", name): value for name, value in vars(h5py.File).items()},
        "random": random.sample,
        "environ": dict(os.environ),
        "finders": list(sys.meta_path),
    }


def test_what_is_restored_is_taken_back():
    before = snapshot()
    pitfalls.restore()
    pitfalls.restore()
    assert np.float is float and os.environ["KFORGE_SHIMS"] == "1"
    pitfalls.withdraw()
    assert snapshot() == before


def test_what_exists_is_left_alone(restored, monkeypatch):
    pitfalls.withdraw()
    monkeypatch.setattr(np, "asscalar", "mine", raising=False)
    pitfalls.restore()
    assert np.asscalar == "mine"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # where it still exists
def test_numpy(restored):
    assert np.zeros(2, dtype=np.bool).dtype == bool
    assert (np.int, np.object, np.str, np.float_) == (int, object, str, np.float64)
    assert np.asscalar(np.array([3])) == 3 and type(np.asscalar(np.array([3]))) is int
    assert np.product([2, 3]) == 6 and np.isnan(np.NaN) and np.NINF == -np.inf
    assert np.in1d([[1, 2]], [2, 5]).tolist() == [False, True]
    assert np.in1d([1, 2], [2], invert=True).tolist() == [True, False]
    assert np.block([np.meshgrid([1], [2, 3])]).tolist() == [[1, 2], [1, 3]]
    assert np.msort([[3, 1], [2, 4]]).tolist() == [[2, 1], [3, 4]]
    assert np.asfarray([1]).dtype == np.float64 and np.asfarray([1], np.int32).dtype == np.float64
    assert issubclass(np.VisibleDeprecationWarning, Warning)
    assert np.float32 in np.sctypes["float"] and np.cast["int32"]([1.7]).dtype == np.int32


def test_numpy_makes_ragged_arrays(restored):
    sentences = np.array([[1, 2, 3], [4]])
    assert sentences.dtype == object and [len(words) for words in sentences] == [3, 1]
    assert np.asarray([np.zeros((2, 3)), np.zeros((3, 3))], dtype=None)[1].shape == (3, 3)
    with pytest.raises(ValueError, match="inhomogeneous"):
        np.array([[1, 2, 3], [4]], dtype="float32")
    with pytest.raises(ValueError, match="broadcast"):
        np.array([np.zeros((2, 3)), np.zeros((2, 4))])


def test_numpy_takes_ragged_lists(restored, tmp_path):
    ragged = [np.zeros(2), np.zeros(3)]
    assert np.copy(ragged).dtype == object and np.asanyarray(ragged).shape == (2,)
    assert (np.shape(ragged), np.ndim(ragged), np.size(ragged)) == ((2,), 1, 2)
    assert sorted(map(len, np.random.permutation(ragged))) == [2, 3]
    np.savez(tmp_path / "lists.npz", ragged, names=[["a"], ["b", "c"]])
    stored = np.load(tmp_path / "lists.npz", allow_pickle=True)
    assert len(stored["arr_0"][1]) == 3 and stored["names"][1] == ["b", "c"]
    with pytest.raises(ValueError, match="inhomogeneous"):
        np.stack([ragged, ragged])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # where it still exists
def test_numpy_takes_what_it_took(restored, capsys):
    assert np.array([1, 2], "float32", copy=False).tolist() == [1.0, 2.0]
    same = np.zeros(3)
    assert np.array(same, copy=False) is same
    assert np.linspace(0, 1, 5 / 2).tolist() == [0.0, 1.0] and len(np.logspace(0, 1, num=3.0)) == 3
    assert np.vstack(map(np.zeros, [2, 2])).shape == (2, 2) and np.hstack(same).shape == (3,)
    assert np.fromstring(b"\x01\x02", np.uint8).tolist() == [1, 2]
    assert np.fromstring("1 2", sep=" ").tolist() == [1.0, 2.0]
    assert np.histogram([0.0, 1.0], 2, normed=True)[0].tolist() == [1.0, 1.0]
    assert np.find_common_type([np.float32], [np.float64]) == np.float32
    assert np.find_common_type([np.int32], [np.float32]) == np.float32
    assert np.find_common_type([], [np.int8]) == np.find_common_type([np.int8], []) == np.int8
    with np.printoptions():
        np.set_printoptions(threshold=np.nan)
        assert "..." not in str(np.zeros(2000))


def test_pandas_takes_places_and_positions(restored):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]}, index=[2, 1, 0])
    assert frame.drop("a", 1).columns.tolist() == ["b"]
    assert pd.concat([frame, frame], 1).shape == (3, 4)
    assert frame.ix[2, "b"] == 4 and frame.ix[2:1, 0:1].values.tolist() == [[1], [2]]
    assert frame.ix[:, ["b"]].shape == (3, 1) and frame.a.ix[0] == 3
    frame.ix[frame.a > 1, "b"] = 0
    assert frame.b.tolist() == [4, 0, 0]
    by_name = frame.set_index(pd.Index(["x", "y", "z"]))
    assert by_name.ix[0, "a"] == by_name.ix["x", 0] == 1 and by_name.ix[:2].shape == (2, 2)
    assert by_name.ix[[0, 2]].a.tolist() == [1, 3]
    with pytest.raises(KeyError, match="7"):
        frame.ix[[7]]


def test_scipy_and_scikit_learn(restored):
    from scipy.misc import comb, logsumexp
    from scipy.signal import hann
    from sklearn.metrics import confusion_matrix
    from sklearn.metrics.classification import accuracy_score
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.utils.linear_assignment_ import linear_assignment

    assert comb(4, 2) == 6 and logsumexp([0.0]) == 0 and len(hann(4)) == 4
    assert linear_assignment(np.array([[2, 1], [1, 3]])).tolist() == [[0, 1], [1, 0]]
    assert confusion_matrix([0, 1], [0, 1], [1, 0]).tolist() == [[1, 0], [0, 1]]
    assert accuracy_score([1], [1]) == 1
    assert KFold(2, True, 3).random_state == 3
    assert OneHotEncoder(sparse=False).fit_transform([[1], [2]]).tolist() == [[1, 0], [0, 1]]


def test_matplotlib_takes_older_arguments(restored):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg", warn=False)
    axes = importlib.import_module("matplotlib.figure").Figure().subplots()
    heights, *_ = axes.hist([0.0, 1.0], 2, normed=True)
    assert heights.tolist() == [1.0, 1.0]
    axes.grid(b=True)
    axes.set_axis_bgcolor("red")
    assert axes.get_facecolor() == (1.0, 0.0, 0.0, 1.0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # where it still exists
def test_python(restored):
    assert isinstance([], collections.Iterable) and isinstance({}, collections.Mapping)
    assert 0 < time.clock() <= time.process_time()
    assert os.errno.EEXIST
    unittest.TestCase().assertItemsEqual([1, 2], [2, 1])
    assert json.loads('{"a": 1}', encoding="utf-8") == {"a": 1}
    assert json.loads("[1.5]", parse_float=str) == ["1.5"]
    assert random.sample({7}, 1) == [7] and random.sample([8], k=1) == [8]
    shuffled = [1, 2, 3]
    random.shuffle(shuffled, lambda: 0.0)
    assert shuffled == [2, 3, 1]
    assert importlib.import_module("html.parser").HTMLParser().unescape("&lt;") == "<"
    inspect = importlib.import_module("inspect")
    assert inspect.getargspec(lambda a, b=1, *c: 0).args == ["a", "b"]


def test_h5py(restored, tmp_path):
    path = tmp_path / "features.h5"
    with h5py.File(tmp_path / "memory.h5", driver="core", backing_store=False) as f:
        f["x"] = 1
        f.flush()
        assert len(f.fid.get_file_image()) > 100
    with h5py.File(path) as f:  # created, as with h5py 2
        f["x"] = np.arange(3)
        f["n"] = 5
        f.attrs["config"] = b"{}"
        f.attrs["count"] = 2
    with h5py.File(path) as f:
        assert f.mode == "r"
        assert f["x"].value.tolist() == [0, 1, 2] and f["n"].value == 5
        assert f.attrs["config"].decode("utf-8") == f.attrs["config"] == "{}"
        assert type(f.attrs["config"].decode("utf-8")) is str and f.attrs["count"] == 2
    with pytest.raises(OSError):
        h5py.File(tmp_path / "missing.h5", "r")


def test_yaml_loads_plain_objects_only(restored):
    yaml = importlib.import_module("yaml")
    assert yaml.load("a: [1, b]") == {"a": [1, "b"]}
    with pytest.raises(yaml.constructor.ConstructorError):
        yaml.load("!!python/object/apply:os.getpid []")
    assert yaml.load("a: 1", Loader=yaml.BaseLoader) == {"a": "1"}


def test_modules_that_are_gone(restored):
    from sklearn.cross_validation import train_test_split
    from sklearn.externals import joblib
    from sklearn.utils.class_weight import compute_class_weight

    assert joblib is sys.modules["joblib"] and joblib.__spec__.name == "joblib"
    assert train_test_split is sys.modules["sklearn.model_selection"].train_test_split
    weights = compute_class_weight("balanced", np.array([0, 1]), [0, 1, 1])
    np.testing.assert_allclose(weights, [1.5, 0.75])
    pitfalls.withdraw()
    assert "sklearn.cross_validation" not in sys.modules


def test_modules_are_seen_to_when_they_are_imported(restored, tmp_path, monkeypatch):
    (tmp_path / "late.py").write_text("before = hasattr(__import__('numpy'), 'float')\nnew = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(pitfalls.NAMES, "late", "old=new gone=nowhere")
    pitfalls.withdraw()
    pitfalls.restore()
    late = importlib.import_module("late")
    assert late.old == late.new == 1 and late.before and not hasattr(late, "gone")
    assert "exec_module" not in vars(late.__spec__.loader)
    del sys.modules["late"]


def test_a_module_of_the_program_may_have_the_same_name(restored, tmp_path, monkeypatch):
    (tmp_path / "late.py").write_text("mine = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(pitfalls.NAMES, "late:Class", "old=new")
    monkeypatch.setitem(pitfalls.WIDENED, "late", "function=loading_safely")
    pitfalls.withdraw()
    pitfalls.restore()
    assert importlib.import_module("late").mine == 1
    del sys.modules["late"]


def test_modules_of_an_archive_have_one_loader(restored, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "late.zip", "w") as archive:
        archive.writestr("late_a.py", "import late_b\n")
        archive.writestr("late_b.py", "")
    monkeypatch.syspath_prepend(tmp_path / "late.zip")
    for name in ("late_a", "late_b"):
        monkeypatch.setitem(pitfalls.NAMES, name, "sep=os:sep")
    pitfalls.withdraw()
    pitfalls.restore()
    assert importlib.util.find_spec("late_a")  # looked for, and not loaded
    assert importlib.import_module("late_a").sep == sys.modules["late_b"].sep == os.sep
    del sys.modules["late_a"], sys.modules["late_b"]


def test_fonts_and_filters_of_pillow(restored):
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default()
    draw = ImageDraw.Draw(Image.new("L", (50, 50)))
    assert Image.ANTIALIAS == Image.LANCZOS
    width, height = draw.textsize("hello", font)
    assert (width, height) == font.getsize("hello") and width > height > 0
    assert draw.textsize("hello\nyou", font)[1] > 2 * height - 5


@pytest.mark.filterwarnings("ignore:The get_cmap function was deprecated")  # before 3.11
def test_matplotlib(restored):
    matplotlib = pytest.importorskip("matplotlib")
    from matplotlib import cm, style

    assert "jet" in cm.cmap_d
    assert cm.get_cmap("jet", 3).N == 3 and cm.get_cmap(cm.get_cmap()).name == "viridis"
    with matplotlib.rc_context():
        style.use("seaborn-whitegrid")


def test_matplotlib_takes_more_or_fewer_labels_than_ticks(restored):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots()
    for labels, shown in (["a", "b", "c"], ["a", "b"]), (["a"], ["a", ""]), ([], []):
        axes.set_xticks([0, 1])
        axes.set_xticklabels(labels)
        assert [label.get_text() for label in axes.get_xticklabels()][: len(shown)] == shown


def test_pandas(restored):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    assert frame.as_matrix().tolist() == [[1, 3], [2, 4]]
    assert frame.as_matrix(["b"]).tolist() == [[3], [4]]
    assert frame.append({"a": 5, "b": 6}, ignore_index=True)["a"].tolist() == [1, 2, 5]
    assert frame.append([frame]).index.tolist() == [0, 1, 0, 1]
    assert frame["a"].append(frame["b"]).tolist() == [1, 2, 3, 4]
    assert [name for name, _ in frame.iteritems()] == ["a", "b"]

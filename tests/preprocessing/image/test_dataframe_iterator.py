import numpy as np
import pytest

from kforge.preprocessing.image import DataFrameIterator, ImageDataGenerator, save_img

pandas = pytest.importorskip("pandas")
pytest.importorskip("PIL")

LABELS = ["b", "a", "b", "c"]


@pytest.fixture
def folder(tmp_path):
    for i in range(4):
        save_img(tmp_path / f"{i}.png", np.full((3, 3, 3), i), scale=False)
    return tmp_path


@pytest.fixture
def frame():
    return pandas.DataFrame(
        {
            "filename": [f"{i}.png" for i in range(4)],
            "class": LABELS,
            "tags": [["a", "b"], ["c"], "b", ("c", "a")],
            "value": [0.5, 1.5, 2.5, 3.5],
            "count": [1, 2, 3, 4],
        }
    )


def flow(frame, folder, generator=None, **arguments):
    arguments = {"target_size": (3, 3), "shuffle": False, **arguments}
    return (generator or ImageDataGenerator()).flow_from_dataframe(frame, folder, **arguments)


def test_classes_by_name(frame, folder, capsys):
    batches = flow(frame, folder)
    assert capsys.readouterr().out == (
        "Found 4 validated image filenames belonging to 3 classes.\n"
    )
    assert batches.class_indices == {"a": 0, "b": 1, "c": 2}
    x, y = next(batches)
    assert x[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(y, np.eye(3)[[1, 0, 1, 2]])


def test_several_names_to_an_image(frame, folder):
    _, y = next(flow(frame, folder, y_col="tags"))
    assert y.tolist() == [[1, 1, 0], [0, 0, 1], [0, 1, 0], [1, 0, 1]]
    batches = flow(frame, folder, y_col="tags", classes=["b", "a"])
    assert batches.filenames == ["0.png", "2.png", "3.png"]
    assert next(batches)[1].tolist() == [[1, 1], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    "arguments, want",
    [
        (dict(class_mode="sparse"), [1, 0, 1, 2]),
        (dict(class_mode="binary", classes=["b", "c"]), [0, 0, 1]),
        (dict(class_mode="raw", y_col="value"), [0.5, 1.5, 2.5, 3.5]),
        (dict(class_mode="raw", y_col=["count"]), [[1], [2], [3], [4]]),
        (dict(class_mode="multi_output", y_col=["count", "class"]), [[1, 2, 3, 4], LABELS]),
    ],
)
def test_class_modes(frame, folder, arguments, want):
    _, y = next(flow(frame, folder, **arguments))
    assert [np.asarray(item).tolist() for item in y] == want


def test_without_targets(frame, folder, capsys):
    assert next(flow(frame, folder, class_mode=None)).shape == (4, 3, 3, 3)
    assert capsys.readouterr().out == "Found 4 validated image filenames.\n"
    x, y = next(flow(frame, folder, class_mode="input"))
    np.testing.assert_array_equal(x, y)


def test_weights_and_subsets(frame, folder):
    generator = ImageDataGenerator(validation_split=0.25)
    _, _, weights = next(flow(frame, folder, generator, weight_col="count", subset="training"))
    assert weights.tolist() == [2, 3, 4]
    assert flow(frame, folder, generator, subset="validation").filenames == ["0.png"]


def test_missing_files_are_left_out(frame, folder):
    (folder / "1.png").unlink()
    with pytest.warns(UserWarning, match=r'1 invalid image filename\(s\) in x_col="filename"'):
        assert flow(frame, folder).filenames == ["0.png", "2.png", "3.png"]
    assert flow(frame, folder, validate_filenames=False).samples == 4


def test_whole_paths_without_a_generator(frame, folder):
    frame["filename"] = [str(folder / name) for name in frame["filename"]]
    batches = DataFrameIterator(frame, target_size=(3, 3), class_mode=None, shuffle=False)
    assert next(batches)[3].max() == 3


@pytest.mark.parametrize(
    "arguments, error, message",
    [
        (dict(class_mode="tags"), ValueError, "Invalid class_mode: tags"),
        (dict(class_mode="multi_output"), TypeError, "y_col must be a list. Received str"),
        (dict(x_col="count"), TypeError, "x_col=count must be strings"),
        (dict(class_mode="sparse", y_col="count"), TypeError, "values must be strings"),
        (dict(y_col="count"), TypeError, "must be type string, list or tuple"),
        (dict(class_mode="binary"), ValueError, "must be 2 classes. Found 3"),
        (dict(class_mode="binary", classes=["a"]), ValueError, "must be 2 classes. Found 1"),
        (dict(weight_col="class"), TypeError, "weight_col=class must be numeric"),
        (dict(colour="rgb"), TypeError, "unexpected keyword argument 'colour'"),
    ],
)
def test_errors(frame, folder, arguments, error, message):
    with pytest.raises(error, match=message):
        flow(frame, folder, **arguments)


def test_what_older_scripts_say(frame, folder):
    for name in ("has_ext", "sort", "drop_duplicates"):
        with pytest.warns(DeprecationWarning, match=f"{name} is deprecated"):
            flow(frame, folder, **{name: True})
    with pytest.warns(DeprecationWarning, match='"other" is deprecated'):
        _, y = next(flow(frame, folder, class_mode="other", y_col="count"))
    assert y.tolist() == [1, 2, 3, 4]
    with pytest.warns(UserWarning, match="`classes` will be ignored"):
        flow(frame, folder, class_mode=None, classes=["a"])

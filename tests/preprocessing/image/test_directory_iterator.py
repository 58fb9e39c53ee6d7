import numpy as np
import pytest

from kforge.preprocessing.image import ImageDataGenerator, save_img

pytest.importorskip("PIL")


@pytest.fixture
def folder(tmp_path):
    """Classes cats (gray level 10), dogs (20), with 3 and 4 images, one in a folder below."""
    for name, level, count in (("cats", 10, 3), ("dogs", 20, 4)):
        (tmp_path / name / "more").mkdir(parents=True)
        for i in range(count):
            file = tmp_path / name / ("more" if i == 0 else "") / f"{i}.png"
            save_img(file, np.full((4, 5, 3), level), scale=False)
        (tmp_path / name / "notes.txt").touch()
    return tmp_path


def test_classes_are_folders(folder, capsys):
    flow = ImageDataGenerator().flow_from_directory(folder, target_size=(2, 3), shuffle=False)
    assert capsys.readouterr().out == "Found 7 images belonging to 2 classes.\n"
    assert flow.class_indices == {"cats": 0, "dogs": 1}
    assert flow.filenames[:3] == ["cats/1.png", "cats/2.png", "cats/more/0.png"]
    assert flow.classes.tolist() == flow.labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert (flow.samples, flow.num_classes, flow.image_shape) == (7, 2, (2, 3, 3))
    x, y = next(flow)
    assert x.shape == (7, 2, 3, 3)
    np.testing.assert_array_equal(x[:, 0, 0, 0], 10 + 10 * y[:, 1])
    np.testing.assert_array_equal(y.sum(1), 1)


@pytest.mark.parametrize("class_mode", ["binary", "sparse", "input", None])
def test_class_modes(folder, class_mode):
    flow = ImageDataGenerator(rescale=0.1).flow_from_directory(
        folder, target_size=(2, 2), class_mode=class_mode, classes=["dogs", "cats"], shuffle=False
    )
    batch = next(flow)
    if class_mode is None:
        assert batch.shape == (7, 2, 2, 3)
    elif class_mode == "input":
        np.testing.assert_array_equal(batch[0], batch[1])
    else:
        assert batch[1].tolist() == [0, 0, 0, 0, 1, 1, 1]
        assert batch[1].dtype == "float32"


def test_subsets_are_cut_off_in_each_class(folder):
    generator = ImageDataGenerator(validation_split=0.5)
    parts = [generator.flow_from_directory(folder, subset=s) for s in ("validation", "training")]
    assert [flow.classes.tolist() for flow in parts] == [[0, 1, 1], [0, 0, 1, 1]]
    assert not set(parts[0].filenames) & set(parts[1].filenames)


def test_color_modes_and_layouts(folder):
    for color_mode, channels in (("grayscale", 1), ("rgba", 4)):
        flow = ImageDataGenerator(data_format="channels_first").flow_from_directory(
            folder, target_size=(2, 3), color_mode=color_mode, batch_size=2
        )
        assert next(flow)[0].shape == (2, *flow.image_shape) == (2, channels, 2, 3)


def test_images_are_transformed_and_saved(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    generator = ImageDataGenerator(rotation_range=9, preprocessing_function=lambda x: x + 1)
    flow = generator.flow_from_directory(
        folder, classes=["cats"], batch_size=2, class_mode=None, save_to_dir=out, save_format="jpeg"
    )
    np.testing.assert_allclose(next(flow), 11, atol=1e-4)
    assert [path.suffix for path in out.iterdir()] == [".jpeg"] * 2


def test_errors(folder):
    generator = ImageDataGenerator()
    with pytest.raises(ValueError, match="Invalid class_mode: raw; expected one of"):
        generator.flow_from_directory(folder, class_mode="raw")
    with pytest.raises(ValueError, match="Invalid color mode"):
        generator.flow_from_directory(folder, color_mode="bgr")
    with pytest.raises(ValueError, match="Invalid subset name: test"):
        generator.flow_from_directory(folder, subset="test")
    (folder / "cats" / "scan.tiff").touch()
    with pytest.warns(UserWarning, match="multiple bands"):
        generator.flow_from_directory(folder)

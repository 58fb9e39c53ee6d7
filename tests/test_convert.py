"""The command line that converts files: what it writes, says, and exits with."""

import json
import subprocess
import sys

import h5py
import numpy as np
import pytest
import safetensors.numpy
import torch

import kforge
from kforge import convert
from kforge import layers as L
from kforge.convert import main
from kforge.models import Model, Sequential, load_model, model_from_json
from tests import golden


class Doubled(L.Layer):
    """A layer of a user."""

    def call(self, inputs):
        return 2 * inputs


def net():
    model = Sequential(
        [
            L.Conv2D(3, 3, padding="same", activation="relu", input_shape=(6, 6, 2), name="conv"),
            L.BatchNormalization(name="norm"),
            L.Flatten(name="flat"),
            L.Dense(2, name="dense"),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"])
    return model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net().save("net.h5")
    return tmp_path


def same(found, wanted):
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(f, w)


# ---- what is written ----------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["h5", "safetensors"])
def test_models_with_their_training(ending, folder, capsys):
    assert main(["net.h5", f"out.{ending}", "--check"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"wrote out.{ending}\nchecked: the outputs differ by 0.0e+00")
    assert said.err == ""
    before, after = load_model("net.h5"), load_model(f"out.{ending}")
    same(after.get_weights(), before.get_weights())
    assert type(after.optimizer).__name__ == "Adam"


@pytest.mark.parametrize("more", [[], ["--channels-first"]], ids=["last", "first"])
def test_programs(more, folder, capsys):
    assert main(["net.h5", "out.pt2", "--check", *more]) == 0
    assert "checked: the outputs differ by" in capsys.readouterr().out
    images = torch.rand(3, 6, 6, 2)
    program = torch.export.load("out.pt2").module()
    found = program(images.permute(0, 3, 1, 2) if more else images)
    wanted = load_model("net.h5").predict(images.numpy())
    np.testing.assert_allclose(found.detach().numpy(), wanted, 1e-4, 1e-5)


def test_onnx(folder, capsys):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    assert main(["net.h5", "out.onnx", "--check"]) == 0
    said = capsys.readouterr()
    assert "wrote out.onnx\nchecked: " in said.out and said.err == ""


def test_weights_stay_as_they_are(folder, capsys):
    net().save_weights("weights.h5")
    assert main(["weights.h5", "weights.safetensors"]) == 0
    assert main(["weights.safetensors", "again.h5"]) == 0
    with h5py.File("weights.h5") as before, h5py.File("again.h5") as after:
        assert dict(after.attrs).keys() == dict(before.attrs).keys()
        before.visititems(
            lambda name, x: isinstance(x, h5py.Dataset) and same([after[name][()]], [x[()]])
        )
    model = net()
    model.load_weights("again.h5", by_name=True)
    assert main(["weights.h5", "out.pt2"]) == 1
    assert "has only weights. Give the model" in capsys.readouterr().err


@pytest.mark.parametrize("language", ["json", "yaml"])
def test_weights_and_an_architecture(language, folder):
    model = net()
    model.save_weights("weights.h5")
    (folder / "model").write_text(getattr(model, f"to_{language}")())
    assert main(["weights.h5", "out.h5", "--architecture", "model", "--check"]) == 0
    same(load_model("out.h5", compile=False).get_weights(), model.get_weights())


def test_files_of_old_keras(folder, capsys):
    old = golden.DATA / "h5" / "keras208" / "mlp_adam.h5"
    assert main([str(old), "out.safetensors", "--check"]) == 0
    assert capsys.readouterr().err == ""


def test_models_that_look_up_words(folder):
    model = Sequential([L.Embedding(7, 3), L.LSTM(2), L.Dense(1)])
    model.save("words.h5")
    assert main(["words.h5", "out.safetensors", "--check"]) == 0


# ---- dialects -----------------------------------------------------------------------------------


def cudnn():
    return Sequential(
        [
            L.Bidirectional(L.CuDNNLSTM(3, return_sequences=True), input_shape=(5, 2)),
            L.CuDNNGRU(4, bias_initializer="random_normal"),
        ]
    )


def test_tf_keras_has_no_cudnn(folder):
    model = cudnn()
    model.save("model.h5")
    assert main(["model.h5", "out.h5", "--dialect", "tf_keras", "--check"]) == 0
    with h5py.File("out.h5") as file:
        text = file.attrs["model_config"]
        assert file.attrs["keras_version"] == "2.15.0"
    assert "CuDNN" not in text and '"reset_after": true' in text
    x = np.random.rand(2, 5, 2)
    same([load_model("out.h5", compile=False).predict(x).round(5)], [model.predict(x).round(5)])


def test_losses_that_tf_keras_has_under_another_name(folder):
    model = net()
    model.compile("sgd", "cosine_proximity", metrics={"dense": ["mae", "cosine"]})
    model.save("model.h5")
    assert main(["model.h5", "out.h5", "--dialect", "tf_keras"]) == 0
    with h5py.File("out.h5") as file:
        training = json.loads(file.attrs["training_config"])
    assert training["loss"] == "cosine_similarity"
    assert training["metrics"] == {"dense": ["mae", "cosine_similarity"]}


FOREIGN = golden.DATA.parent / "foreign"


def test_operations_between_layers(folder, capsys):
    path = str(FOREIGN / "tf_keras_operations.h5")
    assert main([path, "out.h5", "--dialect", "tf_keras", "--check"]) == 0

    def layers(path):
        with h5py.File(path) as file:
            return json.loads(file.attrs["model_config"])["config"]["layers"]

    def call(layer):
        text = json.dumps(layer["inbound_nodes"])
        return layer["class_name"], text.replace(', "name": null', "").replace('"name": null', "")

    for before, after in zip(layers(path), layers("out.h5"), strict=True):
        assert call(after) == call(before)
    assert main([path, "out2.h5"]) == 1
    assert "'tf.nn.relu' is a TFOperation, which keras2 cannot read" in capsys.readouterr().err


def test_bilinear_means_two_things(folder, capsys):
    inputs = L.Input((3, 4, 2))
    Model(inputs, L.UpSampling2D(interpolation="bilinear", name="up")(inputs)).save("one.h5")
    upsampling = L.UpSampling2D(interpolation="bilinear_half_pixel", name="up")
    Model(inputs, upsampling(inputs)).save("two.h5")
    assert main(["one.h5", "out.h5", "--check"]) == 0
    assert main(["two.h5", "out.h5", "--dialect", "tf_keras", "--check"]) == 0
    assert main(["one.h5", "out.h5", "--dialect", "tf_keras"]) == 1
    assert main(["two.h5", "out.h5"]) == 1
    assert capsys.readouterr().err.count("Layer 'up' has interpolation=") == 2


# ---- what is refused ----------------------------------------------------------------------------


def test_layers_of_users(folder, capsys):
    Sequential([Doubled(input_shape=(3,))]).save("custom.h5")
    assert main(["custom.h5", "out.pt2"]) == 1
    said = capsys.readouterr().err
    assert "Unknown layer: Doubled" in said and "runs no code but kforge's own" in said
    assert "load_model('custom.h5', custom_objects={...})" in said
    assert not (folder / "out.pt2").exists()


def test_bytecode(folder, capsys):
    path = golden.DATA / "h5" / "keras231" / "lambda.h5"
    assert main([str(path), "out.safetensors"]) == 1
    assert "holds a function as bytecode, which is not run" in capsys.readouterr().err


def test_code_that_cannot_be_exported(folder, capsys):
    inputs = L.Input(batch_shape=(2, 4, 3))
    Model(inputs, L.LSTM(3, stateful=True)(inputs)).save("state.h5")
    pytest.importorskip("onnxscript")
    assert main(["state.h5", "out.onnx"]) == 1
    assert "is stateful, and ONNX has no state" in capsys.readouterr().err


def test_files_that_are_none(folder, capsys):
    (folder / "text.h5").write_text("text")
    assert main(["text.h5", "out.h5"]) == 1
    assert "error: text.h5 is not an HDF5 file" in capsys.readouterr().err
    assert main(["nowhere.h5", "out.h5"]) == 1
    assert "nowhere.h5" in capsys.readouterr().err


def test_a_check_that_fails(folder, capsys, monkeypatch):
    monkeypatch.setattr(convert, "save_for", lambda dialect, model, path: net().save(path))
    assert main(["net.h5", "out.h5", "--check"]) == 1
    assert "check failed: the outputs differ by" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.h5"], "give an output file, or --inspect"),
        (["net.h5", "out.zip"], "the output has to end in one of"),
        (["net.h5", "--inspect", "--check"], "--check needs an output file"),
        (["net.h5", "out.h5", "--channels-first"], "for .pt2 and .onnx"),
        (["net.h5", "out.h5", "--dialect", "theano"], "invalid choice"),
    ],
)
def test_wrong_arguments(arguments, message, folder, capsys):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2 and message in capsys.readouterr().err


# ---- looking into files -------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["h5", "safetensors"])
def test_inspect(ending, folder, capsys):
    kforge.backend.clear_session()
    model = net()
    model.fit(np.ones((2, 6, 6, 2)), np.ones((2, 2)), verbose=0)
    model.save(f"net.{ending}")
    assert main([f"net.{ending}", "--inspect"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "written by: Keras 2.3.1 on tensorflow",
        "model: Sequential sequential_1",
        "layers: 4",
        "  conv  Conv2D  conv/kernel:0 (3, 3, 2, 3)  conv/bias:0 (3,)",
        "  norm  BatchNormalization  norm/gamma:0 (3,)  norm/beta:0 (3,)"
        "  norm/moving_mean:0 (3,)  norm/moving_variance:0 (3,)",
        "  flat  Flatten",
        "  dense  Dense  dense/kernel:0 (108, 2)  dense/bias:0 (2,)",
        "parameters: 287",
        "training: Adam, loss mse",
        "optimizer weights: 19",
    ]


def test_inspect_runs_and_prints_nothing_dangerous(folder, capsys):
    with h5py.File("odd.h5", "w") as file:
        file.attrs["layer_names"] = [b"\x1b[2J"]
        file.create_group("\x1b[2J").attrs["weight_names"] = np.zeros(0)
        layer = {"class_name": "Nothing", "config": {"name": "\x1b[2J"}}
        config = {"class_name": "Unknown", "config": {"layers": [layer, 3]}}
        file.attrs["model_config"] = json.dumps(config)
    assert main(["odd.h5", "--inspect"]) == 0
    said = capsys.readouterr().out
    assert "  \\x1b[2J  Nothing\n" in said and "\x1b" not in said and "model: Unknown" in said


def test_errors_command_no_terminal(folder, capsys):
    with h5py.File("odd.h5", "w") as file:
        file.attrs["layer_names"] = [b"\x1b[2J"]
    assert main(["odd.h5", "odd.safetensors"]) == 1
    said = capsys.readouterr().err
    assert "\\x1b[2J" in said and "\x1b" not in said


def test_as_a_program(folder):
    model = model_from_json(net().to_json())
    model.save_weights("weights.safetensors")
    command = [sys.executable, "-m", "kforge.convert", "weights.safetensors", "out.safetensors"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "wrote out.safetensors\n"), done.stderr
    assert "model_weights/dense/dense/bias:0" in safetensors.numpy.load_file("out.safetensors")

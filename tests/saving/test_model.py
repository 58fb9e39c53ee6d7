import copy
import io
import json
import pickle
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

import kforge
from kforge import layers as L
from kforge import optimizers
from kforge.models import Model, Sequential, clone_model, load_model, model_from_json, save_model

random = np.random.RandomState(0)
X, Y = random.rand(8, 3).astype("float32"), random.rand(8, 2).astype("float32")


def trained(optimizer="adam", loss="mse", metrics=("mae",), steps=3):
    model = Sequential(
        [
            L.Dense(4, activation="tanh", input_shape=(3,), name="one"),
            L.BatchNormalization(name="norm"),
            L.Dense(2, name="two"),
        ]
    )
    model.compile(optimizer, loss, metrics=list(metrics))
    for _ in range(steps):
        model.train_on_batch(X, Y)
    return model


def same_training(one, two):
    """That two models agree now, and go on to agree, to the last bit."""
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    for _ in range(3):
        assert one.train_on_batch(X, Y) == two.train_on_batch(X, Y)
    for a, b in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.1, momentum=0.9, nesterov=True, decay=0.01, clipnorm=1.0),
        optimizers.RMSprop(0.01, rho=0.8),
        optimizers.Adagrad(),
        optimizers.Adadelta(),
        optimizers.Adam(0.01, beta_1=0.8),
        optimizers.Adam(amsgrad=True),
        optimizers.Adamax(),
        optimizers.Nadam(),
    ],
    ids=lambda o: type(o).__name__,
)
def test_training_goes_on_as_if_nothing_had_happened(optimizer, tmp_path):
    model = trained(optimizer)
    model.save(tmp_path / "model.h5")
    loaded = load_model(tmp_path / "model.h5")
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    assert loaded.metrics_names == model.metrics_names
    same_training(loaded, model)


class TestFrozenModels:
    def model(self, frozen):
        inner = Sequential([L.Dense(4, input_shape=(4,)), L.BatchNormalization()])
        outer = Sequential([L.Dense(4, input_shape=(3,)), inner, L.Dense(2)])
        inner.trainable = not frozen
        outer.compile("rmsprop", "mse")
        outer.train_on_batch(X, Y)
        return outer

    def test_a_frozen_model_within_a_model_stays_frozen(self, tmp_path):
        model = self.model(frozen=True)
        model.save(tmp_path / "model.h5")
        loaded = load_model(tmp_path / "model.h5")
        assert not loaded.layers[1].trainable
        same_training(loaded, model)
        graph = Model(model.inputs, model.outputs)
        assert not Model.from_config(graph.get_config()).layers[2].trainable

    def test_the_outermost_one_does_not_as_in_keras(self, tmp_path):
        model = self.model(frozen=False)
        model.trainable = False
        model.save(tmp_path / "model.h5")
        loaded = load_model(tmp_path / "model.h5")
        assert loaded.trainable and len(loaded.trainable_weights) == 8

    def test_keras_does_not_save_it_and_the_optimizer_starts_afresh(self, tmp_path):
        self.model(frozen=True).save(tmp_path / "model.h5")
        with h5py.File(tmp_path / "model.h5", "r+") as file:
            config = file.attrs["model_config"].replace('"trainable": false, ', "")
            config = config.replace(', "trainable": false', "")
            file.attrs["model_config"] = config
        with pytest.warns(UserWarning, match=r"starts afresh.* a model within a model was frozen"):
            load_model(tmp_path / "model.h5")


def test_saving_twice_gives_the_same_file(tmp_path):
    model = trained()
    for name in "ab":
        model.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    load_model(tmp_path / "a").save(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_layout_is_that_of_keras(tmp_path):
    trained("sgd").save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        assert set(file) == {"model_weights", "optimizer_weights"}
        assert file.attrs["keras_version"] == "2.3.1"
        assert json.loads(file.attrs["model_config"])["class_name"] == "Sequential"
        training = json.loads(file.attrs["training_config"])
        assert list(training) == [
            "optimizer_config",
            "loss",
            "metrics",
            "weighted_metrics",
            "sample_weight_mode",
            "loss_weights",
        ]
        assert (training["loss"], training["metrics"]) == ("mse", ["mae"])
        names = file["optimizer_weights"].attrs["weight_names"].tolist()
        assert names[:2] == [b"SGD/iterations:0", b"training/SGD/moment_0_1:0"]


class TestWhatIsLeftOut:
    def test_the_optimizer_if_it_is_not_wanted(self, tmp_path):
        trained().save(tmp_path / "model.h5", include_optimizer=False)
        with pytest.warns(UserWarning, match="model was .not. compiled"):
            model = load_model(tmp_path / "model.h5")
        assert model.optimizer is None

    def test_training_if_it_is_not_wanted(self, tmp_path):
        trained().save(tmp_path / "model.h5")
        assert load_model(tmp_path / "model.h5", compile=False).optimizer is None

    def test_an_optimizer_of_torch(self, tmp_path):
        import torch

        model = trained(lambda params: torch.optim.SGD(params, 0.1))
        with pytest.warns(UserWarning, match="without its optimizer"):
            model.save(tmp_path / "model.h5")
        with pytest.warns(UserWarning, match="No training configuration"):
            load_model(tmp_path / "model.h5")

    def test_training_that_is_not_understood(self, tmp_path):
        model = trained()
        model.save(tmp_path / "model.h5")
        with h5py.File(tmp_path / "model.h5", "r+") as file:
            text = file.attrs["training_config"].replace('"mse"', '"my_loss"')
            file.attrs["training_config"] = text
        with pytest.warns(UserWarning, match="not. compiled: ValueError: Unknown loss.*my_loss"):
            loaded = load_model(tmp_path / "model.h5")
        assert loaded.optimizer is None
        np.testing.assert_array_equal(loaded.predict(X), model.predict(X))

    def test_a_state_that_does_not_fit(self, tmp_path):
        trained().save(tmp_path / "model.h5")
        with h5py.File(tmp_path / "model.h5", "r+") as file:
            names = file["optimizer_weights"].attrs["weight_names"]
            file["optimizer_weights"].attrs["weight_names"] = names[:-4]
        with pytest.warns(UserWarning, match=r"optimizer Adam starts afresh.*\(15\)"):
            load_model(tmp_path / "model.h5").train_on_batch(X, Y)


@pytest.mark.filterwarnings("error")
def test_frozen_statistics_train_otherwise_in_tf_keras(tmp_path):
    model = trained()
    model.get_layer("norm").trainable = False
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.h5")
    load_model(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        file.attrs["keras_version"] = "2.15.0"
    load_model(tmp_path / "model.h5", compile=False)
    with pytest.warns(UserWarning, match="The frozen BatchNormalization layers norm normalize by"):
        load_model(tmp_path / "model.h5")


@pytest.mark.filterwarnings("error")
def test_activity_penalties_count_otherwise_in_tf_keras(tmp_path):
    inner = L.Dense(2, activity_regularizer="l2", name="penalized")
    model = Sequential([L.TimeDistributed(L.Dense(3), input_shape=(2, 3)), inner])
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.h5")
    load_model(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        file.attrs["keras_version"] = "2.2.4-tf"
    with pytest.warns(UserWarning, match="activity regularizers of the layers penalized add"):
        load_model(tmp_path / "model.h5")


def test_an_input_layer_that_keras_forgot(tmp_path):
    model = Sequential([L.InputLayer((3,)), L.Dense(2)])
    model.save(tmp_path / "model.h5", include_optimizer=False)
    with h5py.File(tmp_path / "model.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        del config["config"]["build_input_shape"]
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(ValueError, match="not the shape of the model's inputs"):
        load_model(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:  # as the message says
        again = model_from_json(file.attrs["model_config"])
    again.build((None, 3))
    again.load_weights(tmp_path / "model.h5")
    np.testing.assert_array_equal(again.predict(X[:, :3]), model.predict(X[:, :3]))


def test_files_that_are_no_models(tmp_path):
    trained().save_weights(tmp_path / "weights.h5")
    with pytest.raises(ValueError, match=r"only weights: use `model.load_weights`"):
        load_model(tmp_path / "weights.h5")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"] = X
    with pytest.raises(ValueError, match="it has no model"):
        load_model(tmp_path / "data.h5")
    with pytest.raises(OSError):
        load_model(tmp_path / "nowhere.h5")


class TestPlaces:
    def test_memory(self):
        model, target = trained(), io.BytesIO()
        save_model(model, target)
        same_training(load_model(target), model)

    def test_open_files_and_groups(self, tmp_path):
        model = trained()
        with h5py.File(tmp_path / "both.h5", "w") as file:
            save_model(model, file.create_group("a"))
            np.testing.assert_array_equal(load_model(file["a"]).predict(X), model.predict(X))
            save_model(model, file)
            np.testing.assert_array_equal(load_model(file).predict(X), model.predict(X))

    def test_overwriting(self, tmp_path):
        trained().save(tmp_path / "model.h5")
        with pytest.raises(FileExistsError):
            trained().save(tmp_path / "model.h5", overwrite=False)

    def test_a_failed_save_leaves_the_old_file(self, tmp_path, monkeypatch):
        model = trained()
        model.save(tmp_path / "model.h5")
        before = (tmp_path / "model.h5").read_bytes()
        model.train_on_batch(X, Y)
        monkeypatch.setattr(kforge.saving.model, "write_arrays", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.save(tmp_path / "model.h5")
        assert (tmp_path / "model.h5").read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["model.h5"]


# ---- the users' own ---------------------------------------------------------------------------


class Scale(L.Layer):
    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.gain = self.add_weight("gain", (input_shape[-1],), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        return inputs * self.gain * self.factor

    def get_config(self):
        return dict(super().get_config(), factor=self.factor)


class Gated(L.LSTMCell):
    """A cell of the user's own."""


def pinball(y_true, y_pred):
    K = kforge.backend
    return K.mean(K.maximum(0.3 * (y_true - y_pred), -0.7 * (y_true - y_pred)), axis=-1)


class Slow(optimizers.SGD):
    pass


OWN = {"Scale": Scale, "pinball": pinball, "Slow": Slow}


def own_model():
    inner = Sequential([Scale(2.0, input_shape=(3,)), L.Dense(3)])
    inputs = L.Input((3,))
    model = Model(inputs, L.Dense(2)(inner(inputs)))
    model.compile(Slow(0.1, momentum=0.5), pinball, metrics=[pinball, "mae"])
    model.train_on_batch(X, Y)
    return model


def test_custom_objects_everywhere(tmp_path):
    model = own_model()
    model.save(tmp_path / "model.h5")
    loaded = load_model(tmp_path / "model.h5", custom_objects=OWN)
    assert isinstance(loaded.optimizer, Slow)
    same_training(loaded, model)
    with kforge.registry.CustomObjectScope(OWN):
        load_model(tmp_path / "model.h5")
    with pytest.raises(ValueError, match=r"Unknown layer: Scale.*custom_objects="):
        load_model(tmp_path / "model.h5")


def test_a_layer_that_its_config_could_not_make_again(tmp_path):
    class Power(L.Layer):
        def __init__(self, exponent, **kwargs):
            super().__init__(**kwargs)
            self.exponent = exponent

        def call(self, inputs):
            return inputs**self.exponent

    class Cell(L.LSTMCell):
        def __init__(self, units, exponent, **kwargs):
            super().__init__(units, **kwargs)

    for layer in (
        Sequential([Power(2, input_shape=(3,), name="power")]),
        L.TimeDistributed(Power(2, name="power"), input_shape=(4, 3)),
        L.RNN([L.GRUCell(2), Cell(2, 2, name="power")], input_shape=(4, 3)),
    ):
        for ending in ("h5", "safetensors"):
            with pytest.raises(NotImplementedError, match=r"'power' \(\w+\).*needs exponent"):
                Sequential([layer]).save(tmp_path / f"model.{ending}")
    assert not list(tmp_path.iterdir())


def test_what_layers_of_users_are_made_of_is_their_own_business(tmp_path):
    class Inner(L.Layer):
        def __init__(self, factor):
            super().__init__()

        def call(self, inputs):
            return inputs

    class Outer(L.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.inner = Inner(3)

        def call(self, inputs):
            return self.inner(inputs)

    Sequential([Outer(input_shape=(3,))]).save(tmp_path / "model.h5")
    load_model(tmp_path / "model.h5", {"Outer": Outer}, compile=False)


def test_custom_objects_are_a_dictionary(tmp_path):
    own_model().save(tmp_path / "model.h5")
    for wrong in (Scale, [Scale], "Scale"):
        with pytest.raises(TypeError, match=r"a dictionary, \{name: class or function\}, got"):
            load_model(tmp_path / "model.h5", custom_objects=wrong)


class TestPickling:
    def test_a_model_and_its_training(self):
        model = trained()
        same_training(pickle.loads(pickle.dumps(model)), model)

    def test_the_users_own_parts(self):
        model = own_model()
        same_training(pickle.loads(pickle.dumps(model)), model)

    def test_own_losses_and_metrics_of_several_outputs(self):
        inputs = L.Input((3,))
        model = Model(inputs, [L.Dense(2, name="a")(inputs), L.Dense(2, name="b")(inputs)])
        model.compile("sgd", [pinball, "mse"], metrics={"a": [pinball]})
        again = pickle.loads(pickle.dumps(model))
        wanted = model.train_on_batch(X, [Y, Y])
        assert again.train_on_batch(X, [Y, Y]) == wanted

    def test_own_layers_within_layers(self):
        def layers():
            yield L.TimeDistributed(Scale(2.0), input_shape=(4, 3))
            yield L.Bidirectional(L.RNN(Gated(2), return_sequences=True))
            yield L.RNN([Gated(2), L.GRUCell(3)])

        model = Sequential([Sequential(list(layers()))])
        x = random.rand(2, 4, 3)
        wanted = model.predict(x)
        clone = clone_model(model)
        clone.set_weights(model.get_weights())
        for twin in (clone, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
            np.testing.assert_array_equal(twin.predict(x), wanted)

    def test_deep_copies_are_independent(self):
        model = own_model()
        before = model.predict(X)
        twin = copy.deepcopy(model)
        twin.train_on_batch(X, Y)
        np.testing.assert_array_equal(model.predict(X), before)
        assert not np.array_equal(twin.predict(X), before)

    def test_another_process_understands_it(self, tmp_path):
        model = trained()
        (tmp_path / "model.pickle").write_bytes(pickle.dumps(model))
        code = (
            "import pickle, sys, numpy as np\n"
            "model = pickle.load(open(sys.argv[1], 'rb'))\n"
            "np.save(sys.argv[2], model.predict(np.ones((2, 3))))\n"
        )
        files = [str(tmp_path / name) for name in ("model.pickle", "out.npy")]
        subprocess.run([sys.executable, "-W", "ignore", "-c", code, *files], check=True)
        np.testing.assert_array_equal(np.load(files[1]), model.predict(np.ones((2, 3))))


class TestLambda:
    @staticmethod
    def save(path):
        """A model whose function is gone by the time it is loaded."""
        model = Sequential([L.Lambda(lambda x: K.square(x) + 1, input_shape=(3,), name="square")])
        predicted = model.predict(X)
        model.save(path)
        functions = kforge.functions._live
        kept = dict(functions)
        functions.clear()
        return predicted, kept, model

    def test_bytecode_is_not_run_unasked(self, tmp_path):
        wanted, kept, _ = self.save(tmp_path / "model.h5")
        try:
            with pytest.raises(ValueError, match="'square' holds a function as bytecode"):
                load_model(tmp_path / "model.h5", compile=False)
            own = {"square": lambda x: x * x + 1}
            loaded = load_model(tmp_path / "model.h5", own, compile=False)
            np.testing.assert_allclose(loaded.predict(X), wanted, rtol=1e-6)
            loaded = load_model(tmp_path / "model.h5", compile=False, safe_mode=False)
            np.testing.assert_array_equal(loaded.predict(X), wanted)
            with pytest.raises(ValueError, match="bytecode"):  # asked for once, not for ever
                load_model(tmp_path / "model.h5", compile=False)
        finally:
            kforge.functions._live.update(kept)

    def test_the_script_that_saved_it_loads_it(self, tmp_path):
        wanted, kept, _model = self.save(tmp_path / "model.h5")  # which holds the function
        kforge.functions._live.update(kept)
        loaded = load_model(tmp_path / "model.h5", compile=False)
        np.testing.assert_array_equal(loaded.predict(X), wanted)

    def test_a_named_function_that_lives_is_found_by_its_name(self):
        def doubled(x):
            return x * 2

        model = Sequential([L.Lambda(doubled, input_shape=(3,))])
        described = model.to_json()
        again = kforge.models.model_from_json(described)
        np.testing.assert_array_equal(again.predict(X), X * 2)
        first = doubled

        def doubled(x):
            return x + x

        L.Lambda(doubled)
        with pytest.raises(ValueError, match="2 that live have its code"):
            kforge.models.model_from_json(described)
        again = kforge.models.model_from_json(described, {"doubled": first})
        np.testing.assert_array_equal(again.predict(X), X * 2)


K = kforge.backend

SAVE_FOR_EVER = """
import itertools, sys
import numpy as np
import kforge
model = kforge.models.Sequential([kforge.layers.Dense(400, input_shape=(300,))])
for n in itertools.count(1):
    model.set_weights([np.full(w.shape, n) for w in model.weights])
    model.save(sys.argv[1])
    print(n, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_save_leaves_a_whole_file(tmp_path):
    path = tmp_path / "model.h5"
    command = [sys.executable, "-c", SAVE_FOR_EVER, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for _ in range(5):
            process.stdout.readline()
        time.sleep(random.rand() / 50)
        process.send_signal(signal.SIGKILL)
    values = {float(v) for w in load_model(path, compile=False).get_weights() for v in np.unique(w)}
    assert len(values) == 1 and values.pop() >= 5

import sys

import numpy as np
import pytest

from kforge.callbacks import Callback, CallbackList, TensorBoard
from kforge.layers import Add, Dense, Embedding, Flatten, Input
from kforge.models import Model, Sequential

pytest.importorskip("tensorboard")

X = np.random.RandomState(0).rand(24, 4).astype("float32")
Y = np.random.RandomState(1).rand(24, 1).astype("float32")


def events(folder):
    """The events that are in a folder, read by the package that shows them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), {"scalars": 0, "histograms": 0, "images": 0})
    return found.Reload()


def scalars(folder):
    found = events(folder)
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def make():
    model = Sequential(
        [
            Dense(5, activation="tanh", input_shape=(4,), name="first"),
            Dense(1, name="second"),
        ]
    )
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def fit(folder, model=None, x=X, y=Y, epochs=2, **kwargs):
    model = model or make()
    validation = {"validation_data": (x[:8], y[:8])} if kwargs.pop("validate", True) else {}
    board = TensorBoard(str(folder), **kwargs)
    return model.fit(
        x, y, batch_size=8, epochs=epochs, verbose=0, callbacks=[board], **validation
    ).history


class TestLogs:
    def test_epochs(self, tmp_path):
        history = fit(tmp_path)
        found = scalars(tmp_path)
        assert set(found) == set(history) and "val_loss" in found
        for name, values in history.items():
            assert found[name] == [(i, pytest.approx(v)) for i, v in enumerate(values)]

    @pytest.mark.parametrize(
        "update_freq, steps",
        [("batch", [8, 16, 24, 24, 32, 40, 48, 48]), (16, [16, 24, 32, 48, 48])],
    )
    def test_batches(self, tmp_path, update_freq, steps):
        fit(tmp_path, update_freq=update_freq)
        assert [step for step, _ in scalars(tmp_path)["loss"]] == steps
        assert [step for step, _ in scalars(tmp_path)["val_loss"]] == [24, 48]

    def test_batches_cost_nothing_unless_written(self, tmp_path):
        assert not CallbackList([TensorBoard(tmp_path)]).needs("train_batch_end")
        assert CallbackList([TensorBoard(tmp_path, update_freq=3)]).needs("train_batch_end")

    @pytest.mark.parametrize("serialized", [False, True])
    def test_another_callback_adds_summaries(self, tmp_path, serialized):
        from tensorboard.compat.proto.summary_pb2 import Summary

        class Precision(Callback):
            def on_epoch_end(self, epoch, logs=None):
                assert board.merged is None  # what it writes itself is not merged
                summary = Summary()
                value = summary.value.add()
                value.tag, value.simple_value = "precision", 0.25 * epoch
                if serialized:
                    summary = summary.SerializeToString()
                board.writer.add_summary(summary, epoch)

        board = TensorBoard(str(tmp_path))
        make().fit(X, Y, epochs=3, verbose=0, callbacks=[Precision(), board])
        assert scalars(tmp_path)["precision"] == [(0, 0.0), (1, 0.25), (2, 0.5)]

    def test_subclass_with_batches_of_its_own(self, tmp_path):
        class Mine(TensorBoard):
            def on_batch_end(self, batch, logs=None):
                seen.append(batch)

        seen = []
        CallbackList([Mine(tmp_path)]).on_train_batch_end(3)
        assert seen == [3]


class TestGraph:
    def graph(self, folder):
        from tensorboard.compat.proto.graph_pb2 import GraphDef

        return events(folder).Graph() if events(folder).Tags()["graph"] else GraphDef()

    def test_layers_and_what_they_take(self, tmp_path):
        a, b = Input((4,), name="a"), Input((4,), name="b")
        shared = Dense(4, name="shared")
        out = Dense(1, name="out")(Add(name="add")([shared(a), shared(b)]))
        model = Model([a, b], out)
        model.compile("sgd", "mse")
        fit(tmp_path, model, [X, X], validate=False)
        nodes = {n.name: (n.op, list(n.input)) for n in self.graph(tmp_path).node}
        assert nodes["a"] == ("InputLayer", [])
        assert nodes["shared"] == ("Dense", ["a", "b"])
        assert nodes["add"] == ("Add", ["shared"])
        assert nodes["out"] == ("Dense", ["add"])

    def test_can_be_left_out(self, tmp_path):
        fit(tmp_path, write_graph=False)
        assert len(self.graph(tmp_path).node) == 0


class TestHistograms:
    def test_weights_outputs_and_gradients(self, tmp_path):
        fit(tmp_path, epochs=3, histogram_freq=2, write_grads=True, batch_size=6)
        found = events(tmp_path)
        assert set(found.Tags()["histograms"]) == {
            *("first/kernel_0", "first/bias_0", "second/kernel_0", "second/bias_0"),
            *("first_out", "second_out"),
            *("first/kernel_0_grad", "first/bias_0_grad"),
            *("second/kernel_0_grad", "second/bias_0_grad"),
        }
        assert [e.step for e in found.Histograms("first/kernel_0")] == [0, 2]
        assert found.Histograms("first/kernel_0")[0].histogram_value.num == 20
        assert found.Histograms("first_out")[0].histogram_value.num == 6 * 5

    def test_gradients_are_those_of_the_loss(self, tmp_path):
        model = make()
        fit(tmp_path, model, epochs=1, histogram_freq=1, write_grads=True, batch_size=100)
        error = model.predict(X[:8]) - Y[:8]
        got = events(tmp_path).Histograms("second/bias_0_grad")[0].histogram_value
        assert got.sum == pytest.approx(2 * error.mean(), rel=1e-4)

    def test_need_data(self, tmp_path):
        with pytest.raises(ValueError, match="printing histograms, validation_data must be"):
            fit(tmp_path, validate=False, histogram_freq=1)

    def test_images(self, tmp_path):
        pytest.importorskip("PIL")
        fit(tmp_path, epochs=1, histogram_freq=1, write_images=True)
        found = events(tmp_path)
        sizes = {t: found.Images(t)[0] for t in found.Tags()["images"]}
        sizes = {tag: (image.height, image.width) for tag, image in sizes.items()}
        assert sizes["first/kernel_0"] == (4, 5)
        assert sizes["first/bias_0"] == (1, 5)
        assert "second/kernel_0" in sizes


class TestEmbeddings:
    def model(self):
        model = Sequential(
            [Embedding(9, 3, input_length=4, name="words"), Flatten(), Dense(1, name="out")]
        )
        model.compile("sgd", "mse")
        return model

    def written(self, folder, **kwargs):
        x = np.random.RandomState(0).randint(9, size=(24, 4))
        model = self.model()
        fit(folder, model, x, embeddings_freq=1, embeddings_data=x[:5], epochs=1, **kwargs)
        return model, x[:5], {p.parent.name: p.read_text() for p in folder.rglob("tensors.tsv")}

    def test_layers(self, tmp_path):
        model, x, files = self.written(tmp_path)
        [text] = files.values()
        rows = np.array([[float(v) for v in line.split("\t")] for line in text.splitlines()])
        weights = model.layers[0].get_weights()[0]
        np.testing.assert_allclose(rows, weights[x].reshape(5, 12), 1e-4)
        assert (tmp_path / "projector_config.pbtxt").read_text().count("tensor_name") == 1

    @pytest.mark.parametrize("place", ["labels.tsv", "logs/labels.tsv"])
    def test_chosen_layers_and_labels(self, tmp_path, monkeypatch, place):
        monkeypatch.chdir(tmp_path)
        labels = tmp_path / place
        labels.parent.mkdir(exist_ok=True)
        labels.write_text("word\tcount\na\t1\nb\t2\nc\t3\nd\t4\ne\t5\n")
        _, _, files = self.written(
            tmp_path / "logs",
            embeddings_layer_names=["words", "out"],
            embeddings_metadata={"out": "labels.tsv"},
        )
        assert set(files) == {"words", "out"}
        [metadata] = (tmp_path / "logs").rglob("metadata.tsv")
        assert metadata.parent.name == "out"
        assert metadata.read_text().split() == labels.read_text().split()

    def test_need_data(self, tmp_path):
        with pytest.raises(ValueError, match="To visualize embeddings, embeddings_data must be"):
            fit(tmp_path, embeddings_freq=1)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install kforge\[tensorboard\]"):
        fit(tmp_path)

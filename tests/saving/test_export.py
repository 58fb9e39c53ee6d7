"""Models as torch modules, programs and ONNX files; also where kforge is not installed."""

import copy
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

import kforge
from kforge import backend as K
from kforge import layers as L
from kforge.models import Model, Sequential
from kforge.saving import to_onnx, to_program
from tests import golden, golden_models
from tests.layer_cases import CASES

random = np.random.RandomState(0)


def data(*shape):
    return random.normal(size=shape).astype("float32")


def as_list(x):
    return list(x) if isinstance(x, (list, tuple)) else [x]


def run(module, arrays):
    """The outputs of a torch module, as arrays."""
    with torch.no_grad():
        return [y.numpy() for y in as_list(module(*(torch.as_tensor(a) for a in arrays)))]


def same(found, wanted):
    assert len(found) == len(wanted)
    for f, w in zip(found, wanted):
        np.testing.assert_allclose(f, w, 1e-4, 1e-5)


def agrees(model, *arrays):
    """The exported model, which predicts what the model does, also after a pickle."""
    wanted = as_list(model.predict(list(arrays), batch_size=len(arrays[0])))
    module = model.to_torch()
    same(run(module, arrays), wanted)
    again = pickle.loads(pickle.dumps(module))
    same(run(again, arrays), wanted)
    assert again.state_dict().keys() == module.state_dict().keys()
    return module


def small_net():
    return Sequential(
        [
            L.Conv2D(4, 3, padding="same", activation="relu", input_shape=(8, 8, 3), name="conv"),
            L.BatchNormalization(name="norm"),
            L.MaxPooling2D(name="pool"),
            L.SeparableConv2D(5, 3, activation="relu", name="separable"),
            L.Dropout(0.5, name="drop"),
            L.Flatten(),
            L.Dense(2, activation="softmax", name="dense"),
        ]
    )


# ---- what is computed ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_every_layer(case):
    K.clear_session()
    dtype = "int32" if case.integers else None
    inputs = [L.Input(shape, dtype=dtype) for shape in case.shapes]
    model = Model(inputs, case.call(case.make(), inputs))
    module = agrees(model, *case.data())
    assert "kforge" not in module._code


@golden.cases("models_composite")
def test_architectures(case):
    exported(case)


@golden.cases("models_rnn", ".*_(0[0-9]|stateful_0|mask.*)")
def test_recurrent_layers(case):
    exported(case)


@golden.cases("models_wrappers", ".*[05]")
def test_wrappers(case):
    exported(case)


def exported(case):
    model = golden_model(case)
    inputs = case.listed("x")
    module = model.to_torch()
    same(run(module, inputs), case.listed("y"))
    for batch in set(case.spec.get("more_batches", ())) - {"reset"}:
        if batch == "b":  # the batch after the first
            same(run(module, case.listed("x_b_")), case.listed("y_b_"))


def golden_model(case):
    kforge.config.reset_uids()
    model = kforge.models.model_from_json(
        case.spec["model_json"], golden_models._custom_objects(case)
    )
    model.set_weights(case.listed("w"))
    return model


def test_sizes_may_be_unknown():
    x = L.Input((None, None, 3))
    y = L.Conv2D(4, 3, strides=2, padding="same")(x)
    y = L.MaxPooling2D(3, strides=2, padding="same")(y)
    y = L.AveragePooling2D(3, strides=2, padding="same")(y)
    y = L.Conv2DTranspose(2, 3, strides=2, padding="same")(y)
    model = Model(x, L.UpSampling2D(interpolation="bilinear")(y))
    module = model.to_torch()
    for size in ((16, 16), (15, 17), (9, 30)):
        image = data(2, *size, 3)
        same(run(module, [image]), [model.predict(image)])


def test_volumes_of_unknown_size():
    x = L.Input((None, None, None, 2))
    y = L.AveragePooling3D(2, strides=2, padding="same")(x)
    model = Model(x, L.Conv3DTranspose(2, 3, strides=2, output_padding=1)(y))
    agrees(model, data(2, 5, 6, 7, 2))


def test_functions_of_sizes_and_noise():
    """A Lambda that samples, as autoencoders have."""

    def sample(z):
        shape = (K.shape(z)[0], K.shape(z)[1] // 1)
        noise = K.random_normal(shape=shape, mean=0.0, stddev=0.0)
        ones = K.ones((K.shape(z)[0], 3))
        return K.reshape((z + noise) * K.tile(ones, (1, 1)), K.shape(z))

    x = L.Input((3,))
    model = Model(x, L.Lambda(sample)(x))
    module = agrees(model, data(4, 3))
    assert torch.equal(module(torch.ones(7, 3)), torch.ones(7, 3))


def test_gradients_are_refused():
    x = L.Input((3,))
    model = Model(x, L.Lambda(lambda t: K.gradients(K.sum(t**3), [t])[0], name="slope")(x))
    with pytest.raises(NotImplementedError, match=r"Layer slope: .* cannot be exported"):
        model.to_torch()


def test_code_that_looks_at_values_is_refused():
    class Branching(L.Layer):
        def call(self, inputs):
            return inputs * 2 if K.sum(inputs) > 0 else inputs

        def compute_output_shape(self, shape):
            return shape

    x = L.Input((3,))
    with pytest.raises(NotImplementedError, match="Layer picky: the operation 'picky' runs Python"):
        Model(x, Branching(name="picky")(x)).to_torch()


def test_loops_of_other_kinds():
    x = L.Input((4, 3))
    y = L.Lambda(lambda t: K.map_fn(lambda row: K.cumsum(row, 0), t))(x)
    y = L.Lambda(
        lambda t: K.foldl(lambda total, row: total + row, K.permute_dimensions(t, [1, 0, 2]))
    )(y)
    agrees(Model(x, y), data(5, 4, 3))


def test_a_model_that_is_not_built():
    with pytest.raises(ValueError, match="is not built"):
        Sequential([L.Dense(2)]).to_torch()


# ---- what it is made of -------------------------------------------------------------------------


def test_parts_are_torchs_and_called_as_the_layers():
    module = agrees(small_net(), data(3, 8, 8, 3))
    kinds = {name: type(part).__name__ for name, part in module.named_modules() if name}
    assert kinds == {
        "conv": "Conv2d",
        "conv_relu": "ReLU",
        "norm": "BatchNorm2d",
        "pool": "MaxPool2d",
        "separable": "Module",
        "separable.depthwise": "Conv2d",
        "separable.pointwise": "Conv2d",
        "separable.relu": "ReLU",
        "drop": "Dropout",
        "dense": "Linear",
        "dense_softmax": "Softmax",
    }


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        (lambda: L.LSTM(4), torch.nn.LSTM),
        (lambda: L.GRU(4, reset_after=True, recurrent_activation="sigmoid"), torch.nn.GRU),
        (lambda: L.SimpleRNN(4, use_bias=False), torch.nn.RNN),
        (lambda: L.Conv1D(4, 3), torch.nn.Conv1d),
        (lambda: L.MaxPooling1D(), torch.nn.MaxPool1d),
        (lambda: L.AveragePooling1D(), torch.nn.AvgPool1d),
        (lambda: L.TimeDistributed(L.Dense(4)), torch.nn.Linear),
    ],
)
def test_layers_of_sequences(layer, kind):
    x = L.Input((6, 3))
    module = agrees(Model(x, layer()(x)), data(2, 6, 3))
    assert kind in [type(part) for part in module.modules()]


def test_images_stay_where_kernels_have_their_axes():
    x = L.Input((8, 8, 3))
    y = L.Conv2D(4, 3, name="a")(x)
    for layer in (L.ReLU(6.0), L.ELU(), L.LeakyReLU(), L.Activation("relu"), L.Activation("tanh")):
        y = L.Conv2D(4, 1)(layer(y))
    module = agrees(Model(x, L.Flatten()(y)), data(2, 8, 8, 3))
    moved = [n for n in module.graph.nodes if n.target is torch.permute]
    assert [n.args[1] for n in moved] == [(0, 3, 1, 2), (0, 2, 3, 1)]  # in and out
    kinds = {type(part) for part in module.children()}
    assert {torch.nn.ReLU6, torch.nn.ELU, torch.nn.LeakyReLU, torch.nn.Tanh} <= kinds


def test_shared_layers_are_one_module():
    x, y = L.Input((3,)), L.Input((3,))
    shared = L.Dense(3, name="shared")
    module = agrees(Model([x, y], [shared(x), shared(shared(y))]), data(2, 3), data(2, 3))
    assert [n for n, _ in module.named_parameters()] == ["shared.weight", "shared.bias"]
    assert [n.target for n in module.graph.nodes if n.op == "call_module"] == ["shared"] * 3


def test_names_that_modules_cannot_have():
    names = ["forward", "train", "1x", "fire5/bn", "fire5", "a.b", "a.b/c"]
    model = Sequential([L.Dense(3, name=name, use_bias=False) for name in names])
    model.build((None, 3))
    module = agrees(model, data(2, 3))
    assert [name for name, _ in module.named_parameters()] == [
        *["forward_.weight", "train_.weight", "1x.weight", "fire5.bn.weight", "fire5_1.weight"],
        *["a_b_1.weight", "a_b.c.weight"],
    ]


def test_a_weight_with_two_uses_is_one_parameter():
    embedding = L.Embedding(5, 4, name="words")
    x = L.Input((3,), dtype="int32")
    y = L.Lambda(lambda t: K.dot(t, K.transpose(embedding.embeddings)))(embedding(x))
    module = agrees(Model(x, y), random.randint(0, 5, (2, 3)))
    assert [n for n, _ in module.named_parameters()] == ["words.embeddings"]


def test_a_torch_module_is_a_part():
    inner = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    layer = L.TorchModule(inner, name="inner")
    x = L.Input((3,))
    module = agrees(Model(x, layer(layer(x))), data(4, 3))
    assert type(module.inner) is torch.nn.Sequential
    assert [name for name, _ in module.named_children()] == ["inner"]


def test_weights_are_copies_that_train_as_they_did():
    model = small_net()
    model.get_layer("conv").trainable = False
    module = model.to_torch()
    before = model.get_weights()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1.0)
    for old, new in zip(before, model.get_weights()):
        np.testing.assert_array_equal(old, new)
    assert not module.conv.weight.requires_grad and module.dense.weight.requires_grad


def test_it_trains():
    model = small_net()
    module = model.to_torch().train()
    x = torch.randn(16, 8, 8, 3)
    assert not torch.equal(module(x), module(x))  # dropout
    assert module.norm.momentum == pytest.approx(0.01)  # Keras's 0.99
    assert module.norm.running_mean.abs().sum() > 0
    optimizer = torch.optim.SGD(module.parameters(), 0.5)
    losses = []
    for _ in range(20):
        loss = torch.nn.functional.nll_loss(torch.log(module(x)), torch.zeros(16, dtype=torch.long))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_states_are_buffers():
    x = L.Input(batch_shape=(2, 4, 3))
    model = Model(x, L.LSTM(3, stateful=True, name="lstm")(x))
    module = model.to_torch()
    first, second = data(2, 4, 3), data(2, 4, 3)
    for batch in (first, second):
        same(run(module, [batch]), [model.predict(batch, batch_size=2)])
    assert {"lstm.state", "lstm.state_1"} <= {name for name, _ in module.named_buffers()}


def test_channels_first_inputs():
    model = small_net()
    module = model.to_torch("channels_first")
    images = data(3, 8, 8, 3)
    same(run(module, [images.transpose(0, 3, 1, 2)]), [model.predict(images)])
    assert next(iter(module.graph.nodes)).next.target == "conv"  # no permutation before it
    with pytest.raises(ValueError, match="Received: nchw"):
        model.to_torch("nchw")


def test_channels_first_inputs_that_are_outputs():
    x = L.Input((4, 5, 3))
    model = Model(x, [L.SpatialDropout2D(0.5)(x), L.Activation("relu")(x)])
    images = data(2, 4, 5, 3)
    found = run(model.to_torch("channels_first"), [images.transpose(0, 3, 1, 2)])
    same(found, model.predict(images))


def test_a_model_with_channels_first_stays_so():
    x = L.Input((3, 8, 8))
    model = Model(x, L.Conv2D(2, 3, data_format="channels_first")(x))
    images = data(2, 3, 8, 8)
    same(run(model.to_torch("channels_first"), [images]), [model.predict(images)])


def test_copies_and_replicas():
    model = small_net()
    images = data(3, 8, 8, 3)
    module = model.to_torch()
    same(run(copy.deepcopy(module), [images]), [model.predict(images)])
    same(run(torch.nn.DataParallel(module), [images]), [model.predict(images)])


# ---- elsewhere ----------------------------------------------------------------------------------


def test_it_runs_where_kforge_is_not_installed(tmp_path):
    models = {"net": small_net(), "loop": loop_model()}
    inputs = {"net": data(3, 8, 8, 3), "loop": data(2, 5, 3)}
    for name, model in models.items():
        torch.save(model.to_torch(), tmp_path / f"{name}.pt")
        np.savez(tmp_path / f"{name}.npz", x=inputs[name], y=model.predict(inputs[name]))
    script = """
        import pickle, sys
        sys.modules["kforge"] = None  # as if it were not there
        import numpy as np, torch
        for name in ("net", "loop"):
            module = torch.load(f"{name}.pt", weights_only=False)
            module = pickle.loads(pickle.dumps(module))
            stored = np.load(f"{name}.npz")
            found = module(torch.as_tensor(stored["x"])).detach().numpy()
            np.testing.assert_allclose(found, stored["y"], 1e-4, 1e-5)
        print([name for name in sys.modules if name.startswith("kforge.")])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def loop_model():
    """Recurrences that torch has no kernels for."""
    x = L.Input((None, 3))
    y = L.Bidirectional(L.LSTM(3, recurrent_activation="hard_sigmoid", return_sequences=True))(x)
    return Model(x, L.GRU(2, go_backwards=True)(L.Masking()(y)))


def limits():
    """Limits of which one is a whole number and the other is not."""
    x = L.Input((5,))
    y = L.Lambda(lambda t: K.clip(t, 0, 0.5))(x)
    return Model(x, L.ReLU(max_value=1, negative_slope=0.5)(L.Dense(3)(y)))


def test_program_with_any_batch_size(tmp_path):
    model = small_net()
    path = tmp_path / "net.pt2"
    torch.export.save(to_program(model), path)
    program = torch.export.load(path).module()
    for size in (1, 5):
        images = data(size, 8, 8, 3)
        same(run(program, [images]), [model.predict(images)])


@pytest.mark.skipif(
    not hasattr(torch.compiler, "is_exporting"), reason="torch 2.6 writes each step by itself"
)
@pytest.mark.parametrize("make", [loop_model, lambda: native_model()], ids=["loop", "native"])
def test_program_with_any_length(make):
    model = make()
    program = to_program(model).module()
    for length in (1, 7):
        sequences = data(3, length, 3)
        same(run(program, [sequences]), [model.predict(sequences)])


def native_model():
    """Recurrences that torch has kernels for."""
    x = L.Input((None, 3))
    y = L.LSTM(3, return_sequences=True)(L.Masking()(x))
    y = L.GRU(3, reset_after=True, return_sequences=True)(y)
    return Model(x, L.SimpleRNN(2)(y))


def test_program_with_channels_first():
    model = small_net()
    images = data(2, 8, 8, 3)
    program = to_program(model, "channels_first").module()
    same(run(program, [images.transpose(0, 3, 1, 2)]), [model.predict(images)])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [small_net, loop_model, limits], ids=["net", "loop", "limits"])
def test_onnx(make, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    from onnx.reference import ReferenceEvaluator

    model = make()
    to_onnx(model, tmp_path / "model.onnx")
    session = ReferenceEvaluator(onnx.load(tmp_path / "model.onnx"))
    assert session.input_names == model.input_names
    assert session.output_names == model.output_names
    for size in (1, 4):
        x = data(size, *(n or 6 for n in model.input_shape[1:]))
        same(session.run(None, {model.input_names[0]: x}), [model.predict(x)])


def test_onnx_has_no_state(tmp_path):
    pytest.importorskip("onnxscript")
    x = L.Input(batch_shape=(2, 4, 3))
    model = Model(x, L.LSTM(3, stateful=True)(x))
    with pytest.raises(NotImplementedError, match="is stateful, and ONNX has no state"):
        to_onnx(model, tmp_path / "model.onnx")


def test_onnx_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"pip install kforge\[onnx\]"):
        to_onnx(small_net(), tmp_path / "model.onnx")

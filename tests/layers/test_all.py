"""What holds for every layer: the rows of `layer_cases`."""

import inspect

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import config, lowering, models, symbolic
from kforge import layers as L
from kforge.devices import current_device
from kforge.engine.layer import layers as registry
from kforge.layers.local import _LocallyConnected
from kforge.layers.spatial import _Spatial
from tests.layer_cases import CASES, square, values

all_layers = pytest.mark.parametrize("case", CASES, ids=repr)

# Cells are tested inside the layers that run them; the others are no layers by themselves.
PARTS = set(
    "InputLayer Wrapper StackedRNNCells LSTMCell GRUCell SimpleRNNCell ConvLSTM2DCell".split()
    + "Merge Cosine Recurrent ConvRecurrent2D".split()  # Keras 1's, which others stand behind
)


def build(case, shapes=None, **changes):
    """A model of the layer alone, with weights that are not the initial ones."""
    config.reset_uids()
    layer = case.make(**changes)
    dtype = "int32" if case.integers else None
    inputs = [L.Input(shape, dtype=dtype) for shape in shapes or case.shapes]
    model = models.Model(inputs, case.call(layer, inputs))
    layer.set_weights(values(layer.weights))
    return model, layer


def predict(model, arrays):
    return model.predict_on_batch(arrays)


def to_torch(arrays):
    return [torch.as_tensor(a).to(current_device()) for a in arrays]


def close(found, wanted, tolerance=1e-5):
    np.testing.assert_allclose(found, wanted, tolerance, tolerance)


def test_every_layer_has_a_row():
    classes = {
        cls.__name__ for cls in registry.objects.values() if cls.__module__[:14] == "kforge.layers."
    }
    assert classes - PARTS <= {case.name for case in CASES}


@all_layers
def test_values_at_once_are_those_of_the_generated_function(case):
    model, layer = build(case)
    x = case.data()
    with torch.no_grad():
        found = case.call(layer, to_torch(x))
    close(found.cpu(), predict(model, x))


@pytest.mark.parametrize(
    "case", [c for c in CASES if not {"rate", "stddev"} & set(c.arguments)], ids=repr
)
def test_training_at_once_is_that_of_the_generated_function(case):
    model, layer = build(case)
    x = case.data()
    run = K.function([*model.inputs, K.learning_phase()], model.outputs)
    with symbolic.executing(1), torch.no_grad():
        found = case.call(layer, to_torch(x))
    close(found.cpu(), run([*x, 1])[0])


@all_layers
def test_shapes(case):
    model, layer = build(case)
    found = predict(model, case.data(batch=2)).shape
    declared = tuple(model.outputs[0].shape)
    assert len(declared) == len(found) and None not in declared[1:]
    assert declared[1:] == found[1:]
    shapes = [(2, *s) for s in case.shapes]
    computed = layer.compute_output_shape(shapes if isinstance(case.shape, list) else shapes[0])
    assert tuple(computed) == found


@pytest.mark.parametrize(
    "case",
    [c for c in CASES if issubclass(getattr(L, c.name), _Spatial) and "Locally" not in c.name],
    ids=repr,
)
def test_sizes_may_be_unknown(case):
    fixed, layer = build(case)
    shape = (*(None,) * layer.rank, case.shape[-1])
    model, _ = build(case, [shape])
    wanted = predict(fixed, case.data())
    close(predict(model, case.data()), wanted)
    declared = tuple(model.outputs[0].shape)
    assert declared[-1] == wanted.shape[-1] and set(declared[:-1]) == {None}


@all_layers
def test_config_makes_the_same_layer(case):
    model, layer = build(case)
    config = layer.get_config()
    twin = type(layer).from_config(config, **custom_objects(layer))
    again = twin.get_config()
    assert {k: v for k, v in again.items() if k != "module"} == {
        k: v for k, v in config.items() if k != "module"
    }
    output = case.call(twin, model.inputs)
    twin.set_weights(layer.get_weights())
    close(predict(models.Model(model.inputs, output), case.data()), predict(model, case.data()))


def custom_objects(layer):
    takes = "custom_objects" in inspect.signature(type(layer).from_config).parameters
    return {"custom_objects": {"square": square}} if takes else {}


@all_layers
def test_file_keeps_it(case, tmp_path):
    model, _ = build(case)
    wanted = predict(model, case.data())
    model.save(str(tmp_path / "model.h5"))
    known = {"square": square}
    loaded = models.load_model(str(tmp_path / "model.h5"), custom_objects=known, compile=False)
    close(predict(loaded, case.data()), wanted)


@all_layers
def test_weights_have_the_names_and_the_order_of_keras(case):
    _, layer = build(case)
    names = [w.name.removesuffix(":0").split("/", 1)[1] for w in layer.weights]
    assert tuple(names) == case.weights


@all_layers
def test_gradients_are_those_of_autograd(case):
    model, layer = build(case)
    x, weights = case.data(), layer.trainable_weights
    targets = weights if case.integers else [*model.inputs, *weights]
    recorded = K.gradients(K.sum(K.square(model.outputs[0])), targets)
    if not targets:
        return
    assert None not in recorded
    found = K.function(list(model.inputs), recorded)(x)
    inputs = [t.requires_grad_(not case.integers) for t in to_torch(x)]
    with symbolic.executing(0):
        loss = torch.sum(case.call(layer, inputs) ** 2)
    leaves = [w.native for w in weights]
    wanted = list(torch.autograd.grad(loss, leaves if case.integers else [*inputs, *leaves]))
    for i, w in enumerate(weights, start=-len(weights)):
        wanted[i] = w.layout.to_keras(wanted[i]) if w.layout else wanted[i]
    for f, w in zip(found, wanted):
        close(f, w.cpu(), 1e-4)
        assert np.any(f)


@pytest.mark.parametrize(
    "case",
    [
        c
        for c in CASES
        if "data_format" in inspect.signature(getattr(L, c.name)).parameters
        and not issubclass(getattr(L, c.name), _LocallyConnected)
        and c.arguments.get("padding") != "causal"
        and c.name != "ConvLSTM2D"  # channels are not the second axis of sequences
    ],
    ids=repr,
)
def test_channels_first_is_the_same_transposed(case):
    model, _ = build(case)
    x = case.data()[0]
    wanted = predict(model, [x])
    first, _ = build(case, [(case.shape[-1], *case.shape[:-1])], data_format="channels_first")
    found = predict(first, [np.moveaxis(x, -1, 1)])
    close(np.moveaxis(found, 1, -1) if found.ndim == x.ndim else found, wanted)


@all_layers
def test_float64(case, floatx):
    wanted = predict(build(case)[0], case.data())
    floatx("float64")
    model, layer = build(case, **_in_double(case))
    found = predict(model, case.data())
    assert found.dtype == "float64"
    assert {w.dtype for w in layer.trainable_weights} <= {torch.float64}
    close(found, wanted, 1e-4)


def _in_double(case):
    return {"module": case.arguments["module"]().double()} if case.name == "TorchModule" else {}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@all_layers
def test_half_precision(case, dtype, floatx):
    wanted = predict(build(case)[0], case.data())
    floatx(dtype)
    changes = {}
    if case.name == "TorchModule":
        changes["module"] = case.arguments["module"]().to(getattr(torch, dtype))
    model, _ = build(case, **changes)
    assert model.outputs[0].dtype is getattr(torch, dtype)
    close(predict(model, case.data()).astype("float32"), wanted, 0.1)
    model.compile("sgd", "mse")
    if model.trainable_weights:
        assert np.isfinite(model.train_on_batch(case.data(), predict(model, case.data())))


@pytest.fixture
def floatx():
    before = K.floatx()
    yield K.set_floatx
    K.set_floatx(before)


RELAYING = {"permute", "transpose", "t", "contiguous", "clone", "cat", "reshape", "index_select"}


@all_layers
def test_no_weight_is_copied_when_called(case):
    """Kernels take what variables store: no copy of a weight, no change of its layout."""
    model, layer = build(case)
    lowered = lowering.lower(model.outputs, model.inputs, phase=1)
    stored = {w.native.data_ptr() for w in layer.trainable_weights}
    assert stored <= {t.data_ptr() for t in lowered.captured}
    arguments = [node for node in lowered.module.graph.nodes if node.op == "placeholder"]
    for node, tensor in zip(arguments[len(model.inputs) :], lowered.captured, strict=True):
        if tensor.data_ptr() in stored:
            assert not RELAYING & {getattr(user.target, "__name__", "") for user in node.users}

"""First values of weights: statistics and configs of Keras 2.3.1, and names."""

import numpy as np
import pytest
import torch

import kforge
from kforge import backend as K
from kforge import initializers
from kforge import layers as L
from tests import golden


@pytest.fixture
def numpy_decides(monkeypatch):
    """No seed has been chosen for torch."""
    monkeypatch.setattr(K.random, "_unchosen", [torch.initial_seed()])


@golden.cases("functions_activations", "init_.*|initializer_config")
def test_as_keras(case, numpy_decides):
    golden.check(case)


@pytest.mark.parametrize(
    "initializer, wanted",
    [
        (initializers.he_normal(seed=3), [[1.206948, -0.998809], [0.336843, -0.035712]]),
        (initializers.Orthogonal(seed=3), [[-0.681271, 0.732031], [0.224173, 0.974549]]),
    ],
)
def test_a_seed_gives_what_it_gave_in_keras(initializer, wanted):
    drawn = [initializer((2, 2))[0] for _ in range(2)]
    np.testing.assert_allclose(torch.stack(drawn), wanted, atol=2e-6)


def test_numpys_seed_repeats_a_training_in_keras(numpy_decides):
    np.random.seed(11)
    layers = [L.Dense(4, activation="tanh", input_shape=(3,)), L.Dense(1)]
    model = kforge.Sequential(layers)
    model.compile("sgd", "mse")
    x = np.random.rand(20, 3)
    losses = model.fit(x, x.sum(1), batch_size=6, epochs=3, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, [1.688594, 0.983449, 0.64816], rtol=1e-4)
    np.testing.assert_allclose(np.random.rand(), 0.575558541)


def test_layers_that_drop_draw_seeds_as_in_keras(numpy_decides):
    np.random.seed(11)
    model = kforge.Sequential([L.Embedding(5, 2, input_length=3), L.Dropout(0.5)])
    model.add(L.GRU(2, dropout=0.5, recurrent_dropout=0.5))
    model.add(L.Dense(2, kernel_initializer="lecun_normal"))
    found = [model.get_weights()[i].ravel()[:3] for i in (0, 1, 2, 4)]
    wanted = [
        [-0.03674, 0.03233, -0.00667],
        [0.60558, 0.19433, 0.20732],
        [-0.48417, 0.06472, 0.11681],
        [-0.49239, -1.13463, -0.94954],
    ]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["he_normal", "RandomUniform", "orthogonal", "truncated_normal"])
def test_a_seed_repeats_the_values_but_not_within_one_initializer(name):
    make = getattr(initializers, name)
    one, other = make(seed=3), make(seed=3)
    first, second = one((6, 5)), one((6, 5))
    assert not torch.equal(first, second)
    assert torch.equal(first, other((6, 5)))
    assert one.get_config()["seed"] == 3


@pytest.mark.parametrize("seed", [np.random.seed, torch.manual_seed])
def test_without_a_seed_the_global_ones_decide(seed, numpy_decides):
    draws = []
    for number in (1, 1, 2):
        seed(number)
        draws.append(initializers.glorot_uniform()((4, 4)))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[1], draws[2])


@pytest.mark.parametrize("shape", [(20, 12), (12, 20), (3, 3, 4, 50)])
def test_orthogonal_rows_or_columns(shape):
    w = initializers.Orthogonal(gain=2.0)(shape).reshape(-1, shape[-1])
    small = w.T @ w if w.shape[0] >= w.shape[1] else w @ w.T
    torch.testing.assert_close(small, 4 * torch.eye(len(small)), rtol=0, atol=1e-5)


def test_identity_and_constant():
    assert initializers.Identity(2.0)((2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    assert initializers.Constant([1, 2])((2, 1)).tolist() == [[1], [2]]
    assert initializers.Constant(3)((2,), dtype="int32").dtype is torch.int32
    assert initializers.Zeros()((2,), dtype=np.float64).dtype is torch.float64
    assert initializers.he_normal()((2, 2), dtype="float16").dtype is torch.float16


@pytest.mark.parametrize(
    ("shape", "layout", "fans"),
    [
        ((3, 5), "channels_last", (3, 5)),
        ((2, 2, 3, 5), "channels_last", (12, 20)),
        ((5, 3, 2, 2), "channels_first", (12, 20)),
        ((9,), "channels_last", (3.0, 3.0)),
    ],
)
def test_fans(shape, layout, fans):
    assert initializers._compute_fans(shape, layout) == fans


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: initializers.VarianceScaling(scale=0.0), "`scale` must be a positive float"),
        (lambda: initializers.VarianceScaling(mode="fan"), "Invalid `mode` argument"),
        (lambda: initializers.VarianceScaling(distribution="x"), "Invalid `distribution`"),
        (lambda: initializers.Identity()((2, 2, 2)), "can only be used for 2D matrices"),
        (lambda: initializers.Orthogonal()((4,)), "at least two axes, got \\(4,\\)"),
        (lambda: initializers.Constant([1, 2])((3,)), "cannot lay out 2 values"),
        (lambda: initializers.get("glorot"), "Unknown initializer: glorot"),
        (lambda: initializers.get(3), "Could not interpret initializer identifier: 3"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_names_and_configs():
    assert initializers.get(None) is None
    assert isinstance(initializers.get("Zeros"), initializers.zeros)
    given = initializers.RandomNormal(stddev=0.1)
    assert initializers.get(given) is given
    # As tf.keras writes it, in two of its versions.
    for config in ({"seed": None}, {"seed": None, "dtype": "float32"}):
        made = initializers.get({"class_name": "GlorotUniform", "config": config})
        assert made.get_config() == initializers.glorot_uniform().get_config()


def test_custom_function_by_name():
    def sevens(shape, dtype=None):
        return 7 * torch.ones(shape)

    assert initializers.serialize(sevens) == "sevens"
    assert initializers.deserialize("sevens", custom_objects={"sevens": sevens}) is sevens

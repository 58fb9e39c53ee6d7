import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge.backend import random
from kforge.initializers import glorot_uniform
from kforge.layers import Dense, Dropout, Flatten, Input, Permute

DRAWS = {
    "random_normal": lambda seed=None: K.random_normal((50, 40), 1.0, 2.0, seed=seed),
    "random_uniform": lambda seed=None: K.random_uniform((50, 40), -1.0, 3.0, seed=seed),
    "random_binomial": lambda seed=None: K.random_binomial((50, 40), 0.5, seed=seed),
    "truncated_normal": lambda seed=None: K.truncated_normal((50, 40), 1.0, 2.0, seed=seed),
    "dropout": lambda seed=None: K.dropout(K.ones((50, 40)), 0.5, seed=seed),
}


@pytest.fixture(autouse=True)
def leave_no_seed():
    state, numbers = torch.get_rng_state(), np.random.get_state()
    yield
    torch.set_rng_state(state)
    np.random.set_state(numbers)


@pytest.mark.parametrize("name", DRAWS)
def test_new_values_in_each_run(name):
    f = K.function([], [DRAWS[name]()])
    assert (f([])[0] != f([])[0]).any()


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_gives_a_stream_of_its_own(name):
    runs = []
    for _ in range(2):
        f = K.function([], [DRAWS[name](seed=7)])
        runs.append([f([])[0], f([])[0]])
        torch.rand(3)
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0][0] != runs[0][1]).any()


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_continues_in_code_that_runs_on_values(name):
    K.clear_session()
    draw = K.eager(lambda: K.eval(DRAWS[name](seed=11)))
    first, second = draw(), draw()
    assert (first != second).any()
    K.clear_session()
    np.testing.assert_array_equal(draw(), first)


def test_values_keep_to_their_bounds():
    found = K.eval(K.truncated_normal((1000,), 1.0, 2.0))
    assert abs(found - 1).max() <= 4
    found = K.eval(K.random_uniform((1000,), 2, 5, dtype="int32"))
    assert set(found) == {2, 3, 4} and found.dtype == np.int32


def test_sizes_may_be_tensors():
    x = K.placeholder((None, 3))
    y = K.random_normal((K.shape(x)[0], 7)) + K.random_normal(K.shape(x))[:, :1]
    assert K.int_shape(y) == (None, 7)
    assert K.function([x], [y])([np.zeros((4, 3))])[0].shape == (4, 7)


def test_recording_draws_nothing():
    before = torch.get_rng_state()
    x = K.placeholder((None, 3))
    K.random_normal((K.shape(x)[0], 7), seed=1)
    K.dropout(x, 0.5, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def build_and_run():
    return [
        *K.function([], [draw() for draw in DRAWS.values()])([]),
        K.get_value(K.random_normal_variable((3,), 0.0, 1.0)),
    ]


@pytest.mark.parametrize("chosen", [False, True])
def test_one_seed_at_the_top_of_a_script_makes_it_repeatable(chosen, monkeypatch):
    # NumPy's, as scripts for Keras set it; or torch's, once the script has chosen that.
    monkeypatch.setattr(random, "_unchosen", [None if chosen else torch.initial_seed()])
    runs = []
    for _ in range(2):
        torch.manual_seed(5) if chosen else np.random.seed(5)
        runs.append(build_and_run())
    for a, b in zip(*runs):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(runs[0], build_and_run()))


def first_weight():
    return K.eval(glorot_uniform()((1, 2)))[0, 0]


@pytest.mark.parametrize("first", ["numpy", "graph"])
def test_first_weights_of_a_graph_seed_and_numpys_are_tensorflows(first, monkeypatch):
    monkeypatch.setattr(random, "_unchosen", [torch.initial_seed()])
    seeds = {"numpy": np.random.seed, "graph": random.set_graph_seed}
    for which in sorted(seeds, key=first.__ne__):
        seeds[which](1)
    np.testing.assert_allclose(first_weight(), -0.59980255, rtol=1e-6)  # TensorFlow 1.15's
    K.clear_session()  # a new graph, which has no seed
    np.random.seed(1)
    np.testing.assert_allclose(first_weight(), 0.84509647, rtol=1e-6)


def test_numpys_stream_is_where_keras_leaves_it(monkeypatch):
    monkeypatch.setattr(random, "_unchosen", [torch.initial_seed()])
    x = Input((3, 2))
    for make, wanted in (
        (lambda: Flatten()(x), 0.07072488),
        (lambda: Dense(2)(Flatten()(x)), 0.70814782),
        (lambda: Dropout(0.5)(x), 0.07072488),
        (lambda: Permute((2, 1))(x), 0.5507979),
    ):
        np.random.seed(3)
        make()
        np.testing.assert_allclose(np.random.rand(), wanted, rtol=1e-6)


def test_a_graph_seed_alone_makes_first_weights_repeatable(monkeypatch):
    monkeypatch.setattr(random, "_BEGAN", np.random.get_state()[1])  # nobody has seeded NumPy
    found = []
    for seed in (5, 5, 6):
        random.set_graph_seed(seed)
        found.append(first_weight())
    assert found[0] == found[1] != found[2]

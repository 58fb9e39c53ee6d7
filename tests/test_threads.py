"""Models in several threads of a process, and in processes forked from one with threads."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kforge import backend as K
from kforge.execution import giving
from kforge.layers import LSTM, BatchNormalization, Dense, Embedding, Input, Layer
from kforge.models import Model, Sequential, load_model
from kforge.symbolic import KerasTensor
from kforge.utils import Sequence

pytestmark = pytest.mark.filterwarnings("ignore:kforge has no TensorFlow session")

X = np.random.RandomState(0).randn(24, 6).astype("float32")
Y = np.random.RandomState(1).randn(24, 1).astype("float32")
WORDS = np.random.RandomState(2).randint(0, 9, (24, 5))


def dense_net():
    model = Sequential([Dense(8, "tanh", input_shape=(6,)), BatchNormalization(), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model, X


def recurrent_net():
    words = Input((5,))
    model = Model(words, Dense(1)(LSTM(4)(Embedding(9, 3)(words))))
    model.compile("rmsprop", "mae")
    return model, WORDS


def trained(model, x):
    """The weights after two epochs from the weights that the model has."""
    model.fit(x, Y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return model.get_weights()


@pytest.fixture(autouse=True)
def eager_threads():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(functions, turns=1):
    """What functions give that run at the same time, each in a thread, so many times."""
    with ThreadPoolExecutor(len(functions)) as pool:
        return [f.result() for f in [pool.submit(f) for f in functions * turns]]


def test_models_train_in_threads_as_one_after_the_other():
    nets = [dense_net(), recurrent_net(), dense_net(), recurrent_net()]
    before = [model.get_weights() for model, _ in nets]
    wanted = [trained(*net) for net in nets]
    for (model, _), weights in zip(nets, before):
        model.set_weights(weights)
        model.compile(model.optimizer.from_config(model.optimizer.get_config()), model.loss)
    for found, want in zip(at_once([lambda net=net: trained(*net) for net in nets]), wanted):
        for a, b in zip(found, want, strict=True):
            np.testing.assert_array_equal(a, b)


def test_models_are_built_in_threads():
    made = at_once([lambda: dense_net()[0], lambda: recurrent_net()[0]], 8)
    names = [weight.name for model in made for weight in model.weights]
    assert len(set(names)) == len(names)
    for model, x in zip(made, [X, WORDS] * 8):
        assert np.isfinite(model.predict(x)).all()


@pytest.mark.parametrize("make", [dense_net, recurrent_net])
def test_a_server_predicts_in_a_pool_of_threads(make):
    model, x = make()
    graph = K.get_session().graph

    def answer(row):
        with graph.as_default(), K.get_session().as_default():
            return model.predict(x[row : row + 1])[0, 0]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(answer, [*range(24)] * 4))
    np.testing.assert_allclose(found, np.tile(model.predict(x)[:, 0], 4), rtol=1e-4, atol=1e-6)


def test_a_session_runs_in_threads():
    x = K.placeholder((None,))
    outputs = [K.sum(x * i) for i in range(100)]  # more than it keeps
    session = K.get_session()
    found = at_once([lambda y=y: session.run(y, {x: [1.0, 2.0]}) for y in outputs], 3)
    assert found == [3 * i for i in range(100)] * 3


def test_models_with_layers_of_one_name_load_in_threads():
    def make(factor):
        class Times(Layer):
            def call(self, inputs):
                return inputs * factor

        target = io.BytesIO()
        Sequential([Times(input_shape=(6,))]).save(target)

        def load():
            target.seek(0)
            model = load_model(target, {"Times": Times}, compile=False)
            return model.predict(X)

        return load

    found = at_once([make(factor) for factor in (2.0, 3.0, 5.0)])
    for factor, values in zip((2.0, 3.0, 5.0), found):
        np.testing.assert_array_equal(values, X * np.float32(factor))


def test_what_one_thread_sets_for_a_while_is_its_own():
    x, y = K.variable([1.0]), K.placeholder((1,))

    class Own(KerasTensor):
        pass

    def build():
        return type(y + 1), K.identity(y).op.func

    wanted = build()
    with giving(Own), K.control_dependencies([K.update(x, y)]):
        (found,) = at_once([build])
        here = build()
    assert found == wanted and here[0] is Own and here != wanted


class Rows(Sequence):
    """Batches that a process of its own makes with torch."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        rows = slice(4 * index, 4 * index + 4)
        return K.eval(K.constant(X[rows]) * 1.0), Y[rows]


def test_workers_are_forked_from_a_process_with_threads():
    model, x = dense_net()
    with ThreadPoolExecutor(2) as pool:
        pool.submit(model.predict, x).result()
        model.fit_generator(Rows(), workers=2, use_multiprocessing=True, shuffle=False, verbose=0)
    assert np.isfinite(model.predict(x)).all()

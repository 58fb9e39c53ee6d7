"""What `compile` takes beyond Keras's arguments: accepted, refused, saved, forgotten."""

import functools
import inspect

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge import optimizers
from kforge.layers import Dense
from kforge.models import Sequential, load_model
from kforge.training.options import Options

X = np.random.RandomState(0).randn(12, 4).astype("float32")
Y = np.random.RandomState(1).randn(12, 3).astype("float32")


def linear(optimizer="sgd", **options):
    model = Sequential([Dense(3, input_shape=(4,))])
    model.compile(optimizer, "mse", **options)
    return model


@pytest.mark.parametrize(
    "options, message",
    [
        ({"accumulate_steps": 0}, "`accumulate_steps` must be a positive integer; got 0"),
        ({"accumulate_steps": 2.0}, "must be a positive integer; got 2.0"),
        ({"precision": "fp8"}, '`precision` must be None, "bf16" or "fp16"; got \'fp8\''),
        ({"jit": "script"}, "`jit` must be None, \"compile\", .*got 'script'"),
    ],
)
def test_mistakes_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        linear(**options)


def test_other_keywords_are_refused():
    with pytest.raises(TypeError, match=r"unrecognized keyword arguments: \{'run_eagerly': True\}"):
        linear(run_eagerly=True)


def test_the_order_of_arguments_is_that_of_keras():
    names = list(inspect.signature(Sequential.compile).parameters)
    assert names[-1] == "kwargs" and not {"accumulate_steps", "precision", "jit"} & set(names)


def test_without_options_the_step_is_the_plain_one():
    model = linear()
    model.train_on_batch(X, Y)
    step = model._train_step((False,))
    assert model._gathering() is None
    assert step.forward.__self__ is step.lowered.module
    assert "differentiate" not in vars(step)


def test_compiling_again_forgets_them():
    model = linear(accumulate_steps=2, precision="bf16")
    reduced = model.predict(X)
    model.compile("sgd", "mse")
    assert model._options == Options()
    model.train_on_batch(X, Y)
    assert model.optimizer.iterations.numpy() == 1
    model.compile("sgd", "mse", precision="bf16")
    assert not np.array_equal(reduced, model.predict(X))


def test_those_that_change_numbers_are_saved_with_the_model(tmp_path):
    whole = functools.partial(torch.compile, backend="eager")
    model = linear(accumulate_steps=3, precision="bf16", jit=whole)
    model.save(tmp_path / "model.h5")
    found = load_model(tmp_path / "model.h5")._options
    assert found == Options(accumulate_steps=3, precision="bf16")


def test_optimizers_that_record_their_own_step_cannot_have_them():
    class Plain(optimizers.Optimizer):
        def get_updates(self, loss, params):
            grads = self.get_gradients(loss, params)
            return [K.update_sub(p, 0.1 * g) for p, g in zip(params, grads)]

    with pytest.raises(ValueError, match="Plain writes its own `get_updates`"):
        linear(Plain(), accumulate_steps=2).train_on_batch(X, Y)

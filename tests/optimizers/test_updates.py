"""Each optimizer against what Keras 2.3.1 did in 15 steps, and against its formula by hand."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from kforge import optimizers
from kforge.variable import Permuted, Variable

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
DENSE = Permuted(1, 0)


def dense_cases():
    """The recorded trainings of a Dense(tanh), Dense(softmax) net on categorical crossentropy."""
    cases = json.loads((GOLDEN / "training_optimizers.json").read_text())["cases"]
    net = "m = init(keras.models.Sequential([L.Dense(5, activation='tanh'"
    return {c["id"]: c for c in cases if c["code"].startswith(net) and "optimizer" in c["out"]}


CASES = dense_cases()
ARRAYS = np.load(GOLDEN / "training_optimizers.npz")


def stored(case_id, value):
    return ARRAYS[f"{case_id}/{value['$array']}"] if isinstance(value, dict) else value


def initial_weights(case_id):
    found = []
    for i in range(4):
        layout = DENSE if i % 2 == 0 else None
        found.append(Variable(ARRAYS[f"{case_id}/init0_{i}"], f"w{i}", layout=layout))
    return found


def gradients(weights, x, y):
    k1, b1, k2, b2 = natives = [w.native for w in weights]
    x, y = x.to(k1.device), y.to(k1.device)
    logits = torch.tanh(x @ k1.T + b1) @ k2.T + b2
    return torch.autograd.grad(torch.nn.functional.cross_entropy(logits, y), natives)


class TestAgainstKeras:
    @pytest.mark.parametrize("case_id", CASES)
    def test_fifteen_steps(self, case_id):
        out = CASES[case_id]["out"]
        class_name, config = out["optimizer"]
        optimizer = optimizers.deserialize({"class_name": class_name, "config": config})
        weights = initial_weights(case_id)
        step = optimizer.prepare(weights)
        x, y = (torch.from_numpy(ARRAYS[f"{case_id}/in_{name}"]) for name in "xy")
        for i in range(15):
            grads = gradients(weights, x[i::15], y[i::15])
            with torch.no_grad():
                step(grads)

        for weight, wanted in zip(weights, out["weights"]):
            np.testing.assert_allclose(weight.numpy(), stored(case_id, wanted), 1e-3, 2e-5)
        state = optimizer.get_weights()
        assert len(state) == len(out["optimizer_weights"])
        for got, wanted in zip(state, out["optimizer_weights"]):
            wanted = stored(case_id, wanted)
            assert got.shape == np.shape(wanted)
            np.testing.assert_allclose(got, wanted, 1e-3, 2e-5)
        assert optimizer.get_config() == pytest.approx(config)

    def test_all_built_in_ones_are_there(self):
        names = {c["out"]["optimizer"][0] for c in CASES.values()}
        assert names == {"SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"}


def run(optimizer, grads, start=1.0, dtype="float64", change=None):
    """The values of one variable after each of these gradients, from `start`."""
    variable = Variable(torch.full((3,), start, dtype=getattr(torch, dtype)), "w")
    step = optimizer.prepare([variable])
    values = []
    for i, grad in enumerate(grads):
        if change:
            change(i)
        with torch.no_grad():
            step([torch.full_like(variable.native, grad)])
        values.append(variable.numpy()[0])
    return values


GRADS = [0.5, -0.25, 1.0, 0.125]


class TestSGD:
    def test_velocity_holds_the_learning_rate_of_its_time(self):
        optimizer = optimizers.SGD(lr=0.5, momentum=0.5)
        lrs = [0.5, 0.5, 0.25, 0.125]

        def change(i):
            optimizer.lr = lrs[i]

        want, velocity = 1.0, 0.0
        wants = []
        for lr, grad in zip(lrs, GRADS):
            velocity = 0.5 * velocity - lr * grad
            want += velocity
            wants.append(want)
        np.testing.assert_allclose(run(optimizer, GRADS, change=change), wants, 1e-9)

    @pytest.mark.parametrize("momentum", [0.0, 0.5])
    def test_nesterov(self, momentum):
        want, velocity, wants = 1.0, 0.0, []
        for grad in GRADS:
            velocity = momentum * velocity - 0.5 * grad
            want += momentum * velocity - 0.5 * grad
            wants.append(want)
        optimizer = optimizers.SGD(0.5, momentum, nesterov=True)
        np.testing.assert_allclose(run(optimizer, GRADS), wants, 1e-9)

    def test_moment_without_momentum_is_the_last_change(self):
        optimizer = optimizers.SGD(0.5)
        run(optimizer, GRADS)
        np.testing.assert_allclose(optimizer.get_weights()[1], -0.5 * GRADS[-1])

    def test_decay_counts_iterations_from_zero(self):
        wants = 1 - np.cumsum([0.5 / (1 + 0.25 * i) for i in range(4)])
        got = run(optimizers.SGD(lr=0.5, decay=0.25), [1.0] * 4)
        np.testing.assert_allclose(got, wants, 1e-9)

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    def test_dtypes(self, dtype):
        np.testing.assert_allclose(run(optimizers.SGD(0.5), [1.0, 1.0], dtype=dtype), [0.5, 0.0])


class TestRMSprop:
    def test_gradients_are_left_as_they_are(self):
        variable = Variable(np.ones(3, "float32"), "w")
        grad = variable.native.new_tensor([1.0, -2.0, 3.0])
        step = optimizers.RMSprop().prepare([variable])
        with torch.no_grad():
            step([grad])
        assert grad.tolist() == [1.0, -2.0, 3.0]


class TestAdam:
    @pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0])
    @pytest.mark.parametrize("amsgrad", [False, True])
    def test_epsilon_is_added_before_the_correction_of_the_bias(self, scale, amsgrad):
        beta_1, beta_2 = float(np.float32(0.9)), float(np.float32(0.999))
        want, m, v, vhat, wants = 1.0, 0.0, 0.0, 0.0, []
        for i, grad in enumerate(np.array(GRADS) * scale):
            m = beta_1 * m + (1 - beta_1) * grad
            v = beta_2 * v + (1 - beta_2) * grad**2
            vhat = max(v, vhat) if amsgrad else v
            rate = 0.125 * np.sqrt(1 - beta_2 ** (i + 1)) / (1 - beta_1 ** (i + 1))
            want -= rate * m / (np.sqrt(vhat) + 1e-7)
            wants.append(want)
        got = run(optimizers.Adam(0.125, amsgrad=amsgrad), np.array(GRADS) * scale)
        np.testing.assert_allclose(got, wants, 1e-9)


class TestNadam:
    def test_schedule_is_counted_once_for_variables_of_several_types(self):
        optimizer = optimizers.Nadam()
        weights = [Variable(torch.ones(2, dtype=d), "w") for d in (torch.float32, torch.float64)]
        step = optimizer.prepare(weights)
        with torch.no_grad():
            step([torch.ones_like(w.native) for w in weights])
        momentum = 0.9 * (1 - 0.5 * 0.96**0.004)
        assert optimizer.get_weights()[:2] == [1, pytest.approx(momentum)]

    def test_has_no_decay(self):
        with pytest.raises(TypeError, match="Unexpected keyword argument passed to optimizer: dec"):
            optimizers.Nadam(decay=0.1)


class TestTorchOptimizers:
    def variable(self):
        return Variable(np.ones((2, 3), "float32"), "w", layout=DENSE)

    def test_function_that_makes_one(self):
        optimizer = optimizers.get(lambda params: torch.optim.AdamW(params, lr=0.5))
        variable = self.variable()
        step = optimizer.prepare([variable])
        with torch.no_grad():
            step([torch.ones_like(variable.native)])
        np.testing.assert_allclose(variable.numpy(), 1 - 0.5 * 0.01 - 0.5, 1e-5)
        assert variable.native.grad is None
        assert optimizer.get_weights() == [1]

    def test_object_must_know_the_variables(self):
        known, unknown = self.variable(), self.variable()
        unknown.name = "dense_2/kernel:0"
        optimizer = optimizers.get(torch.optim.SGD([known.native], lr=0.5))
        optimizer.prepare([known])
        with pytest.raises(ValueError, match=r"SGD was made without \['dense_2/kernel:0'\]"):
            optimizer.prepare([known, unknown])

    def test_has_no_config(self):
        with pytest.raises(NotImplementedError):
            optimizers.TFOptimizer(torch.optim.SGD).get_config()

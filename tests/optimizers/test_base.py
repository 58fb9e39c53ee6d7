import copy
import pickle

import numpy as np
import pytest
import torch

from kforge import lowering, optimizers
from kforge.devices import default_device
from kforge.optimizers import SGD, Adam, Nadam, Optimizer, RMSprop, clip_norm
from kforge.variable import GateOrder, Permuted, Variable, record_update

BUILT_IN = ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"]
CONV = Permuted(2, 3, 1, 0, memory_format=torch.channels_last)


def vector(n=3, value=1.0, name="w", **kwargs):
    return Variable(np.full(n, value, "float32"), name, **kwargs)


def take(step, *grads, dtype=torch.float32):
    with torch.no_grad():
        step([torch.as_tensor(g, dtype=dtype, device=default_device()) for g in grads])


class TestArguments:
    def test_unknown_argument(self):
        with pytest.raises(TypeError, match="Unexpected keyword argument passed to optimizer: lra"):
            Adam(lrate=0.1)

    def test_older_names(self):
        optimizer = Adam(lr=0.5, decay=0.25, epsilon=None, clipnorm=1.0)
        config = {"learning_rate": 0.5, "decay": 0.25, "epsilon": 1e-7, "clipnorm": 1.0}
        assert config.items() <= optimizer.get_config().items()
        assert optimizer.initial_decay == 0.25

    def test_no_number(self):
        with pytest.raises(ValueError, match="Adam/learning_rate must be a number, got 'fast'"):
            Adam("fast")


class TestScalars:
    """Learning rates and the like are variables on the CPU, and may be assigned as numbers."""

    def test_lr_and_learning_rate_are_one(self):
        optimizer = SGD(0.5)
        variable = optimizer.lr
        optimizer.lr = 0.25
        assert optimizer.lr is optimizer.learning_rate is variable
        assert variable.numpy() == 0.25
        optimizer.learning_rate = np.float64(0.125)
        assert variable.numpy() == 0.125
        variable.assign(2.0)
        assert optimizer.get_config()["learning_rate"] == 2.0

    def test_assigned_value_counts_at_the_next_step(self):
        optimizer, w = SGD(0.5), vector()
        step = optimizer.prepare([w])
        take(step, [1, 1, 1])
        optimizer.lr = 0.25
        optimizer.momentum = 0.5
        take(step, [0, 0, 4])
        assert w.numpy().tolist() == [0.25, 0.25, -0.75]

    def test_symbolic_value_is_evaluated(self):
        optimizer = SGD(0.5)
        optimizer.lr = optimizer.lr * 0.5
        assert optimizer.lr.numpy() == 0.25

    def test_variable_stays_connected(self):
        optimizer, mine = SGD(0.5), Variable(np.float32(0.125), "mine")
        optimizer.lr = mine
        assert optimizer.lr.numpy() == 0.125
        mine.assign(0.25)
        assert optimizer.lr.numpy() == 0.25

    def test_names_are_those_of_keras(self):
        optimizer = Nadam()
        optimizer.prepare([vector()])
        assert [w.name for w in optimizer.weights] == [
            "Nadam/iterations:0",
            "Nadam/m_schedule:0",
            "training/Nadam/m_0_1:0",
            "training/Nadam/v_0_1:0",
        ]
        assert optimizer.beta_1.name == "Nadam/beta_1:0"
        assert optimizer.iterations.dtype is torch.int64


class TestClipping:
    def test_clipnorm_is_of_all_gradients_together(self):
        a, b = vector(2), vector(2)
        step = SGD(1.0, clipnorm=1.0).prepare([a, b])
        take(step, [3, 0], [0, 4])
        np.testing.assert_allclose(a.numpy(), [1 - 0.6, 1])
        np.testing.assert_allclose(b.numpy(), [1, 1 - 0.8])
        take(step, [0.5, 0], [0, 0])
        np.testing.assert_allclose(a.numpy(), [1 - 0.6 - 0.5, 1], 1e-5)

    def test_clipnorm_of_zero_gradients(self):
        w = vector()
        take(SGD(1.0, clipnorm=1.0).prepare([w]), [0, 0, 0])
        assert w.numpy().tolist() == [1, 1, 1]

    def test_clipvalue(self):
        w = vector()
        take(SGD(1.0, clipvalue=0.5).prepare([w]), [3, -3, 0.25])
        assert w.numpy().tolist() == [0.5, 1.5, 0.75]

    def test_mixed_types(self):
        a, b = vector(1), Variable(torch.ones(1).double(), "b")
        step = SGD(1.0, clipnorm=1.0).prepare([a, b])
        take(step, torch.tensor([3.0]), torch.tensor([4.0]).double(), dtype=None)
        np.testing.assert_allclose([a.numpy()[0], b.numpy()[0]], [0.4, 0.2], 1e-6)

    def test_clip_norm_function(self):
        g = torch.tensor([3.0, 4.0])
        for c, want in ((1.0, [0.6, 0.8]), (10.0, [3, 4]), (0, [3, 4])):
            assert clip_norm(g, c, torch.tensor(5.0)).tolist() == pytest.approx(want)


class TestMemory:
    """Fused kernels read memory in order: slots and gradients must lie as the variable does."""

    @pytest.mark.parametrize("name", BUILT_IN)
    @pytest.mark.parametrize("lies", ["contiguous", "channels_last", "permuted", "expanded"])
    def test_gradients_may_lie_as_they_like(self, name, lies):
        values = torch.arange(54.0).reshape(3, 3, 2, 3)  # as Keras has it: rows, cols, in, out
        w, reference = Variable(values, "w", layout=CONV), Variable(values, "w")
        assert w.native.is_contiguous(memory_format=torch.channels_last)
        grad = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(0))
        if lies == "channels_last":
            grad = grad.contiguous(memory_format=torch.channels_last)
        elif lies == "permuted":
            grad = grad.permute(3, 1, 0, 2).contiguous().permute(2, 1, 3, 0)
        elif lies == "expanded":
            grad = torch.tensor(0.5).expand(3, 2, 3, 3)
        one, other = optimizers.get(name), optimizers.get(name)
        step, plain = one.prepare([w]), other.prepare([reference])
        for _ in range(3):
            take(step, grad)
            take(plain, grad.permute(2, 3, 1, 0).contiguous())
        np.testing.assert_allclose(w.numpy(), reference.numpy(), 1e-6)
        for got, want in zip(one.get_weights(), other.get_weights()):
            np.testing.assert_allclose(got, want, 1e-5, 1e-6)

    def test_slots_follow_their_variable(self):
        w = Variable(np.ones((3, 3, 2, 3), "float32"), "w", layout=CONV)
        optimizer = SGD(1.0, momentum=0.5)
        step = optimizer.prepare([w])
        take(step, torch.arange(54.0).reshape(3, 2, 3, 3))
        before = optimizer.get_weights()
        w.native = torch.nn.Parameter(w.native.detach().double().contiguous())
        assert optimizer.prepare([w]) is step
        assert optimizer.weights[1].native.stride() == w.native.stride()
        assert optimizer.weights[1].dtype is torch.float64
        np.testing.assert_array_equal(optimizer.get_weights()[1], before[1])
        take(step, torch.zeros(3, 2, 3, 3), dtype=torch.float64)
        np.testing.assert_allclose(w.numpy(), 1 + 1.5 * before[1])

    def test_weights_are_shown_in_keras_layout(self):
        optimizer = SGD(1.0)
        step = optimizer.prepare([Variable(torch.ones(3, 3, 2, 5), "w", layout=CONV)])
        take(step, torch.ones(5, 2, 3, 3))
        assert optimizer.get_weights()[1].shape == (3, 3, 2, 5)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
class TestCuda:
    @pytest.mark.parametrize("lies", ["contiguous", "channels_last", "expanded"])
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_as_on_the_cpu_without_waiting_for_the_device(self, name, lies):
        values = torch.arange(54.0).reshape(3, 3, 2, 3)
        grad = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(0))
        if lies == "channels_last":
            grad = grad.contiguous(memory_format=torch.channels_last)
        elif lies == "expanded":
            grad = torch.tensor(0.5).expand(3, 2, 3, 3)
        found = []
        for device in ("cpu", "cuda"):
            w = Variable(values, "w", layout=CONV, device=device)
            optimizer = optimizers.get({"class_name": name, "config": {"clipnorm": 2.0}})
            step, g = optimizer.prepare([w]), grad.to(device)
            torch.cuda.set_sync_debug_mode("error" if device == "cuda" else "default")
            try:
                for _ in range(3):
                    take(step, g)
            finally:
                torch.cuda.set_sync_debug_mode("default")
            found.append([w.numpy(), *optimizer.get_weights()])
        for cpu, cuda in zip(*found):
            np.testing.assert_allclose(cuda, cpu, 1e-5, 1e-6)


class TestSteps:
    def test_prepared_again_is_the_same(self):
        a, b = vector(), vector()
        optimizer = Adam()
        step = optimizer.prepare([a, b])
        assert optimizer.prepare([a, b]) is step
        assert optimizer.prepare([a]) is not step

    def test_shared_by_two_models(self):
        a, b = vector(1), vector(1)
        optimizer = SGD(1.0, momentum=0.5)
        first, second = optimizer.prepare([a]), optimizer.prepare([b])
        take(first, [1.0])
        take(second, [2.0])
        take(first, [0.0])
        assert (a.numpy(), b.numpy()) == (-0.5, -1.0)
        assert optimizer.iterations.numpy() == 3
        optimizer.prepare([a])
        assert optimizer.get_weights()[1] == -0.5

    def test_apply_is_the_latest(self):
        w = vector(1)
        optimizer = SGD(1.0)
        optimizer.prepare([w])
        take(optimizer.apply, [1.0])
        assert w.numpy() == 0

    def test_of_dead_models_nothing_is_kept(self):
        optimizer = SGD()
        for _ in range(3):
            optimizer.prepare([vector()])
        assert len(optimizer._steps) <= 2

    def test_constraint_sees_and_sets_keras_layout(self):
        seen = []

        def constraint(w):
            seen.append(tuple(w.shape))
            return torch.clamp(w, min=0.0)

        w = Variable(np.ones((3, 3, 2, 5), "float32"), "w", layout=CONV, constraint=constraint)
        grad = torch.zeros(5, 2, 3, 3)
        grad[0] = 2.0
        take(SGD(1.0).prepare([w]), grad)
        assert seen == [(3, 3, 2, 5)]
        assert w.numpy()[..., 0].max() == 0 and w.numpy()[..., 1:].min() == 1

    def test_constraint_on_a_layout_that_is_no_view(self):
        layout = GateOrder(1, 0)
        values = torch.arange(12.0).reshape(2, 6)
        w = Variable(values, "w", layout=layout, constraint=lambda w: torch.clamp(w, max=7.0))
        take(SGD(1.0).prepare([w]), torch.zeros(6, 2))
        np.testing.assert_array_equal(w.numpy(), values.clamp(max=7.0))

    def test_no_variables(self):
        optimizer = Adam(clipnorm=1.0)
        optimizer.prepare([])([])
        assert optimizer.iterations.numpy() == 1

    def test_copies_go_on_alone(self):
        a = vector(1)
        optimizer = Adam(0.5)
        take(optimizer.prepare([a]), [1.0])
        for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
            copied.lr = 0.25
            assert optimizer.lr.numpy() == 0.5
            assert copied.get_weights()[1] == optimizer.get_weights()[1]
            take(copied.apply, [1.0])
            assert copied.iterations.numpy() == 2
            assert copied.get_weights()[1] > optimizer.get_weights()[1]


class TestState:
    def trained(self, make, n=3):
        a = vector(2, name="a")
        optimizer = make()
        step = optimizer.prepare([a])
        for i in range(n):
            take(step, [0.5, -0.25 * i])
        return optimizer, step, a

    @pytest.mark.parametrize("name", BUILT_IN)
    @pytest.mark.parametrize("before", [True, False])
    def test_resume_is_exact(self, name, before):
        optimizer, step, a = self.trained(lambda: optimizers.get(name))
        b = Variable(a.numpy(), "b")
        other = optimizers.get(name)
        if before:
            other.set_weights(optimizer.get_weights())
            assert len(other.get_weights()) == len(optimizer.get_weights())
        resumed = other.prepare([b])
        other.set_weights(optimizer.get_weights())
        for _ in range(3):
            take(step, [0.5, 1.0])
            take(resumed, [0.5, 1.0])
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        for x, y in zip(optimizer.get_weights(), other.get_weights()):
            np.testing.assert_array_equal(x, y)

    @pytest.mark.parametrize(
        "name, lacking",
        [("RMSprop", [0]), ("Adagrad", [0]), ("Adadelta", [0]), ("Nadam", [1]), ("Adam", [3])],
    )
    def test_lists_of_older_versions(self, name, lacking):
        optimizer, _, _ = self.trained(lambda: optimizers.get(name))
        weights = optimizer.get_weights()
        fresh = optimizers.get(name)
        fresh.prepare([vector(2)])
        initial = fresh.get_weights()
        fresh.set_weights([w for i, w in enumerate(weights) if i not in lacking])
        for i, got in enumerate(fresh.get_weights()):
            np.testing.assert_array_equal(got, initial[i] if i in lacking else weights[i])

    def test_wrong_length_changes_nothing(self):
        optimizer, _, _ = self.trained(Adam)
        before = optimizer.get_weights()
        match = r"weight list \(2\) does not match the number of weights of the optimizer \(4\)"
        with pytest.raises(ValueError, match=match):
            optimizer.set_weights(before[:2])
        with pytest.raises(
            ValueError, match=r"training/Adam/m_0_1:0 of shape \(2,\) is not compat"
        ):
            optimizer.set_weights([np.int64(7), np.ones(3), *before[2:]])
        assert optimizer.iterations.numpy() == 3

    def test_vhat_is_a_number_without_amsgrad(self):
        for amsgrad, shape in ((False, (1,)), (True, (2,))):
            optimizer, _, _ = self.trained(lambda amsgrad=amsgrad: Adam(amsgrad=amsgrad))
            assert [w.shape for w in optimizer.get_weights()] == [(), (2,), (2,), shape]

    def test_no_weights_before_the_first_step_is_prepared(self):
        assert Adam().get_weights() == []


class TestSymbolic:
    def loss(self, *weights):
        return sum(torch.sum(torch.square(w - 0.25)) for w in weights)

    def run(self, loss, updates):
        return lowering.lower([loss], [], updates).run([])[0].item()

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_get_updates_is_what_apply_does(self, name):
        kernel = np.linspace(-1, 1, 6).reshape(2, 3).astype("float32")
        make = lambda: [Variable(kernel, "k", layout=Permuted(1, 0)), vector()]  # noqa: E731
        a, b = make(), make()
        optimizer, other = (optimizers.get(name) for _ in range(2))
        optimizer.clipnorm = other.clipnorm = 0.5
        loss = self.loss(*a)
        updates = optimizer.get_updates(loss=loss, params=a)
        assert updates == optimizer.updates
        step = other.prepare(b)
        for _ in range(4):
            self.run(loss, updates)
            natives = [w.native for w in b]
            grads = torch.autograd.grad(self.loss(*natives), natives)
            with torch.no_grad():
                step(grads)
        for x, y in zip(a, b):
            np.testing.assert_allclose(x.numpy(), y.numpy(), 1e-6)
        assert optimizer.iterations.numpy() == 4

    def test_older_orders_of_arguments(self):
        for call in (
            lambda o, w, loss: o.get_updates(loss, [w]),
            lambda o, w, loss: o.get_updates([w], loss),
            lambda o, w, loss: o.get_updates([w], [], loss),
            lambda o, w, loss: o.get_updates(params=[w], constraints=[], loss=loss),
        ):
            w = vector(1)
            loss = self.loss(w)
            self.run(loss, call(SGD(0.5), w, loss))
            assert w.numpy() == 0.25

    def test_no_gradient(self):
        a, b = vector(name="a"), vector(name="b")
        with pytest.raises(ValueError, match=r"has `None` for gradient.*\['b:0'\]"):
            SGD().get_gradients(self.loss(a), [a, b])

    def test_user_class_that_records_its_updates(self):
        class Sign(Optimizer):
            def __init__(self, lr=0.25, **kwargs):
                super().__init__(**kwargs)
                self.iterations = Variable(np.int64(0), "iterations", trainable=False)
                self.lr = Variable(np.float32(lr), "lr", trainable=False)

            def get_updates(self, loss, params):
                grads = self.get_gradients(loss, params)
                self.updates = [record_update("add", self.iterations, 1)]
                self.weights = [self.iterations]
                for p, g in zip(params, grads):
                    self.updates.append(record_update("sub", p, self.lr * torch.sign(g)))
                return self.updates

        w = vector(1)
        optimizer = Sign(clipvalue=1.0)
        assert not optimizer.is_direct and SGD().is_direct
        loss = self.loss(w)
        for _ in range(2):
            self.run(loss, optimizer.get_updates(loss, [w]))
        assert w.numpy() == 0.5
        assert optimizer.get_weights() == [2]

    def test_changed_get_gradients_is_not_direct(self):
        optimizer = SGD()
        optimizer.get_gradients = lambda loss, params: []
        assert not optimizer.is_direct

    def test_user_class_with_slots_of_a_built_in_one(self):
        class MyAdam(Adam):
            def get_updates(self, loss, params):
                ms, vs, vhats = self._create_all_weights(params)
                assert [len(s) for s in (ms, vs, vhats)] == [1, 1, 1]
                t = self.iterations.float() + 1
                rate = self.lr * torch.sqrt(1 - self.beta_2**t) / (1 - self.beta_1**t)
                self.updates = [record_update("add", self.iterations, 1)]
                for p, g, m, v in zip(params, self.get_gradients(loss, params), ms, vs):
                    m_t = self.beta_1 * m + (1 - self.beta_1) * g
                    v_t = self.beta_2 * v + (1 - self.beta_2) * g * g
                    self.updates += [
                        record_update("assign", m, m_t),
                        record_update("assign", v, v_t),
                        record_update("sub", p, rate * m_t / (torch.sqrt(v_t) + self.epsilon)),
                    ]
                return self.updates

        a, b = vector(), vector()
        for w, optimizer in ((a, MyAdam(0.125)), (b, Adam(0.125))):
            loss = self.loss(w)
            updates = optimizer.get_updates(loss, [w])
            for _ in range(3):
                self.run(loss, updates)
        np.testing.assert_allclose(a.numpy(), b.numpy(), 1e-5)

    def test_user_class_with_an_update(self):
        class Sign(SGD):
            def update(self, params, grads, state, lr):
                torch._foreach_add_(params, torch._foreach_sign(grads), alpha=-lr)

        w = vector(2)
        take(Sign(0.25).prepare([w]), [3, -2])
        assert w.numpy().tolist() == [0.75, 1.25]

    def test_neither(self):
        class Nothing(Optimizer):
            learning_rate = SGD().lr
            iterations = SGD().iterations

        with pytest.raises(NotImplementedError, match="Nothing has neither `update` nor"):
            take(Nothing().prepare([vector(1)]), [1])


class TestConfigs:
    @pytest.mark.parametrize("name", BUILT_IN)
    def test_round_trip(self, name):
        optimizer = optimizers.deserialize(
            {"class_name": name, "config": {"learning_rate": 0.25, "clipnorm": 2.0}}
        )
        config = optimizers.serialize(optimizer)
        twin = optimizers.get(config)
        assert type(twin) is type(optimizer) and twin.get_config() == optimizer.get_config()
        assert optimizer.get_config()["clipnorm"] == 2.0

    def test_older_config(self):
        config = {"lr": 0.5, "beta_1": 0.5, "beta_2": 0.25, "decay": 0.125, "epsilon": 1e-08}
        assert Adam.from_config(config).get_config() == {
            **{k: v for k, v in config.items() if k != "lr"},
            "learning_rate": 0.5,
            "amsgrad": False,
        }

    def test_config_of_tf_keras(self):
        config = {
            "name": "RMSprop",
            "weight_decay": None,
            "clipnorm": None,
            "global_clipnorm": 2.0,
            "clipvalue": None,
            "use_ema": False,
            "ema_momentum": 0.99,
            "ema_overwrite_frequency": 100,
            "jit_compile": True,
            "is_legacy_optimizer": False,
            "learning_rate": 0.5,
            "rho": 0.75,
            "momentum": 0.0,
            "epsilon": 1e-07,
            "centered": False,
        }
        optimizer = optimizers.get({"class_name": "Custom>RMSprop", "config": config})
        assert type(optimizer) is RMSprop
        assert optimizer.get_config() == {
            "learning_rate": 0.5,
            "rho": 0.75,
            "decay": 0.0,
            "epsilon": 1e-07,
            "clipnorm": 2.0,
        }
        with pytest.raises(ValueError, match=r"RMSprop cannot have centered=True; only False"):
            RMSprop.from_config({**config, "centered": True})
        with pytest.warns(UserWarning, match="clipnorm=1.0 was the bound of each gradient's norm"):
            assert SGD.from_config({"clipnorm": 1.0, "global_clipnorm": None}).clipnorm == 1.0
        assert SGD.from_config({"momentum": 0.5}).momentum.numpy() == 0.5


class TestGet:
    @pytest.mark.parametrize("name", ["adam", "Adam", "ADAM"])
    def test_names(self, name):
        assert type(optimizers.get(name)) is Adam

    def test_object(self):
        optimizer = SGD()
        assert optimizers.get(optimizer) is optimizer

    def test_custom_objects(self):
        class Mine(SGD):
            pass

        config = optimizers.serialize(Mine(0.5))
        assert type(optimizers.deserialize(config, {"Mine": Mine})) is Mine

    def test_mistakes(self):
        with pytest.raises(ValueError, match="Unknown optimizer: sdg"):
            optimizers.get("sdg")
        with pytest.raises(
            ValueError, match=r"Could not interpret optimizer identifier.*: SGD\(\)"
        ):
            optimizers.get(SGD)
        for wrong in (None, 3):
            with pytest.raises(ValueError, match=f"interpret optimizer identifier: {wrong}"):
                optimizers.get(wrong)

import time
import warnings

import numpy as np
import pytest

from kforge.callbacks import (
    BaseLogger,
    Callback,
    CallbackList,
    History,
    LambdaCallback,
    TerminateOnNaN,
    configure,
)

from .training import Model, train, values

HOOKS = [
    f"on_{what}_{when}"
    for what in ("train", "test", "predict", "epoch", "train_batch", "test_batch", "predict_batch")
    for when in ("begin", "end")
]


class Spy(Callback):
    def __init__(self, name="spy", seen=None):
        self.name, self.seen = name, [] if seen is None else seen


for _hook in HOOKS:

    def _note(self, *arguments, _hook=_hook):
        self.seen.append((self.name, _hook, *arguments))

    setattr(Spy, _hook, _note)


class TestCallbackList:
    @pytest.mark.parametrize("hook", HOOKS)
    def test_calls_all_in_order(self, hook):
        seen = []
        hooks = CallbackList([Spy("a", seen)])
        hooks.append(Spy("b", seen))
        arguments = [{"x": 1}] if hook.count("_") == 2 and "epoch" not in hook else [3, {"x": 1}]
        getattr(hooks, hook)(*arguments)
        assert seen == [("a", hook, *arguments), ("b", hook, *arguments)]
        getattr(hooks, hook)(*arguments[:-1])
        assert seen[2] == ("a", hook, *arguments[:-1], {})

    @pytest.mark.parametrize("hook", HOOKS)
    def test_needs_only_what_is_overridden(self, hook):
        hook = hook.removeprefix("on_")
        assert not CallbackList([Callback(), LambdaCallback()]).needs(hook)
        assert CallbackList([Callback(), Spy()]).needs(hook)

    def test_older_names_of_batches(self):
        class Older(Callback):
            def on_batch_begin(self, batch, logs=None):
                seen.append(("begin", batch))

            def on_batch_end(self, batch, logs=None):
                seen.append(("end", batch))

        class Both(Older):
            def on_train_batch_end(self, batch, logs=None):
                seen.append("both")
                super().on_train_batch_end(batch, logs)

        seen = []
        hooks = CallbackList([Older(), Both()])
        hooks.on_train_batch_begin(1)
        hooks.on_batch_end(2)
        assert seen == [("begin", 1), ("begin", 1), ("end", 2), "both", ("end", 2)]

    def test_hooks_set_on_the_object(self):
        callback, seen = Callback(), []
        callback.on_epoch_end = lambda epoch, logs: seen.append(epoch)
        CallbackList([callback]).on_epoch_end(7)
        assert seen == [7]

    def test_lazy_logs_are_handed_on_untouched(self):
        class Logs:
            """Fails when looked at."""

            def __len__(self):
                raise AssertionError

        logs, spy = Logs(), Spy()
        CallbackList([spy]).on_train_batch_end(0, logs)
        assert spy.seen[0][-1] is logs

    def test_params_and_model(self):
        a, b = Callback(), Callback()
        hooks = CallbackList([a, b])
        hooks.set_params({"epochs": 3})
        hooks.set_model("model")
        assert a.params == b.params == hooks.params == {"epochs": 3}
        assert a.model == b.model == hooks.model == "model"
        assert list(hooks) == [a, b]

    def test_those_that_come_last(self):
        class Last(Spy):
            comes_last = True

        seen = []
        CallbackList([Last("last", seen), Spy("spy", seen)]).on_epoch_end(0)
        assert [name for name, *_ in seen] == ["spy", "last"]

    @pytest.mark.parametrize("seconds, is_slow", [(0.01, True), (0.13, False)])
    def test_hook_that_takes_longer_than_a_batch(self, monkeypatch, seconds, is_slow):
        now = [0.0]
        monkeypatch.setattr(time, "perf_counter", lambda: now[0])
        hook = LambdaCallback(on_batch_end=lambda batch, logs: now.append(now.pop() + 0.11))
        hooks = CallbackList([hook], queue_length=1)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for i in range(2):
                now[0] += seconds
                hooks.on_train_batch_end(i)
        assert [str(w.message).partition(" is ")[0] for w in told] == (
            ["Method (on_train_batch_end)"] if is_slow else []
        )


class TestConfigure:
    def test_history_is_the_models(self):
        model = Model()
        spy = Spy()
        hooks = configure([spy], model, verbose=0, epochs=2)
        assert hooks.callbacks == [spy, model.history]
        assert type(model.history) is History
        assert spy.params == {"epochs": 2, "verbose": 0}

    @pytest.mark.parametrize("given", [None, [], (), Callback(), CallbackList([Callback()])])
    def test_forms(self, given):
        hooks = configure(given, Model())
        assert len(hooks.callbacks) == (2 if given else 1)

    def test_validation_data(self):
        callback = Callback()
        configure([callback], Model(), validation_data=[1, 2])
        assert callback.validation_data == [1, 2]

    def test_other_modes(self):
        model = Model()
        model.history = "as it was"
        hooks = configure([Callback()], model, mode="test")
        assert len(hooks.callbacks) == 1 and model.history == "as it was"


class TestHistory:
    def test_keeps_epochs(self):
        epochs = [{"loss": 2.0, "accuracy": 0.5}, {"loss": 1.0, "accuracy": 0.75}]
        history = train(Model(), [], epochs)
        assert history.epoch == [0, 1]
        assert history.history == {"loss": [2.0, 1.0], "accuracy": [0.5, 0.75]}
        assert history.history["acc"] == [0.5, 0.75]

    def test_sees_what_callbacks_log(self):
        adds = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(mine=epoch))
        assert train(Model(), [adds], values("loss", 1, 2)).history["mine"] == [0, 1]


class TestBaseLogger:
    def test_means_by_size(self):
        logger = BaseLogger(stateful_metrics=["accuracy"])
        logger.set_params({"metrics": ["loss", "accuracy", "val_loss"]})
        logger.on_epoch_begin(0)
        logger.on_batch_end(0, {"size": 1, "loss": 4.0, "accuracy": 0.25})
        logger.on_batch_end(1, {"size": 3, "loss": 8.0, "accuracy": 0.5})
        logs = {"val_loss": 3.0}
        logger.on_epoch_end(0, logs)
        assert logs == {"val_loss": 3.0, "loss": 7.0, "accuracy": 0.5}
        logger.on_epoch_begin(1)
        logger.on_batch_end(0, {"size": 1, "loss": 1.0})
        assert logger.means()["loss"] == 1.0


class TestTerminateOnNaN:
    @pytest.mark.parametrize("loss", [np.nan, np.inf])
    def test_stops(self, capsys, loss):
        model = Model()
        train(model, [TerminateOnNaN()], values("loss", 1.0, loss, 1.0))
        assert model.history.epoch == [0, 1]
        assert capsys.readouterr().out == "Batch 0: Invalid loss, terminating training\n"

    def test_no_loss(self):
        assert train(Model(), [TerminateOnNaN()], [{}, {}]).epoch == [0, 1]


class TestLambdaCallback:
    def test_functions(self):
        seen = []
        callback = LambdaCallback(
            on_train_begin=lambda logs: seen.append("begin"),
            on_epoch_begin=lambda epoch, logs: seen.append(epoch),
            on_batch_begin=lambda batch, logs: seen.append(logs["size"]),
            on_test_begin=lambda logs: seen.append("test"),
            anything=3,
        )
        train(Model(), [callback], values("loss", 1))
        CallbackList([callback]).on_test_begin()
        assert seen == ["begin", 0, 10, "test"]
        assert callback.anything == 3

"""`train_on_batch` and its kin, with as little around the step as can be."""

from ..backend.values import as_list
from ..callbacks.logs import Number
from ..variable import as_numpy, to_numpy
from . import loop
from .arrays import array_inputs
from .data import adapt_arrays, check_batch, model_device, on_device
from .drawn import draw, is_drawn
from .plain import plain_batch, register_plain
from .step import PredictStep, TrainStep

__all__ = ["OneBatchMethods"]


class _OnLists:
    """A method for one batch as a function of one list: inputs, targets, sample weights if any.

    That function gives a list, too. A learning phase at the end of its list is left out. Scripts
    set the attribute to None when they have changed what a step does, which is noticed anyway.
    """

    def __init__(self, method, with_targets=True):
        self.method, self.with_targets = method, with_targets

    def __get__(self, model, owner):
        if model is None:
            return self

        def function(inputs):
            xs, ys = len(model._feed_inputs), len(model._compiled.fed) if self.with_targets else 0
            x, y, w = inputs[:xs], inputs[xs : xs + ys], inputs[xs + ys : xs + 2 * ys]
            return as_list(getattr(model, self.method)(x, *([y, w] if self.with_targets else [])))

        return function

    def __set__(self, model, value):
        if value is not None:
            raise AttributeError(
                f"Model {model.name}: a step cannot be replaced by {value!r}. Call your own "
                f"function, or override `{self.method}`."
            )


class OneBatchMethods:
    """Methods of `Model` that work on a single batch."""

    def train_on_batch(self, x, y, sample_weight=None, class_weight=None, reset_metrics=True):
        """One gradient step: the loss, or [loss, metrics...], of this batch."""
        if sample_weight is None and class_weight is None:
            key = (TrainStep, id(self.optimizer))
            step, batch = plain_batch(vars(self).get("_steps"), key, x, y)
            if step is not None:
                return self._report(step(batch), reset_metrics)
        if is_drawn(x, y, sample_weight):
            x, y, sample_weight = next(draw(x, y, sample_weight))
        self._prepare(x)
        batch, weighted, samples = adapt_arrays(self, x, y, sample_weight, class_weight)
        check_batch(self, samples)
        step = self._train_step(weighted)
        batch = on_device(batch, model_device(self))
        found = self._report(step(batch), reset_metrics)
        register_plain(self, self._steps, (TrainStep, id(self.optimizer)), step, batch, x, y)
        return found

    def test_on_batch(self, x, y, sample_weight=None, reset_metrics=True):
        """The loss, or [loss, metrics...], of one batch."""
        if is_drawn(x, y, sample_weight):
            x, y, sample_weight = next(draw(x, y, sample_weight))
        self._prepare(x)
        batch, weighted, samples = adapt_arrays(self, x, y, sample_weight, None)
        check_batch(self, samples)
        step = self._test_step(weighted)
        with loop.inference(step):
            loss = step(on_device(batch, model_device(self)))
        return self._report(loss, reset_metrics)

    def predict_on_batch(self, x):
        """The outputs for one batch."""
        step, batch = plain_batch(vars(self).get("_functions"), (PredictStep,), x)
        if step is None:
            (x,) = next(draw(x)) if is_drawn(x) else (x,)
            self._build_for_data(x)
            batch, step = on_device(array_inputs(self, x), model_device(self)), self._predict_step()
            # As in Keras, inputs may differ in length here: some models repeat the shorter ones.
            check_batch(self, len(batch[0]) if batch else None)
            register_plain(self, self._functions, (PredictStep,), step, batch, x)
        return self._predicted(step, batch)

    train_function = _OnLists("train_on_batch")
    test_function = _OnLists("test_on_batch")
    predict_function = _OnLists("predict_on_batch", with_targets=False)

    def _make_train_function(self):
        """Makes the training step, and gives the optimizer its weights."""
        self._require_compiled()
        self._train_step((False,) * len(self._compiled.trained))

    def _make_test_function(self):
        """Makes the step of `evaluate`, which would be made when it is first needed."""
        self._require_compiled()
        self._test_step((False,) * len(self._compiled.trained))

    def _make_predict_function(self):
        """Makes the step of `predict`, as scripts do before they start threads."""
        self._predict_step()

    def _predicted(self, step, batch):
        """Outputs of a step as arrays that share memory with nothing else."""
        with loop.inference(step):
            found = step(batch)
        if step.aliases or step.lowered.needs_grad or not found[0].is_cpu:
            found = [to_numpy(out) for out in found]
        else:
            found = [as_numpy(out) for out in found]
        return found[0] if len(found) == 1 else found

    def _report(self, loss, reset):
        """The loss and the metrics as numbers."""
        results = loop.results_of(self)
        if not results.metrics:
            return Number(loss.item())
        found = [Number(loss.item()), *results.metric_values()]
        if reset:
            results.reset()
        return found

"""`train_on_batch` and its kin, with as little around the step as can be."""

from ..backend.values import as_list
from ..callbacks.logs import Number
from ..variable import as_numpy, to_numpy
from . import loop
from .arrays import array_inputs
from .data import adapt_arrays, check_batch, model_device, on_device
from .drawn import draw, is_drawn
from .plain import plain_batch, register_plain
from .replaced import ReplacedStep
from .step import GatheringStep, PredictStep, TestStep, TracedStep, TrainStep

__all__ = ["OneBatchMethods"]


class _OnLists:
    """A method for one batch as a function of one list: inputs, targets, sample weights if any.

    That function gives a list, too, and leaves metrics as they become. A learning phase at the end
    of its list is left out. As in Keras, there is None before the model is trained, or a method
    such as `_make_train_function` called. Scripts set the attribute to None when they have changed
    what a step does, which is noticed anyway; a `train_function` of their own takes its place.
    """

    def __init__(self, method, is_made, with_targets=True):
        self.method, self.is_made, self.with_targets = method, is_made, with_targets

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, model, owner):
        if model is None:
            return self
        steps = vars(model).get("_steps", {})
        if self.name in steps:
            return steps[self.name]
        if not self.is_made(model):
            if model._compiled is None:
                raise AttributeError(f"Model {model.name} has no `{self.name}` yet: compile it.")
            return None

        def function(inputs):
            xs, ys = len(model._feed_inputs), len(model._compiled.fed) if self.with_targets else 0
            x, y, w = inputs[:xs], inputs[xs : xs + ys], inputs[xs + ys : xs + 2 * ys]
            call = getattr(model, self.method)
            return as_list(call(x, y, w, reset_metrics=False) if self.with_targets else call(x))

        return function

    def __set__(self, model, value):
        if value is not None and self.name != "train_function":
            raise AttributeError(
                f"Model {model.name}: `{self.name}` cannot be replaced by {value!r}. Call your own "
                f"function, or override `{self.method}`."
            )
        model._steps.pop(self.name, None)
        if value is not None:
            model._steps[self.name] = value


def _has_step(*kinds):
    def has_step(model):
        keys = vars(model).get("_steps", ())
        return any(key[0] in kinds for key in keys if isinstance(key, tuple))

    return has_step


class OneBatchMethods:
    """Methods of `Model` that work on a single batch."""

    def train_on_batch(self, x, y, sample_weight=None, class_weight=None, reset_metrics=True):
        """One gradient step: the loss, or [loss, metrics...], of this batch."""
        steps = vars(self).get("_steps", {})
        if sample_weight is class_weight is None and "train_function" not in steps:
            key = (TrainStep, id(self.optimizer))
            step, batch = plain_batch(steps, key, x, y)
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
        if not isinstance(step, ReplacedStep):
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

    train_function = _OnLists("train_on_batch", _has_step(TrainStep, GatheringStep, TracedStep))
    test_function = _OnLists("test_on_batch", _has_step(TestStep))
    predict_function = _OnLists(
        "predict_on_batch", lambda model: "predict" in model._functions, False
    )

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

"""`compile`, `fit`, `evaluate`, `predict` and their kin: the training half of `Model`."""

import warnings

import numpy as np

from .. import optimizers
from . import loop
from .arrays import array_inputs
from .compile import Compiled
from .data import ArrayBatches, adapt_arrays, model_device
from .step import PredictStep, TestStep, TrainStep

__all__ = ["TrainingMethods"]


class TrainingMethods:
    """Methods that `Model` inherits. State: `optimizer`, `_compiled`, and the lowered steps."""

    optimizer = None
    history = None
    stop_training = False
    _compiled = None

    # ---- compile ----

    def compile(
        self,
        optimizer,
        loss=None,
        metrics=None,
        loss_weights=None,
        sample_weight_mode=None,
        weighted_metrics=None,
        target_tensors=None,
        **kwargs,
    ):
        """Configures training: optimizer, losses, metrics, as names, functions or objects.

        Lists and dictionaries give one for each output. The weights that are trainable now are
        those that training will change. Raises `ValueError` for names and lengths that do not fit.
        """
        if kwargs:
            raise TypeError(f"compile: unrecognized keyword arguments: {kwargs}")
        self.optimizer = optimizers.get(optimizer)
        self.loss = [] if loss is None else loss
        self.loss_weights, self.sample_weight_mode = loss_weights, sample_weight_mode
        self._compile_arguments = (
            loss,
            metrics,
            loss_weights,
            sample_weight_mode,
            weighted_metrics,
            target_tensors,
        )
        self._compile_metrics, self._compile_weighted_metrics = metrics, weighted_metrics
        self._compiled = None
        self._is_compiled = True
        if self.outputs:
            self._finish_compile()

    def _finish_compile(self):
        self._compiled = Compiled(self, *self._compile_arguments)
        self._steps = {}
        self._collected_trainable_weights = self._compiled.trainable
        self._compiled.objective([False] * len(self._compiled.fed))

    def _require_compiled(self):
        if self.optimizer is None:
            raise RuntimeError(
                "You must compile a model before training/testing. Use "
                "`model.compile(optimizer, loss)`."
            )
        if self._compiled is None:
            self._finish_compile()

    def _step(self, kind, weighted):
        key = (kind, tuple(weighted))
        if kind is TrainStep:
            key += (id(self.optimizer),)
        if key not in self._steps:
            self._steps[key] = kind(self, weighted)
        return self._steps[key]

    def _train_step(self, weighted):
        self._warn_if_trainable_changed()
        return self._step(TrainStep, weighted)

    def _test_step(self, weighted):
        return self._step(TestStep, weighted)

    def _predict_step(self):
        if "predict" not in self._functions:
            self._functions["predict"] = PredictStep(self)
        return self._functions["predict"]

    def _warn_if_trainable_changed(self):
        if {id(w) for w in self.trainable_weights} != {id(w) for w in self._compiled.trainable}:
            warnings.warn(
                "Discrepancy between trainable weights and collected trainable weights, did you "
                "set `model.trainable` without calling `model.compile` after?",
                stacklevel=3,
            )

    @property
    def metrics_names(self):
        """Names of the values that training reports, "loss" first."""
        return self._compiled.metrics_names if self._compiled else ["loss"]

    @property
    def metrics(self):
        """The metric objects."""
        return self._compiled.metrics if self._compiled else []

    @property
    def total_loss(self):
        """The symbolic loss; feed `inputs`, `targets` and `sample_weights` to compute it."""
        self._require_compiled()
        return self._compiled.objective()[0]

    @property
    def targets(self):
        """Symbolic targets of the outputs that have a loss."""
        return [e.target for e in self._compiled.trained]

    @property
    def sample_weights(self):
        """Symbolic sample weights of the outputs that have a loss."""
        return [e.sample_weight for e in self._compiled.trained]

    # ---- fit, evaluate, predict ----

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_freq=1,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        **kwargs,
    ):
        """Trains for a number of epochs; gives the `History` callback.

        `validation_split` takes the last part of the data, before shuffling. Raises
        `RuntimeError` if the model is not compiled, `ValueError` for data that do not fit it.
        """
        epochs = _legacy_epochs(epochs, kwargs)
        self._prepare(x, validation_data)
        tensors, weighted, samples = adapt_arrays(self, x, y, sample_weight, class_weight)
        validation = None
        if validation_data is not None:
            vx, vy, vw = _validation_parts(validation_data)
            parts = adapt_arrays(self, vx, vy, vw, None)
            validation = ArrayBatches(*parts, batch_size or 32, steps=validation_steps)
        elif validation_split and 0.0 < validation_split < 1.0:
            at = int(samples * (1.0 - validation_split))
            held = [t[at:] for t in tensors]
            tensors, samples_held, samples = [t[:at] for t in tensors], samples - at, at
            validation = ArrayBatches(held, weighted, samples_held, batch_size or 32)
        train = ArrayBatches(tensors, weighted, samples, batch_size or 32, shuffle, steps_per_epoch)
        return loop.fit(
            self, train, validation, epochs, initial_epoch, verbose, callbacks, validation_freq
        )

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose=1,
        sample_weight=None,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
    ):
        """The loss, and the metrics if any, over the data: a float or a list in the order of
        `metrics_names`."""
        self._prepare(x)
        tensors, weighted, samples = adapt_arrays(self, x, y, sample_weight, None)
        batches = ArrayBatches(tensors, weighted, samples, batch_size or 32, steps=steps)
        hooks = self._hooks(callbacks, batches, verbose, "test")
        found = list(loop.evaluate(self, batches, None, hooks).values())
        return found[0] if len(found) == 1 else found

    def predict(
        self,
        x,
        batch_size=None,
        verbose=0,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
    ):
        """The outputs for the data: an array, or a list of arrays for several outputs."""
        self._build_for(x)
        tensors, weighted, samples = adapt_arrays(self, x, None, None, None, with_targets=False)
        batches = ArrayBatches(tensors, weighted, samples, batch_size or 32, steps=steps)
        found = loop.predict(self, batches, self._hooks(callbacks, batches, verbose, "predict"))
        if steps is not None:
            found = [np.concatenate([f] * steps) if len(f) == samples else f for f in found]
        return found[0] if len(found) == 1 else found

    def _hooks(self, callbacks, batches, verbose, mode):
        """Callbacks for `evaluate` or `predict`, None if there are none to call."""
        if not callbacks and not verbose:
            return None
        return loop.cbks.configure(
            callbacks,
            self,
            steps=batches.steps,
            samples=batches.samples,
            batch_size=batches.batch_size,
            verbose=verbose,
            metrics=self.metrics_names,
            count_mode="samples",
            mode=mode,
        )

    # ---- one batch ----

    def train_on_batch(self, x, y, sample_weight=None, class_weight=None, reset_metrics=True):
        """One gradient step: the loss, or [loss, metrics...], of this batch."""
        self._prepare(x)
        batch, weighted, _ = adapt_arrays(self, x, y, sample_weight, class_weight)
        return self._report(self._train_step(weighted)(batch), reset_metrics)

    def test_on_batch(self, x, y, sample_weight=None, reset_metrics=True):
        """The loss, or [loss, metrics...], of one batch."""
        self._prepare(x)
        batch, weighted, _ = adapt_arrays(self, x, y, sample_weight, None)
        step = self._test_step(weighted)
        with loop.inference(step):
            loss = step(batch)
        return self._report(loss, reset_metrics)

    def predict_on_batch(self, x):
        """The outputs for one batch."""
        self._build_for(x)
        device = model_device(self)
        batch = [t.to(device) for t in array_inputs(self, x)]
        step = self._predict_step()
        with loop.inference(step):
            found = [out.detach().cpu().numpy() for out in step(batch)]
        return found[0] if len(found) == 1 else found

    def _report(self, loss, reset):
        if not self._compiled.metrics:
            return float(loss)
        if "results" not in self._steps:
            self._steps["results"] = loop.Results(self._compiled)
        results = self._steps["results"]
        found = [float(loss), *results.metric_values()]
        if reset:
            results.reset()
        return found

    def reset_metrics(self):
        """Metrics start anew."""
        for metric in self.metrics:
            metric.reset_states()

    # ---- helpers ----

    def _prepare(self, x, *more):
        self._build_for(x)
        self._require_compiled()

    def _build_for(self, x):
        """Builds a model without input shape for the data at hand."""
        if self.inputs is None:
            data = x if isinstance(x, (list, tuple)) else list(x.values()) if isinstance(x, dict) else [x]
            self._ensure_inputs([d if hasattr(d, "shape") else np.asarray(d) for d in data])


def _legacy_epochs(epochs, kwargs):
    if "nb_epoch" in kwargs:
        warnings.warn("The `nb_epoch` argument in `fit` has been renamed `epochs`.", stacklevel=4)
        epochs = kwargs.pop("nb_epoch")
    if kwargs:
        raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
    return epochs


def _validation_parts(data):
    if isinstance(data, (list, tuple)) and len(data) in (2, 3):
        return (*data, None)[:3]
    found = len(data) if isinstance(data, (list, tuple)) else type(data).__name__
    raise ValueError(
        "When passing validation_data, it must contain 2 (x_val, y_val) or 3 (x_val, y_val, "
        f"val_sample_weights) items, however it contains {found} items"
    )

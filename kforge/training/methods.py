"""`compile`, `fit`, `evaluate`, `predict` and their kin: the training half of `Model`."""

import dataclasses
import warnings

import numpy as np

from .. import optimizers
from . import loop
from .compile import Compiled
from .data import ArrayBatches, adapt_arrays, model_device
from .gathering import Gathering
from .one_batch import OneBatchMethods, plain_batch, register_plain
from .options import Options
from .step import GatheringStep, PredictStep, TestStep, TrainStep
from .streams import DiskBatches, StreamBatches, is_on_disk, is_stream, peek

__all__ = ["TrainingMethods", "refuse"]


class TrainingMethods(OneBatchMethods):
    """Methods that `Model` inherits. State: `optimizer`, `_compiled`, and the lowered steps."""

    optimizer = None
    history = None
    stop_training = False
    _compiled = None
    _options = Options()

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

        Keywords beyond Keras's make training faster or smaller (`kforge.training.options`):
        `accumulate_steps` batches make one step of the optimizer, with their mean gradient; an
        epoch that ends in between takes a step with what there is. `precision="bf16"` or "fp16"
        runs the model under autocast, with losses and metrics in float32. `jit="compile"` compiles
        the training step's forward and backward pass with `torch.compile`, `jit="cudagraph"`
        replays them as a CUDA graph.
        """
        known = {f.name for f in dataclasses.fields(Options)}
        unknown = {name: value for name, value in kwargs.items() if name not in known}
        if unknown:
            raise TypeError(f"compile: unrecognized keyword arguments: {unknown}")
        options = Options(**kwargs)
        chosen = optimizers.get(optimizer)
        arguments = (
            loss,
            metrics,
            loss_weights,
            sample_weight_mode,
            weighted_metrics,
            target_tensors,
        )
        compiled = Compiled(self, *arguments) if self.outputs else None
        if options != self._options and self.outputs:
            self._functions = {}
        self._options = options
        self.optimizer, self._compile_arguments = chosen, arguments
        self.loss = [] if loss is None else loss
        self.loss_weights, self.sample_weight_mode = loss_weights, sample_weight_mode
        self._compile_metrics, self._compile_weighted_metrics = metrics, weighted_metrics
        self._is_compiled = True
        self._adopt(compiled)

    def _adopt(self, compiled):
        self._compiled, self._steps = compiled, {}
        if compiled is not None:
            self._collected_trainable_weights = compiled.trainable

    def _require_compiled(self):
        if self.optimizer is None:
            raise RuntimeError(
                "You must compile a model before training/testing. Use "
                "`model.compile(optimizer, loss)`."
            )
        if self._compiled is None:
            self._adopt(Compiled(self, *self._compile_arguments))

    def _step(self, kind, weighted):
        key = (kind, tuple(weighted))
        if issubclass(kind, TrainStep):
            key += (id(self.optimizer),)
        if key not in self._steps:
            self._steps[key] = kind(self, weighted)
        return self._steps[key]

    def _train_step(self, weighted):
        self._warn_if_trainable_changed()
        return self._step(GatheringStep if self._options.gathers else TrainStep, weighted)

    def _gathering(self, apply=None, params=()):
        """Where gradients wait for the optimizer, common to all steps; None if they do not."""
        key = ("gathering", id(self.optimizer))
        if key not in self._steps and apply is not None:
            device = model_device(self).type
            self._steps[key] = Gathering(apply, params, device, self._options)
        return self._steps.get(key)

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
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        options = (max_queue_size, workers, use_multiprocessing)
        if is_stream(x):
            refuse(y=y, sample_weight=sample_weight, validation_split=validation_split)
            _refuse_batch_size(batch_size)
            x = self._stream(x, steps_per_epoch, "steps_per_epoch", *options, class_weight, shuffle)
        train, validation = self._batches(
            x,
            y,
            sample_weight,
            class_weight,
            batch_size,
            shuffle,
            steps_per_epoch,
            validation_split,
        )
        if validation_data is not None:
            validation = self._validation(
                validation_data, batch_size, validation_steps, options, train
            )
        if verbose and validation is not None and not train.counts_steps and validation.samples:
            print(f"Train on {train.samples} samples, validate on {validation.samples} samples")
        return loop.fit(
            self, train, validation, epochs, initial_epoch, verbose, callbacks, validation_freq
        )

    def _stream(self, source, steps, what, queue=10, workers=1, processes=False, *more, **options):
        """Batches of a generator, Sequence, DataLoader or Dataset; the model is built for them."""
        class_weight, shuffle = more or (None, False)
        if self.inputs is None:
            first, source = peek(source)
            self._build_for(first)
        if options.get("with_targets", True):
            self._require_compiled()
        return StreamBatches(
            self,
            source,
            steps,
            what,
            class_weight,
            shuffle,
            workers,
            processes,
            queue,
            **options,
        )

    def _batches(self, x, y, sample_weight, class_weight, batch_size, shuffle, steps, split=0.0):
        """(training batches, validation batches or None) of arrays; batches stay as they are."""
        if isinstance(x, StreamBatches):
            return x, None
        self._prepare(x)
        size = self._batch_size(batch_size, steps)
        if is_on_disk(x) or is_on_disk(y):
            if split:
                raise ValueError(
                    "`validation_split` needs arrays in memory; pass `validation_data` instead, "
                    "such as HDF5Matrix(path, name, start, end)."
                )
            return DiskBatches(self, x, y, sample_weight, class_weight, size, shuffle, steps), None
        tensors, weighted, samples = adapt_arrays(self, x, y, sample_weight, class_weight)
        if not samples:
            raise ValueError("There are no samples: the arrays have length 0.")
        if not split or not 0.0 < split < 1.0:
            return ArrayBatches(tensors, weighted, samples, size, shuffle, steps), None
        at = int(samples * (1.0 - split))
        if at in (0, samples):
            raise ValueError(
                f"`validation_split={split}` of {samples} samples leaves {at} to train on and "
                f"{samples - at} to validate on; each must have some."
            )
        held = ArrayBatches([t[at:] for t in tensors], weighted, samples - at, size)
        return ArrayBatches([t[:at] for t in tensors], weighted, at, size, shuffle, steps), held

    def _batch_size(self, given, steps=None):
        """What was given, else the size that the inputs demand, else 32."""
        if given is not None and steps is not None:
            raise ValueError("If `steps` is set, the `batch_size` must be None.")
        if given is not None and (given != int(given) or given < 1):
            raise ValueError(f"`batch_size` must be a positive integer; got {given!r}.")
        fixed = self.inputs[0].shape[0]
        if given is not None and fixed and given != fixed:
            raise ValueError(
                f"The `batch_size` argument value {given} is incompatible with the specified batch "
                f"size of your Input Layer: {fixed}"
            )
        return int(given or fixed or 32)

    def _validation(self, data, batch_size, steps, options, train):
        if is_stream(data):
            return self._stream(data, steps, "validation_steps", *options)
        if isinstance(train, StreamBatches):
            steps = None  # as in Keras: arrays are seen as a whole
        elif steps is not None and not train.counts_steps:
            raise ValueError(
                "Can only use `validation_steps` when doing step-wise training, i.e. "
                "`steps_per_epoch` must be set."
            )
        x, y, w = _validation_parts(data)
        return self._batches(x, y, w, None, batch_size, False, steps)[0]

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
        if is_stream(x):
            refuse(y=y, sample_weight=sample_weight)
            _refuse_batch_size(batch_size)
            x = self._stream(x, steps, "steps", max_queue_size, workers, use_multiprocessing)
        batches, _ = self._batches(x, y, sample_weight, None, batch_size, False, steps)
        hooks = self._hooks(callbacks, batches, verbose, "test")
        with batches.running():
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
        if not (verbose or callbacks or steps):
            step, batch = plain_batch(vars(self).get("_functions"), (PredictStep,), x)
            if step is not None and len(batch[0]) <= (batch_size or 32):
                return self._predicted(step, batch)
        if is_stream(x):
            _refuse_batch_size(batch_size)
            options = (max_queue_size, workers, use_multiprocessing)
            batches = self._stream(x, steps, "steps", *options, with_targets=False)
        else:
            self._build_for(x)
            size = self._batch_size(batch_size, steps)
            if is_on_disk(x):
                batches = DiskBatches(self, x, None, None, None, size, False, steps)
            else:
                parts = adapt_arrays(self, x, None, None, None, with_targets=False)
                batches = ArrayBatches(*parts, size, steps=steps)
                step = self._predict_step()
                register_plain(self, self._functions, (PredictStep,), step, batches.tensors, x)
        with batches.running():
            found = loop.predict(self, batches, self._hooks(callbacks, batches, verbose, "predict"))
        return found[0] if len(found) == 1 else found

    def fit_generator(
        self,
        generator,
        steps_per_epoch=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_data=None,
        validation_steps=None,
        validation_freq=1,
        class_weight=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        shuffle=True,
        initial_epoch=0,
    ):
        """`fit` on a generator of batches, a `Sequence`, or a DataLoader."""
        return self.fit(
            _as_stream(generator),
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    def evaluate_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
    ):
        """`evaluate` on a generator of batches."""
        return self.evaluate(
            _as_stream(generator),
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

    def predict_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
    ):
        """`predict` on a generator of batches of inputs; targets in them are left out."""
        return self.predict(
            _as_stream(generator),
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
            max_queue_size=max_queue_size,
            workers=workers,
            use_multiprocessing=use_multiprocessing,
        )

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
            count_mode="steps" if batches.counts_steps else "samples",
            mode=mode,
        )

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
            data = (
                x
                if isinstance(x, (list, tuple))
                else list(x.values())
                if isinstance(x, dict)
                else [x]
            )
            self._ensure_inputs([d if hasattr(d, "shape") else np.asarray(d) for d in data])


def refuse(**given):
    """Refuses arguments that a stream brings itself."""
    for name, value in given.items():
        if value is not None and not (np.isscalar(value) and value == 0):
            raise ValueError(f"`{name}` argument is not supported when using a generator as input.")


def _as_stream(source):
    """A stream as `fit` knows it; any iterable is taken as a generator."""
    return source if is_stream(source) else iter(source)


def _refuse_batch_size(batch_size):
    if batch_size is not None:
        raise ValueError(
            "The `batch_size` argument must not be specified when using a generator or Sequence as "
            "an input."
        )


def _validation_parts(data):
    if isinstance(data, (list, tuple)) and len(data) in (2, 3):
        return (*data, None)[:3]
    found = len(data) if isinstance(data, (list, tuple)) else type(data).__name__
    raise ValueError(
        "When passing validation_data, it must contain 2 (x_val, y_val) or 3 (x_val, y_val, "
        f"val_sample_weights) items, however it contains {found} items"
    )

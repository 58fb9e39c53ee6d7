"""`compile`, `fit`, `evaluate`, `predict` and their kin: the training half of `Model`."""

import numpy as np

from ..backend.values import as_list
from . import loop
from .compile_methods import CompileMethods
from .data import ArrayBatches, adapt_arrays, model_device
from .disk import DiskBatches, is_read_by_rows
from .drawn import draw, is_drawn
from .one_batch import OneBatchMethods
from .plain import plain_batch, register_plain
from .rate_search import search_rate
from .step import PredictStep
from .streams import StreamBatches, has_length, is_dataset, is_stream, peek

__all__ = ["TrainingMethods", "refuse"]


class TrainingMethods(CompileMethods, OneBatchMethods):
    """Methods that `Model` inherits."""

    history = None
    stop_training = False

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
        queue = _queue(max_queue_size, workers, use_multiprocessing)
        if is_drawn(x, y, sample_weight):
            options = {"class_weight": class_weight, "split": validation_split}
            x = self._drawn((x, y, sample_weight), steps_per_epoch, "steps_per_epoch", **options)
            y = sample_weight = None
        elif is_stream(x):
            refuse(y=y, sample_weight=sample_weight, validation_split=validation_split)
            _refuse_batch_size(x, batch_size)
            options = {"class_weight": class_weight, "shuffle": shuffle, "batch_size": batch_size}
            x = self._stream(x, steps_per_epoch, "steps_per_epoch", **queue, **options)
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
        if validation_steps and validation_data is None and not self._takes_data:
            validation_data = None, None
        if validation_data is not None:
            validation = self._validation(
                validation_data, batch_size, validation_steps, queue, train
            )
        if verbose and validation is not None and not train.counts_steps and validation.samples:
            print(f"Train on {train.samples} samples, validate on {validation.samples} samples")
        return loop.fit(
            self, train, validation, epochs, initial_epoch, verbose, callbacks, validation_freq
        )

    def _stream(self, source, steps, what, **options):
        """Batches of a generator, Sequence, DataLoader or Dataset; the model is built for them.

        `what` is the argument that `steps` came as; `options` are those of `StreamBatches`.
        """
        if self.inputs is None:
            first, source = peek(source)
            self._build_for_data(first)
        if options.get("with_targets", True):
            self._require_compiled()
        return StreamBatches(self, source, steps, what, **options)

    def _drawn(self, data, steps, what, split=0.0, **options):
        """Batches that are computed from data with symbolic tensors."""
        if split:
            raise ValueError(
                "If your data is in the form of symbolic tensors, you cannot use "
                "`validation_split`."
            )
        if steps is None:
            raise ValueError(
                "If your data is in the form of symbolic tensors, you should specify the "
                f"`{what}` argument (instead of the `batch_size` argument, since the tensors are "
                "whole batches)."
            )
        found = self._stream(draw(*data), steps, what, workers=0, **options)
        found.last_loss = False
        return found

    @property
    def _takes_data(self):
        """Whether inputs or targets are fed."""
        return bool(self.inputs is None or self._feed_inputs or self._compiled.fed)

    def _batches(self, x, y, sample_weight, class_weight, batch_size, shuffle, steps, split=0.0):
        """(training batches, validation batches or None) of arrays; batches stay as they are."""
        if isinstance(x, StreamBatches):
            return x, None
        self._prepare(x)
        size = self._batch_size(batch_size, steps)
        if is_read_by_rows(x) or is_read_by_rows(y):
            parts = self, x, y, sample_weight, class_weight, size
            batches = DiskBatches(*parts, shuffle, steps)
            at = _split(batches.samples, split)
            if at is None:
                return batches, None
            held = DiskBatches(*parts, rows=range(at, batches.samples))
            return DiskBatches(*parts, shuffle, steps, rows=range(at)), held
        tensors, weighted, samples = adapt_arrays(self, x, y, sample_weight, class_weight)
        _check_steps(samples, steps)
        if self.stateful and batch_size is None and steps is None and samples % 32:
            raise ValueError(
                "In a stateful network, you should only pass inputs with a number of samples that "
                f"can be divided by the batch size. Found: {samples} samples. Batch size: 32, the "
                f"default; pass `batch_size={size}`."
            )
        if samples == 0:
            raise ValueError("There are no samples: the arrays have length 0.")
        at, device = _split(samples, split), model_device(self)
        if at is None:
            return ArrayBatches(tensors, weighted, samples, size, device, shuffle, steps), None
        parts, held = [t[:at] for t in tensors], [t[at:] for t in tensors]
        train = ArrayBatches(parts, weighted, at, size, device, shuffle, steps)
        return train, ArrayBatches(held, weighted, samples - at, size, device)

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

    def _validation(self, data, batch_size, steps, queue, train):
        if is_stream(data):
            return self._stream(data, steps, "validation_steps", batch_size=batch_size, **queue)
        x, y, w = _validation_parts(data)
        if is_drawn(x, y, w):
            return self._drawn((x, y, w), steps, "validation_steps")
        if isinstance(train, StreamBatches):
            steps = None  # as in Keras: arrays are seen as a whole
            batch_size = self._batch_size(batch_size)
        elif steps is not None and not train.counts_steps:
            raise ValueError(
                "Can only use `validation_steps` when doing step-wise training, i.e. "
                "`steps_per_epoch` must be set."
            )
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
        if is_drawn(x, y, sample_weight):
            x = self._drawn((x, y, sample_weight), steps, "steps")
        elif is_stream(x):
            refuse(y=y, sample_weight=sample_weight)
            _refuse_batch_size(x, batch_size)
            queue = _queue(max_queue_size, workers, use_multiprocessing)
            x = self._stream(x, steps, "steps", batch_size=batch_size, **queue)
        batches, _ = self._batches(x, y, sample_weight, None, batch_size, False, steps)
        hooks = self._hooks(callbacks, batches, verbose, "test")
        with batches.running():
            found = loop.evaluate(self, batches, None, hooks)
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
            if step is not None and batch[0].shape[0] <= (batch_size or 32):
                return self._predicted(step, batch)
        if is_drawn(x):
            batches = self._drawn((x, None), steps, "steps", with_targets=False)
        elif is_stream(x):
            _refuse_batch_size(x, batch_size)
            queue = _queue(max_queue_size, workers, use_multiprocessing)
            options = {"batch_size": batch_size, "with_targets": False}
            batches = self._stream(x, steps, "steps", **queue, **options)
        else:
            self._build_for_data(x)
            size = self._batch_size(batch_size, steps)
            if is_read_by_rows(x):
                options = {"batch_size": size, "steps": steps, "with_targets": False}
                batches = DiskBatches(self, x, **options)
            else:
                parts = adapt_arrays(self, x, None, None, None, with_targets=False)
                _check_steps(parts[-1], steps)
                batches = ArrayBatches(*parts, size, model_device(self), steps=steps)
                step = self._predict_step()
                register_plain(self, self._functions, (PredictStep,), step, batches.tensors, x)
        with batches.running():
            found = loop.predict(self, batches, self._hooks(callbacks, batches, verbose, "predict"))
        return found[0] if len(found) == 1 else found

    def lr_find(
        self,
        x=None,
        y=None,
        batch_size=None,
        start_lr=1e-7,
        end_lr=10.0,
        steps=100,
        sample_weight=None,
        class_weight=None,
        shuffle=True,
        smoothing=0.95,
        divergence=4.0,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
    ):
        """Looks for a learning rate: `steps` training steps at rates that grow from `start_lr` to
        `end_lr` in equal ratios (Smith, arXiv:1506.01186).

        Data are what `fit` takes, seen again when they end. The search ends early when the loss,
        smoothed with weight `smoothing`, passes `divergence` times its minimum. The model, its
        optimizer and all random numbers are then as before; of a generator, batches are gone.
        Gives a `RateSearch` with `learning_rates`, `losses`, `suggestion` and `plot()`.

        >>> found = model.lr_find(x, y)
        >>> model.optimizer.lr = found.suggestion
        """
        if not (0 < start_lr < end_lr and steps > 1):
            raise ValueError(
                "lr_find needs 0 < start_lr < end_lr and at least 2 steps; got "
                f"start_lr={start_lr}, end_lr={end_lr}, steps={steps}."
            )
        rates = np.geomspace(start_lr, end_lr, steps)
        if is_stream(x):
            refuse(y=y, sample_weight=sample_weight)
            _refuse_batch_size(x, batch_size)
            passes = None if has_length(x) else steps * self._options.accumulate_steps
            queue = _queue(max_queue_size, workers, use_multiprocessing)
            options = {"class_weight": class_weight, "shuffle": shuffle, "batch_size": batch_size}
            x = self._stream(x, passes, "steps", **queue, **options)
        else:
            self._prepare(x)
            batch_size = self._batch_size(batch_size)
        batches, _ = self._batches(x, y, sample_weight, class_weight, batch_size, shuffle, None)
        return search_rate(self, batches, rates, smoothing, divergence)

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

    # ---- making ready ----

    def _prepare(self, x):
        self._build_for_data(x)
        self._require_compiled()

    def _build_for_data(self, x):
        """Builds a model without input shape for the data at hand."""
        if self.inputs is None:
            data = x.values() if isinstance(x, dict) else as_list(x)
            self._ensure_inputs([d if hasattr(d, "shape") else np.asarray(d) for d in data])


def refuse(**given):
    """Refuses arguments that a stream brings itself."""
    for name, value in given.items():
        if value is not None and not (np.isscalar(value) and value == 0):
            raise ValueError(f"`{name}` argument is not supported when using a generator as input.")


def _queue(max_queue_size, workers, use_multiprocessing):
    """How a stream's batches are made ahead of their time, as `StreamBatches` takes it."""
    return {
        "max_queue_size": max_queue_size,
        "workers": workers,
        "use_multiprocessing": use_multiprocessing,
    }


def _check_steps(samples, steps):
    if samples is None and steps is None:
        raise ValueError(
            "The model reads all of its data from tensors: you should specify the number of steps "
            "(`steps_per_epoch`, `steps`) instead of the `batch_size`."
        )


def _split(samples, split):
    """The number of samples to train on, None for all, where the part `split` is held out."""
    if not split or not 0.0 < split < 1.0:
        return None
    at = int(samples * (1.0 - split))
    if at in (0, samples):
        raise ValueError(
            f"`validation_split={split}` of {samples} samples leaves {at} to train on and "
            f"{samples - at} to validate on; each must have some."
        )
    return at


def _as_stream(source):
    """A stream as `fit` knows it; any iterable is taken as a generator."""
    return source if is_stream(source) else iter(source)


def _refuse_batch_size(x, batch_size):
    if batch_size is not None and not is_dataset(x):
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

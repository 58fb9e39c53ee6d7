"""The loops: one pass over batches with a step, and `fit` around it."""

import contextlib
import functools
from collections.abc import MutableMapping

import numpy as np
import torch

from .. import callbacks as cbks
from .. import lowering, parallel, tuning
from ..callbacks.logs import Number, listed
from ..compat.arguments import user_level
from ..symbolic import Symbolic
from ..variable import as_numpy
from .data import model_device
from .shared import same_everywhere

__all__ = [
    "LazyLogs",
    "Results",
    "fit",
    "predict",
    "results_of",
    "run_epoch",
    "should_run_validation",
]


# `torch.inference_mode` without its Python: a small step takes no longer than that.
_InferenceMode = torch._C._InferenceMode


class LazyLogs(MutableMapping):
    """Logs of a batch whose values are computed, and read from the device, when asked for.

    They answer to both spellings of metrics. `total` is the sum of loss times size over the
    `count` samples of the epoch so far.
    """

    def __init__(self, batch, size, results, loss, total, count):
        self._values = {"batch": batch, "size": size}
        self._results, self._loss = results, loss
        self._total, self._count = total, count

    def _fill(self):
        if self._results is not None and self._loss is not None:
            values = self._results.values(self._loss)
            self._loss = None
            self._values.update({k: v for k, v in values.items() if k not in self._values})
        return self._values

    def means(self):
        """{name: value} of the epoch so far."""
        return self._results.values(self._total / self._count)

    def sums(self):
        """(total, count) as numbers."""
        return float(self._total), self._count

    def __getitem__(self, key):
        if key in self._values:
            return self._values[key]
        found = self._fill()
        return found[listed(key, found) or key]

    def __setitem__(self, key, value):
        self._values[key] = value

    def __delitem__(self, key):
        del self._fill()[key]

    def __iter__(self):
        return iter(self._fill())

    def __len__(self):
        return len(self._fill())

    def __repr__(self):
        return repr(self._fill())

    def copy(self):
        """A dictionary of all values."""
        return dict(self._fill())


class Results:
    """The values that a compiled model reports, by name; metrics are read on demand."""

    def __init__(self, compiled):
        self.names, self.metrics = compiled.metrics_names, compiled.metrics
        self._read = None

    def values(self, loss):
        """{name: number}, `loss` being a scalar tensor or number."""
        return dict(zip(self.names, self.in_order(loss)))

    def in_order(self, loss):
        """The values in the order of `names`, in which a name may be more than once."""
        return [Number(loss), *self.metric_values()]

    def metric_values(self):
        """Current results of the metrics, in one go."""
        if not self.metrics:
            return []
        if self._read is None:
            found = [m.result() for m in self.metrics]
            self._read = (
                lowering.lower(found) if all(isinstance(f, Symbolic) for f in found) else found
            )
        if isinstance(self._read, list):
            return [_scalar(lowering.evaluate(m.result())) for m in self.metrics]
        return [_scalar(v) for v in self._read.run([])]

    def reset(self):
        """Metrics start anew."""
        for metric in self.metrics:
            metric.reset_states()


def results_of(model):
    """The `Results` of a compiled model, made once."""
    if "results" not in model._steps:
        model._steps["results"] = Results(model._compiled)
    return model._steps["results"]


def _scalar(value):
    if isinstance(value, torch.Tensor):
        value = as_numpy(value)
    return Number(value) if np.ndim(value) == 0 else np.asarray(value)


def run_epoch(
    step, batches, begin=None, end=None, results=None, should_stop=None, skip=0, sums=(0.0, 0)
):
    """Runs `step` on every batch: (sum of loss times size, number of samples, last loss).

    `begin(i, logs)` and `end(i, logs)` are called around a batch if given. Nothing is read from
    the device but what they ask of their logs. The first `skip` batches, whose `sums` of loss and
    samples are given, are left out.
    """
    total, count, loss = None, sums[1], None
    for i, batch in enumerate(batches):
        if i < skip:
            continue
        size = batch[0].shape[0] if batch else 1
        if begin is not None:
            begin(i, {"batch": i, "size": size})
        loss = step(batch)
        if total is None:
            total = torch.full((), sums[0], dtype=loss.dtype, device=loss.device)
        total.add_(loss, alpha=size)
        count += size
        if end is not None:
            end(i, LazyLogs(i, size, results, loss, total, count))
        if should_stop is not None and should_stop():
            break
    if total is None and count:
        total = torch.tensor(sums[0])
    return total, count, loss


def fit(model, train, validation, epochs, initial_epoch, verbose, callbacks, validation_freq):
    """Trains; gives the `History` callback."""
    results = results_of(model)
    names = list(results.names)
    logged = names + [f"val_{n}" for n in names] if validation is not None else names
    sizes = {"samples": train.samples, "batch_size": train.batch_size}
    hooks = cbks.configure(
        callbacks,
        model,
        **(sizes if train.samples is not None else {}),  # as in Keras, absent where not known
        do_validation=validation is not None,
        epochs=epochs,
        steps=train.steps if train.counts_steps else None,
        verbose=verbose,
        metrics=logged,
        count_mode="steps" if train.counts_steps else "samples",
        initial_epoch=initial_epoch,
        batches=train,
        validation_data=validation.arrays() if validation is not None and callbacks else None,
    )
    model.stop_training = False
    parallel.check_joined(user_level())
    if parallel.size() > 1:
        same_everywhere(model)
        parallel.same_random_numbers()
    with contextlib.ExitStack() as stack:
        stack.enter_context(train.running())
        if validation is not None:
            stack.enter_context(validation.running())
        if _keep_memory(model):
            stack.enter_context(tuning.flushing_denormals())
        _fit(model, train, validation, epochs, hooks, results, validation_freq)
    return model.history


def _keep_memory(model):
    """Whether the model is on a CPU, where blocks that one batch frees serve the next one."""
    is_on_cpu = model_device(model).type == "cpu"
    if is_on_cpu:
        tuning.keep_freed_memory()
    return is_on_cpu


def _fit(model, train, validation, epochs, hooks, results, validation_freq):
    names = results.names
    begin, end = hooks.around_batches("train")
    hooks.on_train_begin()
    # A callback may have restored a training that was interrupted.
    first = hooks.params["initial_epoch"]
    for epoch in range(first, epochs):
        if train.recounts and epoch > first:
            train.recount()
            hooks.set_params({**hooks.params, "steps": train.steps})
        skip = hooks.params.pop("initial_batch", 0), hooks.params.pop("initial_sums", (0.0, 0))
        results.reset()
        hooks.on_epoch_begin(epoch)
        step = step_for(train, model._train_step)
        if (gathering := model._gathering()) is not None:  # what an interrupted epoch left
            gathering.discard()
        total, count, _ = run_epoch(
            step, train.epoch(), begin, end, results, lambda: model.stop_training, *skip
        )
        if (gathering := model._gathering()) is not None:
            gathering.finish()
        if total is None:
            break
        values, logs = results.values(total / count), {}
        if validation is not None and should_run_validation(validation_freq, epoch):
            found = evaluate(model, validation, results, hooks)
            logs.update(zip((f"val_{n}" for n in names), found))
        hooks.on_epoch_end(epoch, {**logs, **values})
        if parallel.any_of(model.stop_training):
            break
    hooks.on_train_end()
    parallel.barrier()  # what callbacks have written can be read


def step_for(batches, make):
    """The step that `make` gives for the sample weights that come; streams tell with each batch."""
    if batches.weighted is not None:
        return make(batches.weighted)
    made = functools.cache(make)
    return lambda batch: made(batch.weighted)(batch)


def should_run_validation(validation_freq, epoch):
    """Whether to validate after epoch number `epoch`, from 0.

    `validation_freq`: every how many epochs, or the numbers, from 1, of the epochs to do it after.
    """
    if isinstance(validation_freq, int) and validation_freq > 0:
        return (epoch + 1) % validation_freq == 0
    if isinstance(validation_freq, (list, tuple, set)):
        return epoch + 1 in validation_freq
    raise ValueError(
        "`validation_freq` must be an integer of at least 1, or a list of epochs; got "
        f"{validation_freq!r}."
    )


def evaluate(model, batches, results=None, hooks=None):
    """The loss and metrics over batches, in order; nothing if there are no batches."""
    results = results or results_of(model)
    _keep_memory(model)
    begin = end = None
    if hooks is not None:
        begin, end = hooks.around_batches("test")
        hooks.on_test_begin()
    results.reset()
    step = step_for(batches, model._test_step)
    likely = batches.weighted or [False] * len(model._compiled.trained)
    with inference(model._test_step(likely)):
        total, count, last = run_epoch(step, batches.epoch(), begin, end, results)
    loss = last if batches.last_loss or total is None else total / count
    found = results.in_order(loss) if total is not None else []
    found = [float(v) if isinstance(v, Number) else v for v in found]  # as Keras gives them
    if hooks is not None:
        hooks.on_test_end()
    return found


def predict(model, batches, hooks=None):
    """A list of arrays: the outputs for all samples."""
    step = model._predict_step()
    _keep_memory(model)
    begin = end = None
    if hooks is not None:
        begin, end = hooks.around_batches("predict")
        hooks.on_predict_begin()
    held, at = None, 0
    samples = None if batches.counts_steps else batches.samples  # known: one array takes them all
    with inference(step):
        for i, batch in enumerate(batches.epoch()):
            size = batch[0].shape[0] if batch else 1
            if begin is not None:
                begin(i, {"batch": i, "size": size})
            found = step(batch)
            if step.lowered.needs_grad:
                found = [out.detach() for out in found]
            if samples is None:
                held = held or [[] for _ in found]
                for parts, out in zip(held, found):
                    parts.append(out.cpu())
            elif held is None and size == samples:
                held = [(out.clone() if step.aliases else out).cpu() for out in found]
            else:
                if held is None:
                    held = [torch.empty((samples, *o.shape[1:]), dtype=o.dtype) for o in found]
                for whole, out in zip(held, found):
                    whole[at : at + out.shape[0]].copy_(out)
            at += size
            if end is not None:
                end(i, {"batch": i, "size": size, "outputs": [as_numpy(out) for out in found]})
    if hooks is not None:
        hooks.on_predict_end()
    if samples is None:
        held = [torch.cat(parts) for parts in held or []]
    return [as_numpy(whole.contiguous()) for whole in held or []]


def inference(step):
    """Inference mode, unless the step itself takes gradients."""
    return torch.enable_grad() if step.lowered.needs_grad else _InferenceMode(True)

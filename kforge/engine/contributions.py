"""What a layer adds to training beside its output: losses, updates of variables, metrics."""

import contextlib

from .. import metrics, symbolic
from ..backend.values import as_list
from ..symbolic import KerasTensor
from ..variable import Variable, record_update

__all__ = ["CallUpdates", "Contributions"]


class Contributions:
    """The part of a layer that collects losses, updates and metrics, its sublayers' included.

    Each stands with the inputs that it depends on, None for those that depend on none.
    """

    @property
    def losses(self):
        """Scalar losses that the layer adds: of its weights, its outputs, and by `add_loss`."""
        nested = [loss for layer in self._sublayers() for loss in layer.losses]
        return [loss for loss, _ in self._losses] + nested

    @property
    def updates(self):
        """Changes of variables that a training step carries out; none if not `trainable`."""
        return [update for update, _ in self._all_updates()]

    @property
    def metrics(self):
        """Metrics that `add_metric` made, and those that are attributes."""
        return list(dict.fromkeys(metric for metric, _ in self._all_metrics()))

    def _all_losses(self):
        """Losses with the inputs that each depends on (None: on none)."""
        return self._losses + [pair for layer in self._sublayers() for pair in layer._all_losses()]

    def _all_updates(self, frozen=False):
        """Updates with the inputs that each depends on (None: on none); with `frozen`, also those
        of layers that are not trainable."""
        if not (frozen or self.trainable or self.stateful):
            return []
        nested = [pair for layer in self._sublayers() for pair in layer._all_updates(frozen)]
        return self._updates + nested

    def add_loss(self, losses, inputs=None):
        """Adds scalar tensors to the loss of any model that has this layer.

        `inputs`: the tensors that they depend on, None for losses of the weights alone.
        """
        self._require_symbolic("add_loss")
        losses = [x for x in as_list(losses) if x is not None]
        for x in losses:
            if callable(x) or isinstance(x, str):
                raise TypeError(
                    f"Layer {self.name}: `add_loss` takes tensors, computed from those of the "
                    f"model or from weights; got {x!r}."
                )
        losses = [symbolic.as_tensor(x) for x in losses]
        self._losses += [(x, None if inputs is None else as_list(inputs)) for x in losses]

    def add_update(self, updates, inputs=None):
        """Adds changes of variables: results of `K.update...`, or pairs (variable, new value)."""
        if isinstance(updates, tuple) and len(updates) == 2 and isinstance(updates[0], Variable):
            updates = [updates]
        phase = symbolic.running_phase()
        for change in as_list(updates):
            if isinstance(change, tuple) and phase != 0:
                change = record_update("assign", *change)
            if change is not None and phase is None:  # else `K.update` has happened
                self._updates.append((change, None if inputs is None else as_list(inputs)))

    def add_metric(self, value, name=None, aggregation="mean"):
        """Reports the mean of a symbolic tensor over the batches of an epoch, as `name`; of what a
        metric gave when it was called, that metric. What is added under one name is one mean.

        `aggregation` is an argument of tf.keras. Raises `ValueError` for another than "mean".
        """
        self._require_symbolic("add_metric")
        if aggregation != "mean":
            raise ValueError(
                f"Layer {self.name}: `add_metric` can only report a mean; got "
                f"aggregation={aggregation!r}. For other values pass a metric to `compile`."
            )
        metric = getattr(value, "_metric", None)
        if metric is None:
            known = (m for m, v in self._metrics if m.name == name and v is not None)
            metric = next(known, None) or metrics.Mean(name=name)
        self._note_metric(metric, value)

    def _note_metric(self, metric, value=None):
        """Makes a metric one of the layer's; without a value, as long as none is told."""
        own = [m for m, v in self._metrics if v is None]
        if metric in own:
            self._metrics[[m for m, _ in self._metrics].index(metric)] = metric, value
        else:
            self._metrics.append((metric, value))

    def _require_symbolic(self, method):
        if symbolic.is_executing():
            raise RuntimeError(
                f"Layer {self.name}: `{method}` was called from code that runs on values, where it "
                "would count once a step. Compute what it adds from symbolic tensors only."
            )

    def _all_metrics(self):
        return self._metrics + [m for layer in self._sublayers() for m in layer._all_metrics()]

    def get_losses_for(self, inputs=None):
        """Losses that depend on `inputs`; those that depend on none for None."""
        return _for_inputs(self._all_losses(), inputs)

    def get_updates_for(self, inputs=None):
        """Updates that depend on `inputs`; those that depend on none for None."""
        return _for_inputs(self._all_updates(), inputs)


class CallUpdates:
    """The updates that calls of a model as a layer made, and which were of trainable layers then.

    In Keras that decides: where a layer is frozen after its model became part of another, its
    statistics go on to move there; if it was frozen before, they stand still for good.
    """

    def __init__(self):
        self._made = {}  # id of an update -> (update, its inputs), whether it moves

    @contextlib.contextmanager
    def of(self, model):
        """Within this context, a call of `model` is recorded."""
        before = {id(update) for update, _ in model._all_updates(True)}
        yield
        moving = {id(update) for update, _ in model._all_updates()}
        for pair in model._all_updates(True):
            key = id(pair[0])
            if key not in before:
                self._made[key] = pair, key in moving

    def settled(self, found):
        """`found`, {id: update and inputs} as layers are trainable now, but for updates of calls:
        those that moved then."""
        others = {key: pair for key, pair in found.items() if key not in self._made}
        return {**others, **{key: pair for key, (pair, moves) in self._made.items() if moves}}


def _for_inputs(pairs, inputs):
    if inputs is None:
        return [x for x, on in pairs if on is None]
    keys = set(map(_key, as_list(inputs)))
    return [x for x, on in pairs if on is not None and keys & set(map(_key, on))]


def _key(x):
    """What identifies the value of an input, which aliases share."""
    return x.key if isinstance(x, KerasTensor) else id(x)

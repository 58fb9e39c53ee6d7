"""`compile`, and the steps that it prepares."""

import dataclasses
import warnings

from .. import optimizers
from .compile import Compiled, learned_weights
from .data import model_device
from .feeds import Feeds
from .gathering import Gathering
from .options import Options
from .replaced import ReplacedStep
from .shared import over_processes
from .step import GatheringStep, PredictStep, TestStep, TracedStep, TrainStep

__all__ = ["CompileMethods"]


class _Told(list):
    """A list that tells what is appended."""

    def __init__(self, items, tell):
        super().__init__(items)
        self.tell = tell

    def append(self, item):
        super().append(item)
        self.tell(item)

    def __reduce__(self):
        return list, (list(self),)


class CompileMethods(Feeds):
    """Methods of `Model` that say how it is trained. State: `optimizer`, `_compiled`, `_steps`."""

    optimizer = None
    _compiled = None
    _is_compiled = False
    _options = Options()

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
        if kind.phase == 1:
            key += (id(self.optimizer),)
        if key not in self._steps:
            self._steps[key] = over_processes(kind(self, weighted), self)
        return self._steps[key]

    def _train_step(self, weighted):
        self._warn_if_trainable_changed()
        if "train_function" in self._steps:  # one that a script has set
            return ReplacedStep(self, self._steps["train_function"], weighted)
        if not self.optimizer.is_direct:
            return self._step(TracedStep, [True] * len(weighted)).for_weights(weighted)
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
        if set(map(id, learned_weights(self))) != set(map(id, self._compiled.trainable)):
            warnings.warn(
                "Discrepancy between trainable weights and collected trainable weights, did you "
                "set `model.trainable` without calling `model.compile` after?",
                stacklevel=3,
            )

    @property
    def loss_functions(self):
        """The `Loss` of each output, None for one without; there is none before `compile`."""
        return [endpoint.loss for endpoint in self._endpoints("endpoints")]

    @property
    def loss_weights_list(self):
        """The weight of the loss of each output."""
        return [endpoint.weight for endpoint in self._endpoints("endpoints")]

    @property
    def sample_weight_modes(self):
        """ "temporal" or None for each output."""
        return [endpoint.mode for endpoint in self._endpoints("endpoints")]

    def _endpoints(self, which):
        """All endpoints, those "trained" or those "fed"; `AttributeError` before `compile`."""
        if self._compiled is None:
            raise AttributeError(
                f"Model {self.name} has no losses, targets and sample weights yet: it is not "
                "compiled, or not built."
            )
        return getattr(self._compiled, which)

    @property
    def metrics_names(self):
        """Names of the values that training reports, "loss" first. See `metrics_tensors`."""
        names = self._compiled.metrics_names if self._compiled else ["loss"]
        return _Told(names, lambda name: self._note_reported(name=name))

    @property
    def metrics_tensors(self):
        """The tensors that `add_metric` reports. As in Keras 2.2, appending one here, and a name
        to `metrics_names`, before or after, is another way to report it."""
        found = [value for _, value in self._reported() if value is not None]
        return _Told(found, lambda value: self._note_reported(tensor=value))

    def _note_reported(self, **given):
        """Notes the name or the tensor of a metric, and adds it once the other is there too."""
        awaited = vars(self).setdefault("_awaited_metrics", {"name": [], "tensor": []})
        for kind, value in given.items():
            awaited[kind].append(value)
        if awaited["name"] and awaited["tensor"]:
            self.add_metric(awaited["tensor"].pop(0), awaited["name"].pop(0))

    def _note_metric(self, metric, value=None):
        super()._note_metric(metric, value)
        if vars(self).get("_compiled") is not None:
            self._compiled.forget_objectives()
            self._steps = {}

    @property
    def metrics(self):
        """The metric objects, among which, as in Keras, are not the means of outputs' losses."""
        if self._compiled is None:
            return list(dict.fromkeys(metric for metric, _ in self._all_metrics()))
        means = [endpoint.loss_metric for endpoint in self._compiled.endpoints]
        return [metric for metric in self._compiled.metrics if metric not in means]

    @property
    def total_loss(self):
        """The symbolic loss; feed `inputs`, `targets` and `sample_weights` to compute it."""
        if self.optimizer is not None:
            self._require_compiled()
        self._endpoints("endpoints")
        return self._compiled.objective()[0]

    @property
    def targets(self):
        """Symbolic targets of the outputs that have a loss."""
        return [e.target for e in self._endpoints("trained")]

    @property
    def sample_weights(self):
        """Symbolic sample weights of the outputs that have a loss."""
        return [e.sample_weight for e in self._endpoints("trained")]

    def reset_metrics(self):
        """Metrics start anew."""
        for metric in self._compiled.metrics if self._compiled else []:
            metric.reset_states()

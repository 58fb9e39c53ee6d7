"""Steps of one model in several processes: each computes its share of a batch."""

import warnings
from collections import defaultdict

import torch

from .. import parallel
from ..compat.arguments import user_level
from ..dtypes import torch_dtype
from .step import TestStep, TracedStep

__all__ = ["over_processes", "same_everywhere"]


def over_processes(step, model):
    """`step` as one of several processes takes it; as it is where there is one."""
    if parallel.size() == 1:
        return step
    _check(model)
    same_everywhere(model)
    if isinstance(step, (TestStep, TracedStep)):
        is_test = isinstance(step, TestStep)
        also = [] if is_test else [*step.variables, *model.optimizer.weights]
        sharing, run = Sharing(step, model, also=also), step.run
        step.run = lambda batch: sharing(lambda part: (run(part), []), batch)[0]
    else:
        sharing, run = Sharing(step, model, params=step.params), step.differentiate
        step.differentiate = lambda batch: sharing(run, batch)
    return step


def same_everywhere(model):
    """Gives all processes the weights, and the state of the optimizer, of the first."""
    variables = [*model.weights, *(model.optimizer.weights if model.optimizer else [])]
    parallel.broadcast([variable.native for variable in variables])


def _check(model):
    for endpoint in model._compiled.trained:
        if getattr(endpoint.loss, "reduction", None) == "sum":
            raise ValueError(
                f"The loss of output {endpoint.name!r} is a sum over the batch, which several "
                "processes cannot share. Use its mean (the default reduction)."
            )


class Sharing:
    """What a step gives and changes, as if one process had computed the whole batch.

    Losses, gradients and moving statistics become means over the processes, weighted by their
    samples; so do metrics of whole batches. To other metrics, which are sums, each adds its own.
    """

    def __init__(self, step, model, params=(), also=()):
        # The samples of a batch of fixed size cannot be fewer.
        self.shares = model.inputs[0].shape[0] is None and not isinstance(step, TracedStep)
        if not self.shares:
            warnings.warn(
                f"Model {model.name!r} has a fixed batch size, or an optimizer with `get_updates` "
                "of its own: every process computes whole batches, and none is faster for it.",
                stacklevel=user_level(),
            )
        metrics = [(m, v) for m in model._compiled.metrics for v in m.weights]
        known = {id(v) for _, v in metrics}
        changed = {id(v): v for _, v, *_ in step.lowered.changes if v is not None}
        changed.update((id(v), v) for v in also)
        self.params = list(params)
        self.statistics = [v.native for key, v in changed.items() if key not in known]
        self.metrics = [v.native for _, v in metrics]
        is_mean = [not self.shares or getattr(m, "is_of_batches", False) for m, _ in metrics]
        loss = torch.zeros((), dtype=torch.promote_types(torch_dtype(None), torch.float32))
        place = next((t.device for t in (*self.params, *self.metrics)), loss.device)
        self.loss = loss.to(place)
        likes = [self.loss, *self.params, *self.statistics, *self.metrics]
        means = [True] * (len(likes) - len(is_mean)) + is_mean
        self.packs = _packs(likes, means)

    def __call__(self, run, batch):
        """(loss, gradients) of a batch, of which `run` gives those of a part."""
        count = len(batch[0]) if batch else 1
        begin, end = parallel.share(count) if self.shares else (0, count)
        before = [tensor.clone() for tensor in self.metrics]
        weight = (end - begin) / count if self.shares else 1.0 / parallel.size()
        if end > begin:
            loss, grads = run([t[begin:end] for t in batch] if self.shares else batch)
        else:
            loss, grads = self.loss, [torch.zeros_like(p) for p in self.params]
        with torch.no_grad():
            return self.combine(loss, grads, before, weight)

    def combine(self, loss, grads, before, weight):
        """(loss, gradients) of all processes; statistics and metrics become those of all."""
        gains = [new - old for new, old in zip(self.metrics, before)]
        tensors = [loss, *grads, *self.statistics, *gains]
        found = [None] * len(tensors)
        for pack in self.packs:
            pack.sum_up(tensors, weight, found)
        n, m = 1 + len(grads), 1 + len(grads) + len(self.statistics)
        for statistic, value in zip(self.statistics, found[n:m]):
            statistic.copy_(value)
        for metric, old, gain in zip(self.metrics, before, found[m:]):
            metric.copy_(old + gain)
        return found[0].clone(), found[1:n]


class _Pack:
    """Tensors of one dtype and device in one piece of memory, to travel together.

    First comes the sum of the weights, then what is to be a weighted mean, then what is a sum.
    """

    def __init__(self, places, likes, means):
        self.places = sorted(places, key=lambda i: not means[i])
        first, at = likes[places[0]], 1
        with torch.inference_mode(False):
            size = 1 + sum(likes[i].numel() for i in places)
            self.flat = torch.zeros(size, dtype=first.dtype, device=first.device)
            self.views, self.end = [], 1
            for i in self.places:
                like = likes[i]
                strides = like.stride() if _is_dense(like) else torch.empty(like.shape).stride()
                self.views.append(self.flat.as_strided(like.shape, strides, at))
                at += like.numel()
                self.end = at if means[i] else self.end

    def sum_up(self, tensors, weight, found):
        """Puts the means and sums over all processes where `tensors` has those of this one."""
        torch._foreach_copy_(self.views, [tensors[i] for i in self.places])
        means = self.flat[: self.end]
        if self.flat.is_floating_point():
            self.flat[0] = 1
            means.mul_(weight)
        elif not parallel.is_first():  # counts of steps and the like are the same everywhere
            means.zero_()
        parallel.sum_over(self.flat)
        if self.flat.is_floating_point():
            self.flat[1 : self.end].div_(self.flat[0])
        for i, view in zip(self.places, self.views):
            found[i] = view


def _packs(likes, means):
    places = defaultdict(list)
    for i, like in enumerate(likes):
        places[like.dtype, like.device].append(i)
    return [_Pack(indices, likes, means) for indices in places.values()]


def _is_dense(tensor):
    """Whether the elements of a tensor lie in memory without gaps, in whatever order."""
    span = 1 + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride()))
    return span == tensor.numel()

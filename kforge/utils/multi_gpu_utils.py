"""Data parallelism in one process: a model whose batches are shared among several devices.

For several processes, one a device, see `kforge.parallel`.
"""

import torch

from .. import parallel
from ..config import automatic_name
from ..devices import default_device, device
from ..engine import Layer, Model
from ..engine.node import unpack
from ..layers import Lambda
from ..models import clone_model
from ..operations import computable
from ..symbolic import record
from .generic_utils import to_list

__all__ = ["ParallelModel", "multi_gpu_model", "replicate"]


def _get_available_devices():
    return ["/cpu:0", *(f"/gpu:{i}" for i in range(torch.cuda.device_count()))]


def _normalize_device_name(name):
    """The name of a device as TensorFlow has it, such as "/device:GPU:0", in short: "/gpu:0"."""
    return "/" + ":".join(name.lower().replace("/", "").split(":")[-2:])


def multi_gpu_model(model, gpus=None, cpu_merge=True, cpu_relocation=False):
    """A model that computes each part of a batch on another GPU with the weights of `model`.

    `gpus` is a number of GPUs, at least 2, or a list of their numbers; None takes all. Outputs
    are put together on the CPU, or with `cpu_merge=False` on the first of the GPUs. The weights
    are kept on that GPU too, or on the CPU with `cpu_relocation=True`, then in a copy of `model`.

    Training gives the numbers of Keras: the loss is that of the whole batch, while layers such as
    `BatchNormalization` see the part of their GPU, one part after the other. What is saved, by
    whichever method or callback, is `model` itself, with the state of this training; see
    `ParallelModel`. Raises `ValueError` where there are not so many GPUs. In one of several
    processes (`kforge.parallel`), which share batches already, the model stays on one device.

    >>> parallel = multi_gpu_model(model, gpus=2)
    >>> parallel.compile("rmsprop", "categorical_crossentropy")
    >>> parallel.fit(x, y, batch_size=256)  # 128 samples for each GPU
    >>> parallel.save("model.h5")  # load_model gives a model for one device
    """
    if parallel.size() > 1:
        return replicate(model, [default_device()], default_device())
    count = torch.cuda.device_count()
    numbers = list(gpus) if isinstance(gpus, (list, tuple)) else list(range(gpus or count))
    if len(numbers) < 2:
        raise ValueError(
            "For multi-gpu usage to be effective, call `multi_gpu_model` with `gpus >= 2`. "
            f"Received: `gpus={gpus}`; this machine has {count} GPU(s)."
        )
    available = _get_available_devices()
    wanted = ["/cpu:0", *(f"/gpu:{i}" for i in numbers)]
    if not set(wanted) <= set(available):
        raise ValueError(
            f"To call `multi_gpu_model` with `gpus={gpus}`, we expect the following devices to be "
            f"available: {wanted}. However this machine only has: {available}. Try reducing `gpus`."
        )
    devices = [torch.device("cuda", i) for i in numbers]
    if cpu_relocation:
        with device("/cpu:0"):
            twin = clone_model(model)
        twin.set_weights(model.get_weights())
        model = twin
    else:
        for weight in model.weights:
            weight.native.data = weight.native.data.to(devices[0])
    return replicate(model, devices, "/cpu:0" if cpu_merge else devices[0])


def replicate(model, devices, merge_on):
    """The `ParallelModel` of `model` on a list of devices, its outputs put together on one."""
    if model.outputs is None:
        raise ValueError(f"Model {model.name!r} has no inputs yet: build it, or give input shapes.")
    if model.stateful:
        raise ValueError(
            f"Model {model.name!r} keeps states between batches, which cannot be shared among "
            "devices. Train it on one."
        )
    slices, found = [], []
    for i, place in enumerate(devices):
        part = {"i": i, "parts": len(devices)}
        inputs = [Lambda(_slice, arguments=part)(x) for x in model.inputs]
        with device(place):
            found.append(to_list(model(unpack(inputs))))
        slices += inputs
    with device(merge_on):
        names = _different(model.output_names)
        merged = [
            Join(name=name)([model.inputs[0], *parts]) for name, parts in zip(names, zip(*found))
        ]
    return ParallelModel(model, slices, unpack(merged))


def _slice(x, i, parts):
    """Part `i` of a batch in `parts` parts, of which the last has what is left over.

    Of a batch with fewer samples than parts, the last has all; the others have a sample, too,
    since not every layer takes none, whose outputs `Join` leaves out.
    """
    return record(_rows, x, i, parts)


def _rows(x, i, parts):
    step = len(x) // parts
    if i == parts - 1:
        return x[i * step :]
    return x[i * step : (i + 1) * step] if step else x[:1]


class Join(Layer):
    """The outputs of the replicas, which follow the whole batch in the list of inputs, as one."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs):
        return record(_joined, *inputs)

    def compute_mask(self, inputs, mask=None):
        if mask is None or None in mask[1:]:
            return None
        return record(_joined, inputs[0], *mask[1:])


def _joined(whole, *parts):
    return torch.cat(parts if len(whole) >= len(parts) else parts[-1:])


def _different(names):
    """`names`, those that occur again with a number."""
    return [n if n not in names[:i] else f"{n}_{names[:i].count(n)}" for i, n in enumerate(names)]


class ParallelModel(Model):
    """A model on several devices, made by `multi_gpu_model`; `template` is the model on one.

    It is trained like any model, and shares its weights with the template. Files, configs and
    exports are those of the template, with the optimizer and its state from here, so that they
    load where there is one device. `get_layer` finds the template's layers, too.
    """

    def __init__(self, template, slices, outputs):
        super().__init__(list(template.inputs), outputs, name=automatic_name("model"))
        # Not by `setattr`, for the template is known as a layer already.
        vars(self).update(template=template, _slices=slices)

    @property
    def _original(self):
        return self.template

    def _determined(self, pairs):
        """Of what layers add for the tensors that they are called on, that of the replicas only."""
        known = computable([x for x, on in pairs if on is not None], self._slices)
        return [x for x, on in pairs if on is None or x in known]

    def _described(self):
        return self.template._described()

    def get_config(self):
        """The config of the template."""
        return self.template.get_config()

    def get_layer(self, name=None, index=None):
        """A layer of this model or, by name, of the template."""
        if index is None and name in {layer.name for layer in self.template.layers}:
            return self.template.get_layer(name)
        return super().get_layer(name, index)

    def to_torch(self, data_format="channels_last"):
        """A torch module for one device; see `Model.to_torch`."""
        return self.template.to_torch(data_format)

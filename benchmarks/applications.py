"""How close are the networks of `keras.applications` to the same networks written in PyTorch?

ResNet50 and MobileNetV2, in channels_last memory, with the same weights: `predict_on_batch` and
`train_on_batch` (SGD with momentum) against modules written by hand for PyTorch, with its own
optimizer; the two take turns. Checks first that their outputs agree. Prints medians and the median
of the ratios. On CUDA, times include moving the images and reading the result.

    python benchmarks/applications.py [--rounds 9] [--size 224] [--batch 8] [--only ResNet50]
                                      [--save FILE]
"""

import argparse
import platform
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from machine import cpu
from torch import nn

import kforge
from kforge import applications, tuning

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class ConvNorm(nn.Sequential):
    """A convolution and its normalization, with Keras's settings."""

    def __init__(self, channels, filters, size, stride=1, groups=1, bias=True, act=None, norm=()):
        epsilon, momentum = norm or (1e-3, 0.99)
        super().__init__(
            nn.Conv2d(channels, filters, size, stride, size // 2, groups=groups, bias=bias),
            nn.BatchNorm2d(filters, epsilon, 1 - momentum),
            *([act] if act else []),
        )


class Bottleneck(nn.Module):
    def __init__(self, channels, filters, stride, projects):
        super().__init__()
        relu = nn.ReLU(inplace=True)
        self.body = nn.Sequential(
            ConvNorm(channels, filters, 1, stride, act=relu),
            ConvNorm(filters, filters, 3, act=relu),
            ConvNorm(filters, 4 * filters, 1),
        )
        self.shortcut = ConvNorm(channels, 4 * filters, 1, stride) if projects else nn.Identity()

    def forward(self, x):
        return F.relu_(self.body(x) + self.shortcut(x))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = ConvNorm(3, 64, 7, 2, act=nn.ReLU(inplace=True))
        blocks, channels = [], 64
        for stage, (filters, count) in enumerate(zip((64, 128, 256, 512), (3, 4, 6, 3))):
            for i in range(count):
                stride = 2 if stage and i == 0 else 1
                blocks.append(Bottleneck(channels, filters, stride, i == 0))
                channels = 4 * filters
        self.blocks = nn.Sequential(*blocks)
        self.top = nn.Linear(2048, 1000)

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 3, 2, 1)  # of what is positive: zeros are as good as -inf
        return self.top(self.blocks(x).mean((2, 3)))


class Inverted(nn.Module):
    def __init__(self, channels, filters, stride, widens):
        super().__init__()
        relu, norm, wide = nn.ReLU6(inplace=True), (1e-3, 0.999), channels * (6 if widens else 1)
        given = {"bias": False, "norm": norm}
        self.widen = ConvNorm(channels, wide, 1, act=relu, **given) if widens else nn.Identity()
        self.pad = stride == 2
        self.body = nn.Sequential(
            ConvNorm(wide, wide, 3, stride, groups=wide, act=relu, **given),
            ConvNorm(wide, filters, 1, **given),
        )
        if self.pad:
            self.body[0][0].padding = (0, 0)
        self.adds = channels == filters and stride == 1

    def forward(self, x):
        y = self.widen(x)
        y = self.body(F.pad(y, (0, 1, 0, 1)) if self.pad else y)
        return x + y if self.adds else y


class MobileNetV2(nn.Module):
    STAGES = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))

    def __init__(self):
        super().__init__()
        relu, given = nn.ReLU6(inplace=True), {"bias": False, "norm": (1e-3, 0.999)}
        self.stem = ConvNorm(3, 32, 3, 2, act=relu, **given)
        self.stem[0].padding = (0, 0)
        blocks, channels = [], 32
        for filters, count, stride in self.STAGES:
            for i in range(count):
                blocks.append(Inverted(channels, filters, 1 if i else stride, bool(blocks)))
                channels = filters
        self.blocks = nn.Sequential(*blocks)
        self.last = ConvNorm(320, 1280, 1, act=relu, **given)
        self.top = nn.Linear(1280, 1000)

    def forward(self, x):
        x = self.stem(F.pad(x, (0, 1, 0, 1)))
        return self.top(self.last(self.blocks(x)).mean((2, 3)))


NETWORKS = {"ResNet50": ResNet50, "MobileNetV2": MobileNetV2}


def paired(name, size):
    """The network of both kinds, with the same weights."""
    model = getattr(applications, name)(weights=None, input_shape=(size, size, 3))
    module = NETWORKS[name]().to(DEVICE, memory_format=torch.channels_last)
    ours = [layer for layer in model.layers if layer.weights]
    rng = np.random.RandomState(0)
    for layer in ours:
        if "Norm" in type(layer).__name__:  # signals fade where all statistics are 0 and 1
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    for kind, theirs in (("Conv", nn.Conv2d), ("Norm", nn.BatchNorm2d), ("Dense", nn.Linear)):
        sources = [layer for layer in ours if kind in type(layer).__name__]
        targets = [layer for layer in module.modules() if isinstance(layer, theirs)]
        for source, target in zip(sources, targets, strict=True):
            copy_weights(source.get_weights(), target)
    return model, module


def copy_weights(arrays, target):
    """Gives a layer of PyTorch the weights of one of Keras."""
    if isinstance(target, nn.BatchNorm2d):
        tensors = [target.weight, target.bias, target.running_mean, target.running_var]
    else:
        tensors = list(target.parameters())
        order = (1, 0) if isinstance(target, nn.Linear) else (3, 2, 0, 1)
        if getattr(target, "groups", 1) > 1:
            order = (2, 3, 0, 1)
        arrays = [arrays[0].transpose(order), *arrays[1:]]
    with torch.no_grad():
        for tensor, array in zip(tensors, arrays, strict=True):
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(array)))


def contestants(name, size, batch):
    """{what: {"kforge": function, "torch": function}}, and how far their outputs are apart."""
    model, module = paired(name, size)
    model.compile(kforge.optimizers.SGD(0.01, momentum=0.9), "categorical_crossentropy")
    optimizer = torch.optim.SGD(module.parameters(), 0.01, momentum=0.9, fused=True)
    rng = np.random.RandomState(0)
    x = rng.uniform(-1, 1, (batch, size, size, 3)).astype("float32")
    labels = rng.randint(0, 1000, batch)
    y = np.eye(1000, dtype="float32")[labels]
    labels = torch.from_numpy(labels).to(DEVICE)

    def images():
        return torch.from_numpy(x).to(DEVICE).permute(0, 3, 1, 2)

    def predict():
        module.eval()
        with torch.inference_mode():
            return torch.softmax(module(images()), 1).cpu().numpy()

    def train():
        module.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(module(images()), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    apart = np.abs(model.predict_on_batch(x) - predict()).max()
    return {
        "forward": {"kforge": lambda: model.predict_on_batch(x), "torch": predict},
        "training step": {"kforge": lambda: model.train_on_batch(x, y), "torch": train},
    }, apart


def compare(functions, rounds):
    """{name: seconds, round by round}, taking turns."""
    for function in functions.values():
        function()
    times = {name: [] for name in functions}
    for turn in range(rounds):
        for name in list(functions)[:: 1 if turn % 2 else -1]:
            start = time.perf_counter()
            functions[name]()
            times[name].append(time.perf_counter() - start)
    return times


def machine():
    if DEVICE == "cuda":
        name = torch.cuda.get_device_name()
    else:
        name = f"{cpu()}, {torch.get_num_threads()} threads"
    return f"{name}; Python {platform.python_version()}, torch {torch.__version__}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("--save", help="a file for the table")
    options = parser.parse_args()
    tuning.keep_freed_memory()  # for both: they share the process
    lines = [
        f"{machine()}; {options.batch} images of {options.size}x{options.size}",
        f"{'':28}{'kforge ms':>11}{'torch ms':>10}{'ratio':>8}{'apart':>9}",
    ]
    print("\n".join(lines))
    for name in NETWORKS:
        if options.only not in name:
            continue
        jobs, apart = contestants(name, options.size, options.batch)
        for what, functions in jobs.items():
            times = compare(functions, options.rounds)
            ratio = statistics.median(k / t for k, t in zip(times["kforge"], times["torch"]))
            cells = "".join(
                f"{statistics.median(t) * 1e3:{w}.1f}" for t, w in zip(times.values(), (11, 10))
            )
            lines.append(f"{name + ', ' + what:28}{cells}{ratio:8.2f}{apart:9.1g}")
            print(lines[-1], flush=True)
    if options.save:
        with open(options.save, "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

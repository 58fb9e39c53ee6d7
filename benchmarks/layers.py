"""How much does a layer cost, compared with the bare `torch.nn` module on the same shapes?

Forward and backward, gradients for weights and input, in the training phase with moving statistics
moved. For images, torch runs twice: in its own layout (NCHW), and in channels_last, the layout of
kforge's images; "ratio" is against the faster. All take turns in one process; medians. "noise" is
the middle half of the ratios of torch against itself, measured in the same way. With one thread on
a CPU, times are the processor's, which others on the machine disturb less.

    python benchmarks/layers.py [--rounds 21] [--only Conv] [--threads N] [--device cuda] [--save F]
"""

import argparse
import platform
import statistics
import time

import torch
from machine import cpu
from torch import nn

import kforge
from kforge import layers as L
from kforge import lowering, symbolic, tuning


def transposed(rank):
    """Moves the channels of a Keras array where torch has them."""
    return lambda x: x.permute(0, rank + 1, *range(1, rank + 1)).contiguous()


def last_output(module):
    return lambda x: module(x)[0][:, -1]


def all_outputs(module):
    return lambda x: module(x)[0]


class Masked:
    """A layer that gets a mask of the steps that are not zeros."""

    def __init__(self, layer):
        self.layer = layer

    def __call__(self, x):
        return self.layer(L.Masking()(x))

    def __getattr__(self, name):
        return getattr(self.layer, name)


# name: (shape with the batch, the layer, the module or what calls it, spatial axes of images)
CASES = {
    "Dense": ((128, 1024), lambda: L.Dense(1024), lambda: nn.Linear(1024, 1024), 0),
    "Dense, relu": (
        (128, 1024),
        lambda: L.Dense(1024, activation="relu"),
        lambda: nn.Sequential(nn.Linear(1024, 1024), nn.ReLU()),
        0,
    ),
    "Conv1D 5": (
        (32, 256, 64),
        lambda: L.Conv1D(128, 5),
        lambda: nn.Conv1d(64, 128, 5),
        1,
    ),
    "Conv2D 3x3": (
        (32, 28, 28, 64),
        lambda: L.Conv2D(64, 3),
        lambda: nn.Conv2d(64, 64, 3),
        2,
    ),
    "Conv2D 3x3 same, relu": (
        (32, 28, 28, 64),
        lambda: L.Conv2D(64, 3, padding="same", activation="relu"),
        lambda: nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU()),
        2,
    ),
    "Conv2D 3x3 same, strides 2": (
        (32, 28, 28, 64),
        lambda: L.Conv2D(128, 3, strides=2, padding="same"),
        lambda: nn.Conv2d(64, 128, 3, stride=2, padding=1),
        2,
    ),
    "Conv2D 1x1": ((32, 28, 28, 64), lambda: L.Conv2D(64, 1), lambda: nn.Conv2d(64, 64, 1), 2),
    "Conv3D 3x3x3": (
        (4, 12, 24, 24, 16),
        lambda: L.Conv3D(32, 3),
        lambda: nn.Conv3d(16, 32, 3),
        3,
    ),
    "Conv2DTranspose 3x3": (
        (16, 14, 14, 64),
        lambda: L.Conv2DTranspose(32, 3, strides=2),
        lambda: nn.ConvTranspose2d(64, 32, 3, stride=2),
        2,
    ),
    "DepthwiseConv2D 3x3": (
        (32, 28, 28, 64),
        lambda: L.DepthwiseConv2D(3, padding="same"),
        lambda: nn.Conv2d(64, 64, 3, padding=1, groups=64),
        2,
    ),
    "SeparableConv2D 3x3": (
        (32, 28, 28, 64),
        lambda: L.SeparableConv2D(64, 3, padding="same"),
        lambda: nn.Sequential(
            nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False), nn.Conv2d(64, 64, 1)
        ),
        2,
    ),
    "MaxPooling1D": ((32, 256, 64), lambda: L.MaxPooling1D(), lambda: nn.MaxPool1d(2), 1),
    "MaxPooling2D": ((32, 56, 56, 64), lambda: L.MaxPooling2D(), lambda: nn.MaxPool2d(2), 2),
    "MaxPooling2D 3x3 same": (
        (32, 55, 55, 64),
        lambda: L.MaxPooling2D(3, 2, "same"),
        lambda: nn.MaxPool2d(3, 2, 1),
        2,
    ),
    "MaxPooling3D": ((4, 16, 24, 24, 32), lambda: L.MaxPooling3D(), lambda: nn.MaxPool3d(2), 3),
    "AveragePooling1D": ((32, 256, 64), lambda: L.AveragePooling1D(), lambda: nn.AvgPool1d(2), 1),
    "AveragePooling2D": (
        (32, 56, 56, 64),
        lambda: L.AveragePooling2D(),
        lambda: nn.AvgPool2d(2),
        2,
    ),
    "AveragePooling3D": (
        (4, 16, 24, 24, 32),
        lambda: L.AveragePooling3D(),
        lambda: nn.AvgPool3d(2),
        3,
    ),
    "GlobalAveragePooling2D": (
        (32, 14, 14, 256),
        lambda: L.GlobalAveragePooling2D(),
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        2,
    ),
    "UpSampling2D": ((16, 28, 28, 64), lambda: L.UpSampling2D(), lambda: nn.Upsample(None, 2), 2),
    "ZeroPadding2D": ((32, 56, 56, 64), lambda: L.ZeroPadding2D(), lambda: nn.ZeroPad2d(1), 2),
    "BatchNormalization": (
        (128, 1024),
        lambda: L.BatchNormalization(),
        lambda: nn.BatchNorm1d(1024),
        0,
    ),
    "BatchNormalization, sequences": (
        (32, 256, 64),
        lambda: L.BatchNormalization(),
        lambda: nn.BatchNorm1d(64),
        1,
    ),
    "BatchNormalization, images": (
        (32, 28, 28, 64),
        lambda: L.BatchNormalization(),
        lambda: nn.BatchNorm2d(64),
        2,
    ),
    "Embedding": ((32, 200), lambda: L.Embedding(5000, 128), lambda: nn.Embedding(5000, 128), 0),
    "PReLU": (
        (32, 28, 28, 64),
        lambda: L.PReLU(shared_axes=[1, 2]),
        lambda: nn.PReLU(64),
        2,
    ),
    "Dropout": ((128, 1024), lambda: L.Dropout(0.5), lambda: nn.Dropout(0.5), 0),
    "LSTM": (
        (32, 80, 128),
        lambda: L.LSTM(128),
        lambda: last_output(nn.LSTM(128, 128, batch_first=True)),
        0,
    ),
    "LSTM, masked": (
        (32, 80, 128),
        lambda: Masked(L.LSTM(128)),
        lambda: last_output(nn.LSTM(128, 128, batch_first=True)),
        0,
    ),
    "LSTM, masked, all outputs": (
        (32, 80, 128),
        lambda: Masked(L.LSTM(128, return_sequences=True)),
        lambda: all_outputs(nn.LSTM(128, 128, batch_first=True)),
        0,
    ),
    "LSTM, masked, with states": (
        (32, 80, 128),
        lambda: Masked(L.LSTM(128, return_state=True)),
        lambda: last_output(nn.LSTM(128, 128, batch_first=True)),
        0,
    ),
    "LSTM, hard_sigmoid": (
        (32, 80, 128),
        lambda: L.LSTM(128, recurrent_activation="hard_sigmoid"),
        lambda: last_output(nn.LSTM(128, 128, batch_first=True)),
        0,
    ),
    "LSTM, hard_sigmoid, masked": (
        (32, 80, 128),
        lambda: Masked(L.LSTM(128, recurrent_activation="hard_sigmoid")),
        lambda: last_output(nn.LSTM(128, 128, batch_first=True)),
        0,
    ),
    "GRU, reset_after": (
        (32, 80, 128),
        lambda: L.GRU(128, reset_after=True),
        lambda: last_output(nn.GRU(128, 128, batch_first=True)),
        0,
    ),
    "GRU": (
        (32, 80, 128),
        lambda: L.GRU(128),
        lambda: last_output(nn.GRU(128, 128, batch_first=True)),
        0,
    ),
    "SimpleRNN": (
        (32, 80, 128),
        lambda: L.SimpleRNN(128),
        lambda: last_output(nn.RNN(128, 128, batch_first=True)),
        0,
    ),
}


def parameters(module):
    """Parameters of a module, or of one within a function of this file."""
    cells = getattr(module, "__closure__", None)
    return list((cells[0].cell_contents if cells else module).parameters())


def kforge_step(case, data):
    """Forward and backward through the function that kforge generates."""
    shape, make, _, _ = case
    x = L.Input(
        batch_shape=(None, *shape[1:]), dtype="float32" if data.is_floating_point() else "int64"
    )
    layer = make()
    out = layer(x)
    out = out[-1] if isinstance(out, list) else out  # a state
    lowered = lowering.lower([out], [x], layer.updates, phase=1)
    leaves = [w.native for w in layer.trainable_weights]
    forward, captured, changes = lowered.forward, lowered.captured, lowered.carry_out
    gradient = None

    def step():
        nonlocal gradient
        with symbolic.executing(1):
            found = forward(data, *captured)
        if gradient is None:
            gradient = torch.ones_like(found[0])
        torch.autograd.grad(found[0], leaves + wanted, gradient)
        changes(found)

    wanted = [data] if data.requires_grad else []
    return step


def torch_step(module, data):
    """Forward and backward through a module."""
    leaves = parameters(module) + ([data] if data.requires_grad else [])
    gradient = None

    def step():
        nonlocal gradient
        out = module(data)
        if gradient is None:
            gradient = torch.ones_like(out)
        torch.autograd.grad(out, leaves, gradient)

    return step


def samples(name, shape):
    """Input for a case."""
    torch.manual_seed(0)
    if name == "Embedding":
        return torch.randint(0, 5000, shape)
    data = torch.randn(shape)
    if "masked" in name:  # sequences of all lengths, zeros behind them
        batch, steps, _ = shape
        lengths = torch.linspace(1, steps, batch).long()
        data *= (torch.arange(steps) < lengths[:, None])[..., None]
    return data


def contestants(name, device):
    """{name: a step}."""
    case = CASES[name]
    shape, _, make, rank = case
    data = samples(name, shape).to(device)
    integers = not data.is_floating_point()
    steps = {"kforge": kforge_step(case, data.clone().requires_grad_(not integers))}

    def module():
        made = make()
        return made.to(device) if isinstance(made, nn.Module) else made

    first = transposed(rank)(data) if rank else data
    steps["torch"] = torch_step(module(), first.clone().requires_grad_(not integers))
    steps["torch again"] = torch_step(module(), first.clone().requires_grad_(not integers))
    if rank > 1:
        form = torch.channels_last if rank == 2 else torch.channels_last_3d
        last = first.contiguous(memory_format=form)
        made = module().to(memory_format=form)
        steps["torch, channels_last"] = torch_step(made, last.clone().requires_grad_())
    return steps


def timed(step, device):
    alone = device == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - start


def measure(name, rounds, device):
    """{name: seconds, round by round}; a turn repeats short steps."""
    steps = contestants(name, device)
    for step in steps.values():
        timed(step, device)
    repeats = max(1, round(0.01 / timed(steps["kforge"], device)))
    times = {name: [] for name in steps}
    for turn in range(rounds):
        for name in list(steps)[:: 1 if turn % 2 else -1]:
            found = sum(timed(steps[name], device) for _ in range(repeats))
            times[name].append(found / repeats)
    return times


def row(name, times):
    """A line of the table."""
    ms = {k: statistics.median(v) * 1e3 for k, v in times.items()}
    rivals = [k for k in ("torch", "torch, channels_last") if k in ms]
    best = min(rivals, key=ms.get)
    ratio = statistics.median(a / b for a, b in zip(times["kforge"], times[best]))
    pairs = [a / b for a, b in zip(times["torch again"], times["torch"])]
    low, _, high = statistics.quantiles(pairs, n=4)
    last = f"{ms[rivals[-1]]:10.3f}" if len(rivals) == 2 else " " * 10
    line = f"{name:<30}{ms['kforge']:10.3f}{ms['torch']:10.3f}{last}{ratio:8.2f}"
    return f"{line}   {low:.2f}-{high:.2f}"


def hardware(device):
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{cpu()}, {torch.get_num_threads()} threads"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--save", help="a file for the table")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    tuning.keep_freed_memory()  # for all: they share the process
    lines = [
        f"{hardware(arguments.device)}; Python {platform.python_version()}, "
        f"torch {torch.__version__}; milliseconds, forward and backward",
        f"{'':<30}{'kforge':>10}{'torch':>10}{'ch. last':>10}{'ratio':>8}   noise",
    ]
    print("\n".join(lines))
    with kforge.device(arguments.device):
        for name in CASES:
            if arguments.only in name:
                lines.append(row(name, measure(name, arguments.rounds, arguments.device)))
                print(lines[-1], flush=True)
    if arguments.save:
        with open(arguments.save, "w") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

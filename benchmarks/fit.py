"""How close is `fit` to a hand-written loop?

Trains the same networks through kforge, through the tightest eager PyTorch loop and through a usual
one (see `loops.py`), in one process, the three taking turns; prints medians and their ratios. With
one thread (OMP_NUM_THREADS=1), times are the processor's, which others on the machine disturb less.

    python benchmarks/fit.py [--rounds 9] [--only mlp] [--save FILE]
"""

import argparse
import json
import os
import platform
import statistics
import time

import loops
import numpy as np
import torch
from machine import cpu

import kforge
from kforge import layers, models, tuning

WORKLOADS = {  # network, samples, batch, epochs a round, optimizer
    "regressor, batch 32": ("regressor", 6400, 32, 5, "sgd"),
    "mlp, batch 128": ("mlp", 12800, 128, 1, "rmsprop"),
    "mlp, batch 32": ("mlp", 6400, 32, 1, "rmsprop"),
    "cnn, batch 128": ("cnn", 1280, 128, 1, "adadelta"),
    "reviews (lstm), batch 32": ("reviews", 640, 32, 1, "adam"),
}


def make_data(name, n):
    """(x, y for Keras, y for torch); a third of the labels is wrong, so that the loss stays."""
    rng = np.random.RandomState(0)
    if name == "regressor":
        x = rng.randn(n, 16).astype("float32")
        y = np.tanh(x @ rng.randn(16, 1)).astype("float32")
        return x, y, torch.from_numpy(y)
    if name == "reviews":
        x = rng.randint(1, 20000, (n, 80))
        y = (x[:, -8:].mean(1, keepdims=True) > 10000).astype("float32")
        return x, y, torch.from_numpy(y)
    shape = (784,) if name == "mlp" else (28, 28, 1)
    labels = rng.randint(0, 10, n)
    x = (rng.rand(10, *shape)[labels] + rng.rand(n, *shape)).astype("float32") / 2
    labels = np.where(rng.rand(n) < 0.3, rng.randint(0, 10, n), labels)
    return x, np.eye(10, dtype="float32")[labels], torch.from_numpy(labels)


def make_model(name, optimizer):
    """The network, written as Keras scripts write it."""
    L, S = layers, models.Sequential
    opts = kforge.optimizers
    optimizer = {
        "sgd": lambda: opts.SGD(0.01),
        "rmsprop": lambda: opts.RMSprop(1e-3),
        "adadelta": lambda: opts.Adadelta(1.0),
        "adam": lambda: opts.Adam(1e-3),
    }[optimizer]()
    if name == "regressor":
        model = S([L.Dense(16, activation="relu", input_shape=(16,)), L.Dense(1)])
        model.compile(optimizer, "mse")
    elif name == "reviews":
        model = S([L.Embedding(20000, 128), L.LSTM(128), L.Dense(1, activation="sigmoid")])
        model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    elif name == "mlp":
        model = S(
            [
                *(L.Dense(512, activation="relu", input_shape=(784,)), L.Dropout(0.2)),
                *(L.Dense(512, activation="relu"), L.Dropout(0.2)),
                L.Dense(10, activation="softmax"),
            ]
        )
        model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    else:
        model = S(
            [
                L.Conv2D(32, 3, activation="relu", input_shape=(28, 28, 1)),
                *(L.Conv2D(64, 3, activation="relu"), L.MaxPooling2D(), L.Dropout(0.25)),
                *(L.Flatten(), L.Dense(128, activation="relu"), L.Dropout(0.5)),
                L.Dense(10, activation="softmax"),
            ]
        )
        model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    return model


def timed(function):
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    start = clock()
    function()
    return clock() - start


def compare(contestants, rounds):
    """Median seconds of each, taking turns; the order alternates."""
    for function in contestants.values():
        function()
    found = {name: [] for name in contestants}
    for i in range(rounds):
        for name in list(contestants)[:: 1 if i % 2 else -1]:
            found[name].append(timed(contestants[name]))
    ratios = {
        name: statistics.median(k / t for k, t in zip(found["kforge"], times))
        for name, times in found.items()
    }
    return {name: statistics.median(times) for name, times in found.items()}, ratios


def fit_contestants(name, n, batch, epochs, optimizer):
    x, y, target = make_data(name, n)
    xt = torch.from_numpy(x)
    tight = loops.Tight(name, xt, target, batch, optimizer)
    usual = loops.Usual(name, xt, target, batch, optimizer)
    model = make_model(name, optimizer)

    def repeat(loop):
        def run():
            with tuning.flushing_denormals():
                for _ in range(epochs):
                    loop.epoch()

        return run

    def kforge_fit():
        model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0)

    return {"kforge": kforge_fit, "tight": repeat(tight), "usual": repeat(usual)}


def latency_contestants():
    """`train_on_batch` and `predict(x[:1])`, a hundred calls each."""
    x, y, target = make_data("regressor", 3200)
    tight = loops.Tight("regressor", torch.from_numpy(x), target, 32, "sgd")
    usual = loops.Usual("regressor", torch.from_numpy(x), target, 32, "sgd")
    model = make_model("regressor", "sgd")
    batches = [(x[i : i + 32], y[i : i + 32]) for i in range(0, 3200, 32)]

    def tight_steps():
        for xb, yb in batches:
            float(tight.step(torch.from_numpy(xb), torch.from_numpy(yb))[0])

    def usual_steps():
        for xb, yb in batches:
            usual.optimizer.zero_grad()
            loss = usual.module(torch.from_numpy(xb)).sub(torch.from_numpy(yb)).square().mean()
            loss.backward()
            usual.optimizer.step()
            loss.item()

    def kforge_steps():
        for xb, yb in batches:
            model.train_on_batch(xb, yb)

    yield "train_on_batch", {"kforge": kforge_steps, "tight": tight_steps, "usual": usual_steps}

    x = make_data("mlp", 256)[0]
    module, big = loops.MLP().eval(), make_model("mlp", "rmsprop")
    weights = list(module.parameters())
    for weight, own in zip(weights, big.weights):  # whoever runs first warms the cache for all
        weight.data = own.native.data

    def tight_predict():
        a, b, c, d, e, f = weights
        for _ in range(100):
            with torch.inference_mode():
                h = torch.nn.functional.linear(torch.from_numpy(x[:1]), a, b).relu_()
                h = torch.nn.functional.linear(h, c, d).relu_()
                torch.softmax(torch.nn.functional.linear(h, e, f), 1).numpy()

    def usual_predict():
        for _ in range(100):
            with torch.no_grad():
                torch.softmax(module(torch.from_numpy(x[:1])), 1).numpy()

    def kforge_predict():
        for _ in range(100):
            big.predict(x[:1])

    yield (
        "predict(x[:1])",
        {
            "kforge": kforge_predict,
            "tight": tight_predict,
            "usual": usual_predict,
        },
    )


def machine():
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="")
    parser.add_argument("--save")
    options = parser.parse_args()
    tuning.keep_freed_memory()  # for all three: they share the process
    jobs = [(k, lambda v=v: fit_contestants(*v)) for k, v in WORKLOADS.items()]
    jobs += [(k, lambda v=v: v) for k, v in latency_contestants()]
    print(f"{'':26}{'kforge ms':>10}{'tight ms':>10}{'usual ms':>10}{'x tight':>9}{'x usual':>9}")
    rows = {}
    for title, make in jobs:
        if options.only not in title:
            continue
        times, ratios = compare(make(), options.rounds)
        rows[title] = {"seconds": times, "kforge over": ratios}
        cells = "".join(f"{times[k] * 1e3:10.1f}" for k in ("kforge", "tight", "usual"))
        print(f"{title:26}{cells}{ratios['tight']:9.2f}{ratios['usual']:9.2f}", flush=True)
    if options.save:
        with open(options.save, "w") as f:
            json.dump({"machine": machine(), "rounds": options.rounds, "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()

"""One model in two processes: everything as in one."""

import itertools
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

import kforge
from kforge import devices, parallel
from kforge.utils import multi_gpu_model

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs", "parallel.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
ON_CPU = {"CUDA_VISIBLE_DEVICES": ""}
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]


def start(*command, **environment):
    return subprocess.Popen(
        command,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_both(tmp_path_factory, **environment):
    """(folder, standard output) of the program in one process, and in two."""
    folders = [str(tmp_path_factory.mktemp(name)) for name in ("one", "two")]
    starters = [[sys.executable], TORCHRUN]
    started = [
        start(*starter, "-m", "kforge", PROGRAM, folder, **environment)
        for starter, folder in zip(starters, folders)
    ]
    found = []
    for process, folder in zip(started, folders):
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        found.append((folder, out))
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return run_both(tmp_path_factory, **ON_CPU)


def results(folder, rank=0):
    with np.load(os.path.join(folder, f"results{rank}.npz")) as file:
        return dict(file)


def assert_same(runs, tolerance):
    expected, found = (results(folder) for folder, _ in runs)
    assert found.keys() == expected.keys()
    for name in expected:
        if not name.startswith(("own.", "process.")):
            close = {"rtol": tolerance, "atol": tolerance, "err_msg": name}
            np.testing.assert_allclose(found[name], expected[name], **close)


def test_two_processes_give_the_numbers_of_one(runs):
    assert_same(runs, 1e-6)


@pytest.mark.cuda
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_give_the_numbers_of_one(tmp_path_factory):
    assert_same(run_both(tmp_path_factory), 1e-4)


def test_both_processes_end_with_the_same(runs):
    first, second = results(runs[1][0]), results(runs[1][0], rank=1)
    assert first.keys() == second.keys()
    for name in first.keys() - {"process.noise"}:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_statistics_are_means_over_the_shares(runs):
    x = np.random.RandomState(0).rand(23, 6)[:8]
    mean, variance = results(runs[1][0])["own.statistics"]
    np.testing.assert_allclose(mean, 0.5 * x.mean(0), rtol=1e-5)
    parts = [half.var(0) * 4 / (4 - 1.001) for half in (x[:4], x[4:])]
    np.testing.assert_allclose(variance, 0.5 + 0.5 * np.mean(parts, 0), rtol=1e-4)


def test_noise_differs_between_processes(runs):
    first, second = (results(runs[1][0], rank)["process.noise"] for rank in range(2))
    assert not np.isclose(first, second).any()


def test_the_first_process_alone_reports_and_writes(runs):
    for folder, out in runs:
        assert out.count("finished") == 1
        assert out.count("Epoch 1/3") == 1
        assert "log0.csv" in os.listdir(folder)
        assert "log1.csv" not in os.listdir(folder)


KILLED = """
import os, signal, sys
import numpy as np
from keras.callbacks import LambdaCallback
from keras.layers import Dense
from keras.models import Sequential

def end(batch, logs):
    if batch == 3 and os.environ["RANK"] == "1":
        os.kill(os.getpid(), signal.SIGKILL)

model = Sequential([Dense(1, input_shape=(2,))])
model.compile("sgd", "mse")
model.fit(np.ones((99, 2)), np.ones(99), batch_size=2, callbacks=[LambdaCallback(on_batch_end=end)])
"""


def test_when_one_process_is_killed_the_other_ends(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    command = [sys.executable, "-m", "kforge", str(script)]
    processes = [
        start(*command, **shared, **ON_CPU, RANK=str(r), LOCAL_RANK=str(r)) for r in range(2)
    ]
    try:
        _, err = processes[0].communicate(timeout=120)
        processes[1].communicate(timeout=10)
    finally:
        for process in processes:
            process.kill()
    assert processes[1].returncode == -signal.SIGKILL
    assert processes[0].returncode == 1
    assert "model.fit" in err  # where the program was


# ---- without other processes ----


def test_one_process_has_everything():
    assert (parallel.rank(), parallel.size(), parallel.is_first()) == (0, 1, True)
    assert parallel.share(7) == (0, 7)
    assert parallel.any_of(True) and not parallel.any_of(False)
    parallel.barrier()
    parallel.join()
    assert parallel.size() == 1


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 8, 100])
@pytest.mark.parametrize("size", [2, 3, 8])
def test_shares_cover_the_batch(monkeypatch, count, size):
    shares = []
    for rank in range(size):
        monkeypatch.setitem(parallel._place, "rank", rank)
        monkeypatch.setitem(parallel._place, "size", size)
        shares.append(parallel.share(count))
    assert shares[0][0] == 0 and shares[-1][1] == count
    assert all(a[1] == b[0] for a, b in itertools.pairwise(shares))
    sizes = [end - begin for begin, end in shares]
    assert max(sizes) - min(sizes) <= 1 and sizes == sorted(sizes, reverse=True)


def test_sums_over_the_batch_are_refused(monkeypatch):
    monkeypatch.setitem(parallel._place, "size", 2)
    model = kforge.Sequential([kforge.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", kforge.losses.MeanSquaredError(reduction="sum"))
    with pytest.raises(ValueError, match="is a sum over the batch"):
        model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)))


def test_who_did_not_join_is_told(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    model = kforge.Sequential([kforge.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match=r"call `kforge.parallel.join\(\)`") as caught:
        model.fit(np.ones((2, 2)), np.ones((2, 1)), verbose=0)
    assert caught[0].filename == __file__


def test_programs_that_a_joined_process_starts_do_not_join(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("KFORGE_JOINED", "1")  # set by the first
    parallel.join()
    assert parallel.size() == 1


def test_devices_are_those_of_the_process(monkeypatch):
    monkeypatch.setitem(parallel._place, "size", 2)
    assert devices.parse_device("/gpu:3") == devices.default_device()
    assert devices.parse_device("/cpu:0").type == "cpu"
    template = kforge.Sequential([kforge.layers.Dense(1, input_shape=(2,))])
    model = multi_gpu_model(template, gpus=8)
    assert model.layers[-2] is template
    assert np.allclose(model.predict(np.ones((3, 2))), template.predict(np.ones((3, 2))))

"""What goes wrong outside ends a training at once, says what it was, and leaves all usable."""

import contextlib
import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from kforge.callbacks import BackupAndRestore, Callback, CSVLogger, LambdaCallback, ModelCheckpoint
from kforge.layers import Dense
from kforge.models import Sequential, load_model
from kforge.utils import Sequence

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Using a generator with `use_multi:UserWarning"),
]
X = np.random.RandomState(0).randn(40, 4).astype("float32")
Y = X @ np.random.RandomState(1).randn(4, 2).astype("float32")
WORKERS = {
    "training thread": {"workers": 0},
    "thread": {"workers": 1},
    "threads": {"workers": 2},
    "process": {"workers": 1, "use_multiprocessing": True},
    "processes": {"workers": 2, "use_multiprocessing": True},
}
with_any_workers = pytest.mark.parametrize("options", WORKERS.values(), ids=WORKERS)


@pytest.fixture(autouse=True)
def no_hang():
    """Half a minute at most for each test; no thread and no process stays behind."""

    def too_late(*_):
        raise TimeoutError("hangs")

    threads = set(threading.enumerate())
    before = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)
    for _ in range(100):
        rest = set(threading.enumerate()) - threads, multiprocessing.active_children()
        if not any(rest):
            break
        time.sleep(0.05)
    assert not any(rest)


def network():
    model = Sequential([Dense(2, input_shape=(4,))])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def assert_usable(model, folder):
    """It goes on where it stopped, and so does what is saved of it."""
    steps = model.optimizer.iterations.numpy()
    model.save(folder / "after.h5")
    other = load_model(folder / "after.h5")
    for each in (model, other):
        each.fit(X, Y, batch_size=10, shuffle=False, verbose=0)
        assert each.optimizer.iterations.numpy() == steps + 4
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    assert np.isfinite(model.predict(X)).all()


class Batches(Sequence):
    def __init__(self, at=-1, fault=None):
        self.at, self.fault = at, fault

    def __len__(self):
        return 8

    def __getitem__(self, i):
        if i == self.at:
            self.fault()
        return X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]


def generator(at=-1, fault=None):
    while True:
        for i in range(8):
            if i == at:
                fault()
            yield X[5 * i : 5 * i + 5], Y[5 * i : 5 * i + 5]


def fail():
    raise LookupError("row 7 is missing")


@with_any_workers
@pytest.mark.parametrize("make", [Batches, generator])
def test_data_that_raise(make, options, tmp_path):
    model = network()
    with pytest.raises(LookupError, match="row 7 is missing") as caught:
        model.fit(make(3, fail), steps_per_epoch=8, shuffle=False, verbose=0, **options)
    where = "".join(map(str, caught.traceback)) + str(caught.value)
    assert "fail" in where and "test_faults" in where  # the user's own line
    assert model.optimizer.iterations.numpy() <= 3 * max(1, options["workers"])
    assert_usable(model, tmp_path)


@with_any_workers
def test_validation_data_that_raise(options, tmp_path):
    model = network()
    with pytest.raises(LookupError, match="row 7 is missing"):
        model.fit(X, Y, validation_data=Batches(3, fail), verbose=0, **options)
    assert_usable(model, tmp_path)


@with_any_workers
def test_generators_that_end(options, tmp_path):
    def short():
        for i, batch in enumerate(generator()):
            if i == 5:
                return
            yield batch

    model = network()
    ends = 1 if options.get("use_multiprocessing") else 0  # every process has its own copy
    at = 5 * (options["workers"] if ends else 1) + 1
    with pytest.raises(ValueError, match=f"The generator ended at step {at} of 16"):
        model.fit(short(), steps_per_epoch=16, verbose=0, **options)
    assert_usable(model, tmp_path)


@pytest.mark.parametrize("make", [Batches, generator])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_killed(make, workers, tmp_path):
    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    model, options = network(), {"workers": workers, "use_multiprocessing": True, "verbose": 0}
    with pytest.raises(
        RuntimeError, match=r"worker .*killed by signal: Killed|exited unexpectedly"
    ):
        model.fit(make(3, die), steps_per_epoch=8, shuffle=False, **options)
    assert_usable(model, tmp_path)


class Interrupt(Callback):
    """Presses Ctrl-C in the middle of the second epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == (1, 3):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def listening():
    """Ctrl-C raises, also where the tests run in the background of a shell that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@with_any_workers
@pytest.mark.parametrize("make", [lambda: None, Batches, generator])
def test_ctrl_c(make, options, tmp_path, listening):
    model, data = network(), make()
    arrays = {"x": X, "y": Y, "batch_size": 5} if data is None else {"x": data}
    steps = {} if data is None else {"steps_per_epoch": 8}
    callbacks = [
        Interrupt(),
        ModelCheckpoint(str(tmp_path / "model.h5")),
        CSVLogger(str(tmp_path / "log.csv")),
        BackupAndRestore(str(tmp_path / "backup")),
    ]
    with pytest.raises(KeyboardInterrupt):
        model.fit(**arrays, **steps, epochs=3, callbacks=callbacks, verbose=0, **options)
    assert model.optimizer.iterations.numpy() in (11, 12)
    assert sorted(os.listdir(tmp_path)) == ["backup", "log.csv", "model.h5"]
    assert load_model(tmp_path / "model.h5").optimizer.get_weights()[0] == 8
    assert os.listdir(tmp_path / "backup") == ["backup.npz"]
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 2
    callbacks[0] = LambdaCallback()
    model.fit(X, Y, batch_size=5, epochs=3, callbacks=callbacks, verbose=0)
    assert model.optimizer.iterations.numpy() == 24  # from the backup: two epochs more
    assert_usable(model, tmp_path)


def test_ctrl_c_in_a_terminal(tmp_path):
    """There all processes of the program get the signal, also the workers."""
    program = f"""
        import signal, sys, time
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        import numpy as np
        from test_faults import Batches, network

        class Slow(Batches):
            def __getitem__(self, i):
                time.sleep(0.05)
                return super().__getitem__(i)

        def started(batch, logs):
            print("started", flush=True)

        from kforge.callbacks import LambdaCallback
        network().fit(Slow(), epochs=1000, workers=2, use_multiprocessing=True, verbose=0,
                      callbacks=[LambdaCallback(on_batch_end=started)])
    """
    run = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with run:
        assert run.stdout.readline() == "started\n"
        os.killpg(run.pid, signal.SIGINT)
        _, errors = run.communicate(timeout=20)
    assert run.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)


@contextlib.contextmanager
def files_of_at_most(size):
    """A full disk: what is written beyond `size` bytes of a file fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("weights", [False, True], ids=["models", "weights"])
@pytest.mark.parametrize("name", ["model.h5", "model.safetensors"])
def test_a_full_disk_while_a_checkpoint_is_written(weights, name, tmp_path):
    path = tmp_path / name
    model, checkpoint = network(), ModelCheckpoint(str(path), save_weights_only=weights)
    model.fit(X, Y, callbacks=[checkpoint], verbose=0)
    whole = path.read_bytes()
    with files_of_at_most(100), pytest.raises(OSError) as caught:
        model.fit(X, Y, callbacks=[checkpoint], verbose=0)
    assert caught.value.errno == errno.EFBIG and str(path) in str(caught.value)
    assert os.listdir(tmp_path) == [name]
    assert path.read_bytes() == whole
    assert_usable(model, tmp_path)


def test_a_full_disk_while_a_backup_is_written(tmp_path):
    model, backup = network(), BackupAndRestore(str(tmp_path / "b"), delete_checkpoint=False)
    model.fit(X, Y, callbacks=[backup], verbose=0)
    whole = (tmp_path / "b" / "backup.npz").read_bytes()
    with files_of_at_most(100), pytest.raises(OSError):
        model.fit(X, Y, epochs=2, callbacks=[backup], verbose=0)
    assert os.listdir(tmp_path / "b") == ["backup.npz"]
    assert (tmp_path / "b" / "backup.npz").read_bytes() == whole
    assert_usable(model, tmp_path)


def test_ctrl_c_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    model, checkpoint = network(), ModelCheckpoint(str(tmp_path / "model.h5"))
    model.fit(X, Y, callbacks=[checkpoint], verbose=0)
    whole = (tmp_path / "model.h5").read_bytes()

    def interrupted(descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "fsync", interrupted)
        model.fit(X, Y, callbacks=[checkpoint], verbose=0)
    assert os.listdir(tmp_path) == ["model.h5"]
    assert (tmp_path / "model.h5").read_bytes() == whole
    assert_usable(model, tmp_path)

"""What is around the tensors: devices, logging, files."""

import contextlib
import glob as _glob
import logging as _logging
import os
import shutil
import types

import torch

from ... import backend as K
from ... import devices

__all__ = [
    "ConfigProto",
    "GPUOptions",
    "device",
    "executing_eagerly",
    "get_logger",
    "name_scope",
]

# ---- settings of sessions -----------------------------------------------------------------------


class ConfigProto:
    """Settings of a session, to write: memory and threads are PyTorch's affair here."""

    def __init__(self, **settings):
        vars(self).update(settings)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        value = ConfigProto()
        setattr(self, name, value)
        return value


class GPUOptions(ConfigProto):
    """See `ConfigProto`."""


def executing_eagerly():
    """False: operations are recorded, as in TensorFlow 1."""
    return False


# ---- scopes -------------------------------------------------------------------------------------


@contextlib.contextmanager
def device(device_name_or_function):
    """Within this scope, variables are made on a device; None changes nothing."""
    name = device_name_or_function
    with devices.device(name) if name else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def name_scope(name=None, default_name=None, values=None):
    """Within this scope, names of new variables begin with `name/`."""
    name = name or default_name
    with K.name_scope(name) if name else contextlib.nullcontext():
        yield name


# ---- logging ------------------------------------------------------------------------------------


def get_logger():
    """Python's logger "tensorflow"."""
    return _logging.getLogger("tensorflow")


_LEVELS = {name: getattr(_logging, name) for name in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")}

logging = {
    **_LEVELS,
    "debug": get_logger().debug,
    "error": get_logger().error,
    "fatal": get_logger().critical,
    "get_verbosity": get_logger().getEffectiveLevel,
    "info": get_logger().info,
    "log": get_logger().log,
    "set_verbosity": get_logger().setLevel,
    "warn": get_logger().warning,
    "warning": get_logger().warning,
}

# ---- devices ------------------------------------------------------------------------------------


def _gpus():
    return [
        types.SimpleNamespace(
            name=f"/physical_device:GPU:{i}",
            device_type="GPU",
            memory_limit=torch.cuda.get_device_properties(i).total_memory,
        )
        for i in range(torch.cuda.device_count())
    ]


def _list_local_devices(session_config=None):
    cpu = types.SimpleNamespace(name="/device:CPU:0", device_type="CPU", memory_limit=2**28)
    for i, gpu in enumerate(gpus := _gpus()):
        gpu.name = f"/device:GPU:{i}"
    return [cpu, *gpus]


def _list_physical_devices(device_type=None):
    cpu = types.SimpleNamespace(name="/physical_device:CPU:0", device_type="CPU")
    return [d for d in [cpu, *_gpus()] if device_type in (None, d.device_type)]


def _set_memory_growth(device, enable):
    """Nothing to do: PyTorch takes memory as it needs it."""


def _is_gpu_available(cuda_only=False, min_cuda_compute_capability=None):
    least = tuple(min_cuda_compute_capability or (0, 0))
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return any(torch.cuda.get_device_capability(i) >= least for i in range(count))


def _gpu_device_name():
    return "/device:GPU:0" if torch.cuda.is_available() else ""


device_lib = {"list_local_devices": _list_local_devices}
test = {
    "gpu_device_name": _gpu_device_name,
    "is_built_with_cuda": torch.backends.cuda.is_built,
    "is_gpu_available": _is_gpu_available,
}


def _set_threads(num_threads):
    """How many threads operations on the CPU use; 0 leaves it to PyTorch."""
    if num_threads:
        torch.set_num_threads(num_threads)


def _set_nothing(*args, **kwargs):
    """Changes nothing: where operations run is told by device scopes."""


config = {
    "get_visible_devices": _list_physical_devices,
    "list_logical_devices": _list_physical_devices,
    "list_physical_devices": _list_physical_devices,
    "set_memory_growth": _set_memory_growth,
    "set_soft_device_placement": _set_nothing,
}
threading = {
    "set_inter_op_parallelism_threads": _set_nothing,
    "set_intra_op_parallelism_threads": _set_threads,
}


# ---- several devices ----------------------------------------------------------------------------


class Strategy:
    """A scope in which models are made: this process has one replica.

    `torchrun -m kforge script.py` trains with one process a device.
    """

    num_replicas_in_sync = 1

    def __init__(self, *args, **kwargs):
        pass

    @contextlib.contextmanager
    def scope(self):
        """Changes nothing."""
        yield

    def run(self, fn, args=(), kwargs=None):
        """What `fn` gives."""
        return fn(*args, **(kwargs or {}))

    experimental_run_v2 = run

    def reduce(self, reduce_op, value, axis=None):
        """The value, since there is one of it."""
        if axis is None:
            return value
        reduction = K.mean if str(reduce_op).upper().endswith("MEAN") else K.sum
        return reduction(value, axis)

    def experimental_distribute_dataset(self, dataset):
        """The data set."""
        return dataset


distribute = {
    name: Strategy for name in ("MirroredStrategy", "OneDeviceStrategy", "Strategy", "get_strategy")
}

# ---- files --------------------------------------------------------------------------------------


def _make_dirs(path):
    os.makedirs(path, exist_ok=True)


def _copy(src, dst, overwrite=False):
    if os.path.exists(dst) and not overwrite:
        raise FileExistsError(dst)
    shutil.copyfile(src, dst)


gfile = {
    "copy": _copy,
    "exists": os.path.exists,
    "glob": _glob.glob,
    "GFile": open,
    "isdir": os.path.isdir,
    "join": os.path.join,
    "listdir": os.listdir,
    "makedirs": _make_dirs,
    "mkdir": os.mkdir,
    "remove": os.remove,
    "rename": os.replace,
    "rmtree": shutil.rmtree,
    "stat": os.stat,
    "walk": os.walk,
}
# The same under the names that `tf.gfile` has.
for _old, _new in {
    "Copy": "copy",
    "DeleteRecursively": "rmtree",
    "Exists": "exists",
    "FastGFile": "GFile",
    "Glob": "glob",
    "IsDirectory": "isdir",
    "ListDirectory": "listdir",
    "MakeDirs": "makedirs",
    "MkDir": "mkdir",
    "Open": "GFile",
    "Remove": "remove",
    "Rename": "rename",
}.items():
    gfile[_old] = gfile[_new]

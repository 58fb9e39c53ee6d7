"""Several processes that train one model: `torchrun --nproc_per_node=4 -m kforge train.py`.

Every process runs the same script on the same data, each on a GPU of its own or all on the CPU.
`fit`, `evaluate`, `train_on_batch` and `test_on_batch` give each its share of every batch, so that
`batch_size` is that of all together and the numbers are those of one process: gradients, losses
and metrics are averages over the whole batch. Normalization layers see their own share only, as
with `multi_gpu_model`; their moving statistics are averaged. After each step all processes hold
the same weights.

What every process computes whole: `predict`, models with a fixed batch size (such as stateful
ones), and optimizers that write their own `get_updates`. Callbacks run in every process, except
those that write files, which run in the first only; the output of scripts is that of the first.

A loss or metric that is no mean over samples (a Dice coefficient of a batch, say) is the mean of
those of the shares. Noise, such as that of dropout, is not that of one process.
"""

import os
import random
import warnings

import numpy as np
import torch
import torch.distributed as dist

__all__ = [
    "any_of",
    "barrier",
    "broadcast",
    "check_joined",
    "differ",
    "is_first",
    "join",
    "leave",
    "rank",
    "same_random_numbers",
    "share",
    "size",
    "sum_over",
]

# Set in the environment once a process has joined others.
_JOINED = "KFORGE_JOINED"

_place = {"rank": 0, "size": 1}


def rank():
    """The number of this process, from 0."""
    return _place["rank"]


def size():
    """The number of processes; 1 unless this one has joined others."""
    return _place["size"]


def is_first():
    """Whether this process is the one that writes files and reports."""
    return _place["rank"] == 0


def join():
    """Joins the processes that torchrun has started, if it has: the runner does so by itself.

    The CUDA device of the process becomes that of its number on this machine. Python's and NumPy's
    random numbers are from now on those of the first process, so that all shuffle alike. Raises
    `ValueError` if there are more processes than CUDA devices.
    """
    if size() > 1 or not _has_company():
        return
    os.environ[_JOINED] = "1"  # programs that this one starts are not among them
    backend = "gloo"
    if torch.cuda.is_available():
        local, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if local >= count:
            raise ValueError(
                f"Process {local} of this machine has no GPU of its own: there are {count}. Start "
                f'at most {count} (--nproc_per_node={count}), or set CUDA_VISIBLE_DEVICES="" to '
                "train on the CPU."
            )
        torch.cuda.set_device(local)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend)
    _place.update(rank=dist.get_rank(), size=dist.get_world_size())
    same_random_numbers()


def _has_company():
    """Whether torchrun has started other processes with this one."""
    started = int(os.environ.get("WORLD_SIZE", 1)) > 1 and "MASTER_ADDR" in os.environ
    return started and _JOINED not in os.environ


def check_joined(stacklevel):
    """Warns if torchrun has started other processes that this one has nothing to do with."""
    if size() == 1 and _has_company() and not dist.is_initialized():
        warnings.warn(
            "torchrun has started several processes, and each trains by itself. For one training "
            "by all, run the script with `torchrun -m kforge`, or call `kforge.parallel.join()`.",
            stacklevel=stacklevel + 1,
        )


def leave():
    """Parts from the other processes; from now on this one works alone."""
    if size() > 1:
        _place.update(rank=0, size=1)
        dist.destroy_process_group()


def share(count):
    """(begin, end) of the samples of this process among `count`; sizes differ by one at most."""
    each, more = divmod(count, size())
    begin = rank() * each + min(rank(), more)
    return begin, begin + each + (rank() < more)


def sum_over(tensor):
    """Makes a contiguous tensor the sum of those of all processes."""
    dist.all_reduce(tensor)


def any_of(flag):
    """Whether `flag` is true in any process; it is true or false here."""
    if size() == 1:
        return flag
    found = torch.tensor(int(bool(flag)))
    dist.all_reduce(found)
    return bool(found)


def barrier():
    """Waits until all processes are here."""
    if size() > 1:
        any_of(False)


def broadcast(tensors):
    """Gives tensors the values that they have in the first process."""
    for tensor in tensors:
        values = tensor.detach().clone(memory_format=torch.contiguous_format)
        dist.broadcast(values, 0)
        with torch.no_grad():
            tensor.copy_(values)


def same_random_numbers():
    """From now on Python and NumPy draw what they draw in the first process; torch, whose numbers
    are for dropout and noise, does not (see `differ`)."""
    states = [[random.getstate(), np.random.get_state()]]
    dist.broadcast_object_list(states, 0)
    random.setstate(states[0][0])
    np.random.set_state(states[0][1])
    differ()


def differ():
    """From now on torch draws other random numbers than in the first process, if this is another:
    the samples of each process are others, too."""
    if rank():
        torch.manual_seed((torch.initial_seed() + 0x9E3779B9 * rank()) % 2**63)

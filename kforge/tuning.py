"""Settings of the process that make work on a CPU faster. They change no result that matters.

- Denormal numbers, which a vanishing loss leaves in optimizer state, make CPU kernels several
  times slower. Training flushes them to zero. The setting is per thread: torch's worker threads
  inherit it when they start, the main thread has it only while training, since NumPy warns where
  it is on.
- glibc gives large freed blocks back to the system, and every step pays for getting them anew.
  Working in batches tells it to keep them. ``KFORGE_KEEP_MEMORY=0`` leaves the allocator alone.
"""

import contextlib
import ctypes
import os
import sys

import torch

__all__ = ["flushing_denormals", "keep_freed_memory", "start_worker_threads"]

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_kept = None


def start_worker_threads():
    """Starts torch's threads while denormals are flushed, so that they always do so."""
    with flushing_denormals():
        torch.empty(65536 * torch.get_num_threads()).fill_(1.0)


@contextlib.contextmanager
def flushing_denormals():
    """Within this context, the current thread treats denormal numbers as zero."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def keep_freed_memory():
    """Tells glibc to keep freed memory for the next step. Gives whether that is the case."""
    global _kept
    if _kept is None:
        _kept = False
        if sys.platform == "linux" and os.environ.get("KFORGE_KEEP_MEMORY", "1") != "0":
            mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent from other C libraries
            if mallopt is not None:
                _kept = bool(mallopt(_M_MMAP_MAX, 0) and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
    return _kept

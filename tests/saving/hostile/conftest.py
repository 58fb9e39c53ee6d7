import ctypes
import os
import struct
import sys

import h5py
import numpy as np
import pytest

IN_ACCESS, IN_OPEN = 0x1, 0x20


class Canary:
    """A file that knows whether anything, the C library included, has opened it (on Linux)."""

    def __init__(self, path):
        self.path = path
        with h5py.File(path, "w") as file:
            file["secret"] = np.arange(100, dtype="float32")
        self._events = None

    def watch(self):
        if sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            self._events = libc.inotify_init1(os.O_NONBLOCK)
            watched = libc.inotify_add_watch(self._events, bytes(self.path), IN_ACCESS | IN_OPEN)
            assert watched > 0, os.strerror(ctypes.get_errno())

    def touched(self):
        """How often it was opened or read since `watch`."""
        if self._events is None:
            return 0
        try:
            return len(os.read(self._events, 1 << 16)) // struct.calcsize("iIII")
        except BlockingIOError:
            return 0

    def close(self):
        if self._events is not None:
            os.close(self._events)


@pytest.fixture
def canary(tmp_path):
    (tmp_path / "outside").mkdir()
    canary = Canary(tmp_path / "outside" / "canary.h5")
    yield canary
    canary.close()

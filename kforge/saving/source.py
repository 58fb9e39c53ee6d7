"""Files to read from, however the caller names them."""

import io
import os
import stat

__all__ = ["Closing", "is_path", "looks_like", "open_source"]

# What people have in place of a model file, by its first bytes.
LOOKALIKES = (
    (b"PK\x03\x04", "a zip archive; if it is a `.keras` file, save it as `.h5` in Keras 3"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"version https://git-lfs", "a Git LFS pointer; `git lfs pull` fetches the file itself"),
    (b"<", "a web page; the download has gone wrong"),
    (b"\x80", "a pickle, which is never read"),
)


def is_path(value):
    """Whether `value` is a path rather than a file or a group of one."""
    return isinstance(value, (str, bytes, os.PathLike))


def open_source(source, stack):
    """A seekable binary file object for a path or a file object, and a name for messages.

    What is opened here is closed with `stack`, a `contextlib.ExitStack`. Raises `OSError` for a
    path that leads to no regular file, `TypeError` for another kind of source.
    """
    if is_path(source):
        path = os.fsdecode(source)
        mode = os.stat(path).st_mode  # before opening: to open a pipe may wait for ever
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise OSError(f"Cannot read {path}: it is {kind}.")
        return stack.enter_context(open(path, "rb")), path
    if not hasattr(source, "read"):
        raise TypeError(
            f"Expected a path, a binary file object or an h5py group, got {type(source).__name__}."
        )
    if isinstance(source, io.TextIOBase):
        raise TypeError("Expected a file object opened in binary mode, as by `open(path, 'rb')`.")
    label = str(getattr(source, "name", type(source).__name__))
    return source if source.seekable() else io.BytesIO(source.read()), label


class Closing:
    """May own a `contextlib.ExitStack`, which closes at the end of its ``with`` statement."""

    def __init__(self, owned=None):
        self._owned = owned

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Closes what was opened for it."""
        if self._owned is not None:
            self._owned.close()


def looks_like(head):
    """What a file that begins with these bytes seems to be, in words."""
    if not head:
        return "it is empty"
    found = (kind for start, kind in LOOKALIKES if head.lstrip().startswith(start))
    return f"it seems to be {next(found, 'something else')}"

"""Writes that are whole or not at all."""

import contextlib
import os
import secrets
import stat

__all__ = ["atomic_write"]


@contextlib.contextmanager
def atomic_write(path):
    """A binary file, open for reading and writing, that becomes `path` when the block ends.

    Until then, and for ever if the block fails, `path` is what it was. A file that is replaced
    keeps its permissions; a symbolic link stays one and its target is replaced.
    """
    target = os.path.realpath(os.fsdecode(path))
    folder, name = os.path.split(target)
    mode = _permissions(target)
    temporary = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(8)}.tmp")
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)  # less the umask, like any new file
    try:
        with os.fdopen(descriptor, "w+b") as file:
            if mode is not None:
                os.chmod(temporary, mode)
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = target  # a full disk does not say what was to be written
        raise
    _sync(folder)


def _permissions(target):
    """Mode bits of the regular file at `target`, None if nothing is there."""
    if not os.path.isdir(os.path.dirname(target)):
        raise FileNotFoundError(f"Cannot save to {target}: its folder does not exist.")
    try:
        mode = os.stat(target).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"Cannot save to {target}: it is a folder.")
    if not stat.S_ISREG(mode):
        raise OSError(f"Cannot save to {target}: it is not a regular file.")
    return stat.S_IMODE(mode)


def _sync(folder):
    """Lets the new name survive a loss of power, on file systems that can promise it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        # Some network file systems refuse this; the file itself is safe and in place by now.
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""What reading a file can raise."""

__all__ = ["DamagedFileError", "FileError", "UnsafeFileError"]


class FileError(ValueError):
    """A file cannot be used; the message names the file and the object in it."""


class UnsafeFileError(FileError):
    """A file asks for what none is granted: to read other files, to run code, to fill memory."""


class DamagedFileError(FileError, OSError):
    """A file is cut short, not of the format expected, or contradicts itself.

    Also an `OSError`, the type of a file that Keras cannot open.
    """

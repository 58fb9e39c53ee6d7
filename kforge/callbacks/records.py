"""Callbacks that write the logs of epochs elsewhere."""

import csv
import json
import os
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Iterable

import numpy as np

from ..registry import plain
from .base import Callback

__all__ = ["CSVLogger", "RemoteMonitor"]


class CSVLogger(Callback):
    """Writes a line for each epoch to a file; `append` keeps what is there."""

    is_report = True

    def __init__(self, filename, separator=",", append=False):
        self.filename, self.sep, self.append = filename, separator, append
        self.csv_file = self.writer = self.keys = None
        self.append_header = True

    def on_train_begin(self, logs=None):
        """Opens the file."""
        if self.csv_file is not None:  # of a training that was interrupted
            self.csv_file.close()
        continues = self.append and os.path.exists(self.filename)
        self.append_header = not (continues and os.path.getsize(self.filename) > 0)
        self.csv_file = open(self.filename, "a" if self.append else "w", newline="")
        self.writer = None

    def on_epoch_end(self, epoch, logs=None):
        """Writes a line: the epoch, then the values by name; NA where there is none."""
        if self.writer is None:
            # What only some epochs have, such as values of validation, has its column too.
            self.keys = sorted({*logs, *(self.params or {}).get("metrics", ())})
            fields = ["epoch", *self.keys]
            self.writer = csv.DictWriter(
                self.csv_file, fields, "NA", extrasaction="ignore", delimiter=self.sep
            )
            if self.append_header:
                self.writer.writeheader()
        self.writer.writerow({"epoch": epoch, **{k: _cell(v) for k, v in logs.items()}})
        self.csv_file.flush()

    def on_train_end(self, logs=None):
        """Closes the file."""
        self.csv_file.close()
        self.writer = None


def _cell(value):
    if isinstance(value, str) or np.ndim(value) == 0:
        return value
    return '"[' + ", ".join(map(str, value)) + ']"' if isinstance(value, Iterable) else value


class RemoteMonitor(Callback):
    """Posts the logs of each epoch to a server: as JSON in the form field `field`, or as the body.

    A server that does not answer causes a warning.
    """

    is_report = True

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch, logs=None):
        """Posts the logs."""
        text = json.dumps({"epoch": epoch, **plain(dict(logs or {}))})
        if self.send_as_json:
            kind, body = "application/json", text
        else:
            kind = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode({self.field: text})
        headers = {"Content-Type": kind, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, body.encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=10):
                pass
        except OSError as error:
            warnings.warn(
                f"Could not reach RemoteMonitor root server at {self.root}: {error}", stacklevel=2
            )

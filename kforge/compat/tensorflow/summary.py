"""`tf.summary`: numbers and images for TensorBoard. It needs the package tensorboard."""

import time

import numpy as np

from ...backend.session import Fetch
from .values import tensor as _tensor

__all__ = ["FileWriter", "histogram", "image", "merge", "merge_all", "scalar", "summary_types"]

# What `merge_all` merges.
_all = []


def summary_types():
    """The modules of TensorBoard that describe what its files hold."""
    try:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer import event_file_writer
    except ImportError as e:
        raise ImportError("`tf.summary` needs: pip install kforge[tensorboard]") from e
    return summary_pb2, event_pb2, event_file_writer


class _Summaries(Fetch):
    """Values by name, for `Session.run`, which gives them as `FileWriter` takes them.

    ``describe[i](name, value)`` gives the entries of a summary for value i.
    """

    def __init__(self, names, operations, describe):
        self.names, self.operations, self.describe = names, operations, describe

    def result(self, values):
        """The values, described and serialized."""
        parts = zip(self.describe, self.names, values)
        found = [entry for describe, name, value in parts for entry in describe(name, value)]
        return summary_types()[0].Summary(value=found).SerializeToString()


def _made(name, tensor, family, describe):
    name = f"{family}/{name}" if family else name
    made = _Summaries([name], [_tensor(tensor)], [describe])
    _all.append(made)
    return made


def scalar(name, tensor, collections=None, family=None):
    """A number under a name, to be run and added to a `FileWriter`."""
    return _made(name, tensor, family, _described_scalar)


def _described_scalar(name, value):
    return [summary_types()[0].Summary.Value(tag=name, simple_value=float(value))]


def histogram(name, values, collections=None, family=None):
    """How often values are in intervals, which grow by a tenth each from 0 to both sides."""
    return _made(name, values, family, _described_histogram)


def _described_histogram(name, values):
    summary_types()  # names the package that is missing
    from torch.utils.tensorboard import summary

    bins = 1e-12 * 1.1 ** np.arange(774)
    bins = np.concatenate([-bins[::-1], [0.0], bins])
    return summary.histogram(name, np.asarray(values, "float64"), bins).value


def image(name, tensor, max_outputs=3, collections=None, family=None):
    """Images, (batch, rows, columns, channels), the first `max_outputs` of them."""

    def describe(name, values):
        summary_types()
        from torch.utils.tensorboard import summary

        count = min(max_outputs, len(values))
        for i, pixels in enumerate(values[:count]):
            tag = f"{name}/image" if max_outputs == 1 else f"{name}/image/{i}"
            yield from summary.image(tag, _bytes(pixels), dataformats="HWC").value

    return _made(name, tensor, family, describe)


def _bytes(pixels):
    """Floats as numbers to 255: from 0, or, where some are negative, around 127."""
    if pixels.dtype == np.uint8:
        return pixels
    largest = max(np.abs(pixels).max(), 1e-12)
    scaled = pixels / largest * 255 if pixels.min() >= 0 else pixels / largest * 127 + 128
    return scaled.astype(np.uint8)


def merge(inputs, collections=None):
    """Several summaries as one."""
    parts = [
        [x for s in inputs for x in getattr(s, kind)]
        for kind in ("names", "operations", "describe")
    ]
    return _Summaries(*parts)


def merge_all(key=None, scope=None):
    """All summaries that were made so far as one; None if there is none."""
    return merge(_all) if _all else None


def forget_all():
    """What was made so far is not merged any more."""
    _all.clear()


class FileWriter:
    """Writes summaries into a file in a folder, for TensorBoard. A graph is not written."""

    def __init__(self, logdir, graph=None, max_queue=10, flush_secs=120, filename_suffix=None):
        self._summaries, self._events, writers = summary_types()
        self._writer = writers.EventFileWriter(
            str(logdir), max_queue, flush_secs, filename_suffix or ""
        )

    def add_summary(self, summary, global_step=None):
        """Adds a summary, serialized or not, of a step."""
        if isinstance(summary, bytes):
            summary = self._summaries.Summary.FromString(summary)
        event = self._events.Event(wall_time=time.time(), summary=summary)
        if global_step is not None:
            event.step = int(global_step)
        self._writer.add_event(event)

    def add_graph(self, graph, global_step=None):
        """Nothing to write: graphs of TensorFlow are not what kforge has."""

    def flush(self):
        """Writes what is waiting."""
        self._writer.flush()

    def close(self):
        """Writes what is waiting and closes the file."""
        self._writer.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

"""`tf.summary`: numbers for TensorBoard. It needs the package tensorboard."""

import time

from ...backend.session import Fetch
from .values import tensor as _tensor

__all__ = ["FileWriter", "merge", "merge_all", "scalar", "summary_types"]

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


class _Scalars(Fetch):
    """Numbers by name, for `Session.run`, which gives them as `FileWriter` takes them."""

    def __init__(self, names, operations):
        self.names, self.operations = names, operations

    def result(self, values):
        """The numbers, described and serialized."""
        kind = summary_types()[0].Summary
        found = kind(
            value=[
                kind.Value(tag=name, simple_value=float(value))
                for name, value in zip(self.names, values)
            ]
        )
        return found.SerializeToString()


def scalar(name, tensor, collections=None, family=None):
    """A number under a name, to be run and added to a `FileWriter`."""
    made = _Scalars([f"{family}/{name}" if family else name], [_tensor(tensor)])
    _all.append(made)
    return made


def merge(inputs, collections=None):
    """Several summaries as one."""
    return _Scalars([n for s in inputs for n in s.names], [x for s in inputs for x in s.operations])


def merge_all(key=None, scope=None):
    """All summaries that `scalar` gave so far as one; None if there is none."""
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

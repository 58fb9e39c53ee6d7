"""Pickles as Python 2 wrote them, which is how CIFAR is published."""

import io
import pickle
import struct


class _Pickler(pickle._Pickler):
    """Text and bytes alike become the `str` of Python 2."""

    def _save_text(self, text):
        body = text.encode("ascii") if isinstance(text, str) else text
        if len(body) < 256:
            self.write(pickle.SHORT_BINSTRING + bytes([len(body)]) + body)
        else:
            self.write(pickle.BINSTRING + struct.pack("<i", len(body)) + body)
        self.memoize(text)

    dispatch = pickle._Pickler.dispatch | {str: _save_text, bytes: _save_text}


def python2_pickle(obj):
    """`obj` pickled by Python 2 and NumPy 1."""
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=2).dump(obj)
    return buffer.getvalue().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")

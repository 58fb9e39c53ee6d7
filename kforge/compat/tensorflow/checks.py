"""`tf.debugging` and `tf.test`: assertions of tensors, and of tests."""

import unittest

import numpy as np
import torch

from ... import backend as K
from ...backend import session
from .flow import Assert
from .values import apply, convert, pair, tensor

__all__ = ["ASSERTIONS", "TestCase"]


def _comparison(name, compare):
    def check(x, y, data=None, summarize=None, message=None):
        x, y = pair(x, y)
        return Assert(K.all(compare(x, y)), [message or name, x, y] if data is None else data)

    check.__name__ = check.__qualname__ = f"assert_{name}"
    check.__doc__ = f"An operation that fails, when it runs, unless x {name.replace('_', ' ')} y."
    return check


def _property(name, holds):
    def check(x, data=None, summarize=None, message=None):
        x = tensor(x)
        return Assert(K.all(holds(x)), [message or name, x] if data is None else data)

    check.__name__ = check.__qualname__ = f"assert_{name}"
    check.__doc__ = f"An operation that fails, when it runs, unless x is {name.replace('_', ' ')}."
    return check


def assert_rank(x, rank, data=None, summarize=None, message=None):
    """Raises `ValueError` unless `x` has so many axes."""
    found = len(tensor(x).shape)
    wanted = rank if isinstance(rank, (list, tuple)) else [rank]
    if found not in wanted:
        raise ValueError(f"{message or 'assert_rank'}: expected rank {rank}, got {found}.")
    return convert(True)


def check_numerics(tensor, message):
    """`tensor`, whose computation fails where a number is infinite or none."""
    return apply(_finite, convert(tensor), message)


def _finite(x, message):
    if not x.is_meta and not bool(torch.isfinite(x).all()):
        raise ValueError(f"{message} : Tensor had NaN or Inf values")
    return x.view_as(x)


def verify_tensor_all_finite(t=None, msg=None, x=None, message=None):
    """`check_numerics`."""
    return check_numerics(t if t is not None else x, msg or message)


ASSERTIONS = {
    f"assert_{name}": _comparison(name, compare)
    for name, compare in {
        "equal": K.equal,
        "greater": K.greater,
        "greater_equal": K.greater_equal,
        "less": K.less,
        "less_equal": K.less_equal,
        "none_equal": K.not_equal,
    }.items()
}
ASSERTIONS |= {
    f"assert_{name}": _property(name, holds)
    for name, holds in {
        "negative": lambda x: K.less(x, 0),
        "non_negative": lambda x: K.greater_equal(x, 0),
        "non_positive": lambda x: K.less_equal(x, 0),
        "positive": lambda x: K.greater(x, 0),
    }.items()
}
ASSERTIONS |= {
    "assert_rank": assert_rank,
    "assert_rank_in": assert_rank,
    "check_numerics": check_numerics,
    "verify_tensor_all_finite": verify_tensor_all_finite,
}


class TestCase(unittest.TestCase):
    """A test of values of tensors."""

    def session(self, graph=None, config=None, use_gpu=False, force_gpu=False):
        """A session."""
        return session.Session()

    test_session = cached_session = session

    def evaluate(self, tensors):
        """The values of nested tensors."""
        return session.current.run(tensors)

    def assertAllClose(self, a, b, rtol=1e-6, atol=1e-6, msg=None):
        """That numbers are close."""
        np.testing.assert_allclose(_value(a), _value(b), rtol, atol, err_msg=msg or "")

    def assertAllEqual(self, a, b, msg=None):
        """That numbers are equal."""
        np.testing.assert_array_equal(_value(a), _value(b), err_msg=msg or "")

    def assertShapeEqual(self, np_array, tf_tensor, msg=None):
        """That the shape of an array is that of a tensor."""
        self.assertEqual(list(np_array.shape), list(tf_tensor.shape), msg)


def _value(x):
    return x.eval() if hasattr(x, "eval") else x

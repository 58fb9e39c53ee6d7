import warnings
import weakref

import numpy as np
import pytest

from kforge import backend as K
from kforge.backend import session

A = np.arange(6, dtype="float32").reshape(2, 3)


def test_clear_session_frees_and_counts_anew():
    K.clear_session()
    assert (K.get_uid("a"), K.get_uid("a")) == (1, 2)
    x = K.placeholder((2,))
    f = K.function([x], [x + K.variable([1.0, 2.0])])
    f([[0, 0]])
    gone = weakref.ref(f.lowered(0).captured[0])
    del f, x
    K.clear_session()
    assert gone() is None and K.get_uid("a") == 1


def test_sessions_run_and_say_what_they_are():
    session._explain.cache_clear()
    with pytest.warns(UserWarning, match="no TensorFlow session"):
        K.set_session(None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # explained once
        sess = K.get_session()
    x, w = K.placeholder((3,)), K.variable(2.0)
    with sess:
        total, (product,) = sess.run([K.sum(x), [x * w]], feed_dict={x: A[1]})
        assert total == 12 and product.tolist() == [6, 8, 10]
        assert sess.run(w) == 2
    K.manual_variable_initialization(True)
    assert K.get_value(w) == 2


def test_words_of_keras_1():
    assert K.image_dim_ordering() == "tf"
    try:
        K.set_image_dim_ordering("th")
        assert K.image_data_format() == "channels_first" and K.image_dim_ordering() == "th"
    finally:
        K.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match="'tf' or 'th'"):
        K.set_image_dim_ordering("channels_last")
    assert K.normalize_data_format(None) == "channels_last"


def test_the_name_of_the_backend(monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert K.backend() == "torch"
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert K.backend() == "theano"


def test_the_name_of_the_backend_before_keras_2_3():
    assert K._BACKEND == K.backend()
    assert not hasattr(K, "_no_such_name")

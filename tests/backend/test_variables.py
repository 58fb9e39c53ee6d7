import numpy as np
import pytest
import scipy.sparse
import torch

from kforge import backend as K

A = np.arange(6.0).reshape(2, 3)


def test_a_variable_keeps_the_value_of_what_it_was_made_from():
    w = K.variable(A)
    for value in (A, A.tolist(), torch.tensor(A), w, w + 0.0, K.constant(A)):
        v = K.variable(value, name="v")
        np.testing.assert_array_equal(K.get_value(v), A)
        assert (K.dtype(v), v.name, K.int_shape(v)) == ("float32", "v:0", (2, 3))
    K.set_value(w, A + 1)
    np.testing.assert_array_equal(K.get_value(v), A)


@pytest.mark.parametrize("dtype", ["int32", "float64", "bool"])
def test_zeros_and_ones_like_others_are_floats(dtype):
    x = K.placeholder((None, 2), dtype=dtype)
    for function in (K.zeros_like, K.ones_like):
        assert function(x).shape == (None, 2)
        assert (K.dtype(function(x)), K.dtype(function(x, "int32"))) == ("float32", "int32")


def test_names_stand_in_their_scopes():
    with K.name_scope("outer"), K.name_scope("inner"):
        assert K.variable(0.0, name="w").name == "outer/inner/w:0"


def test_values_without_axes_are_numpy_scalars():
    assert isinstance(K.eval(K.sum(K.ones((2, 2)))), np.float32)
    assert isinstance(K.get_value(K.variable(1, dtype="int64")), np.int64)
    assert K.get_value(3) == 3


def test_constants():
    np.testing.assert_array_equal(K.eval(K.constant(2, shape=(2, 2))), np.full((2, 2), 2.0))
    np.testing.assert_array_equal(K.eval(K.constant([1, 2], shape=(2, 1))), [[1.0], [2.0]])
    assert K.dtype(K.constant(A)) == "float32"
    assert K.dtype(K.constant([True], dtype="bool")) == "bool"
    with pytest.raises(RuntimeError, match="shape"):
        K.constant([1, 2], shape=(3,))


def test_lists_of_tensors_stack():
    x = K.placeholder(())
    f = K.function([x], [K.constant([x, x * 2]), K.sum([x, 3.0])])
    pair, total = f([1.0])
    assert pair.tolist() == [1, 2] and total == 4


def test_zeros_are_a_variable_where_the_shape_is_known():
    x = K.placeholder((None, 3))
    assert K.is_variable(K.zeros((2, 3))) and K.is_variable(K.ones((1,)))
    known = K.zeros(K.shape(K.variable(A)))
    assert K.is_variable(known) and K.int_shape(known) == A.shape
    z = K.zeros((K.shape(x)[0], 5), dtype="int32")
    assert not K.is_variable(z) and K.int_shape(z) == (None, 5)
    assert K.function([x], [z])([A])[0].shape == (2, 5)
    assert K.eval(K.zeros((0, 2))).shape == (0, 2)
    np.testing.assert_array_equal(K.eval(K.eye((2, 3))), np.eye(2, 3))


def test_shapes_are_static_or_dynamic():
    x = K.placeholder(ndim=3)
    assert K.int_shape(x) == K.get_variable_shape(x) == (None, None, None)
    assert K.ndim(x) == 3 and K.count_params(K.zeros((2, 3))) == 6
    shape, size = K.function([x], [K.shape(x), K.size(x)])([np.zeros((2, 3, 4))])
    assert shape.tolist() == [2, 3, 4] and size == 24
    assert shape.dtype == size.dtype == np.int32
    assert K.int_shape(A) == (2, 3)


def test_kinds():
    x, w = K.placeholder((2,)), K.variable(0.0)
    assert [K.is_placeholder(t) for t in (x, w, x + 1)] == [True, False, False]
    assert [K.is_variable(t) for t in (x, w, x + 1)] == [False, True, False]
    assert [K.is_tensor(t) for t in (x, w, torch.ones(1), A, 1.0)] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert [K.is_symbolic(t) for t in (x, w, torch.ones(1))] == [True, True, False]
    assert not K.is_keras_tensor(x)
    with pytest.raises(ValueError, match="Unexpectedly found an instance of type"):
        K.is_keras_tensor(A)


def test_automatic_names_of_placeholders():
    K.clear_session()
    assert [K.placeholder(()).name for _ in range(3)] == [
        "Placeholder:0",
        "Placeholder_1:0",
        "Placeholder_2:0",
    ]


def test_cast_to_the_same_dtype_is_no_operation():
    x = K.placeholder((2,))
    assert K.cast(x, "float32") is x
    np.testing.assert_array_equal(K.eval(K.cast([1.7, -1.7], "int32")), [1, -1])
    assert K.dtype(K.cast(x, np.float64)) == "float64"
    with pytest.raises(TypeError, match="Unknown dtype 'floaty'"):
        K.cast(x, "floaty")


def test_gradients_tell_an_identity_from_its_origin():
    x = K.variable(2.0)
    y = K.identity(x, name="y")
    assert y.name == "y:0"
    assert K.eval(K.gradients(y * 3 + x * 5, y)[0]) == 3
    assert K.eval(K.gradients(y * 3 + x * 5, x)[0]) == 8


def test_no_gradient_passes_stop_gradient():
    x = K.variable(3.0)
    assert K.eval(K.gradients(K.stop_gradient(x) * x, x)[0]) == 3
    assert K.gradients(K.stop_gradient([x])[0], x) == [None]
    assert K.gradients(K.round(x), x) == [None]


def test_changes():
    w = K.variable([1.0, 2.0])
    for change, wanted in (
        (K.update(w, w * 3), [3, 6]),
        (K.update_add(w, [1, 1]), [4, 7]),
        (K.update_sub(w, w), [0, 0]),
        (K.update(w, [4, 8]), [4, 8]),
        (K.moving_average_update(w, K.zeros_like(w), 0.75), [3, 6]),
    ):
        np.testing.assert_array_equal(K.eval(change), wanted)
        np.testing.assert_array_equal(K.get_value(w), wanted)


def test_changes_happen_at_once_in_code_that_runs_on_values():
    w = K.variable(1.0)

    @K.eager
    def twice():
        K.update_add(w, 2.0)
        return K.update_add(w, 2.0)

    assert float(twice().detach()) == 5 and K.get_value(w) == 5


def test_control_dependencies_tie_changes_to_an_identity():
    w, x = K.variable(0.0), K.placeholder(())
    with K.control_dependencies([K.update_add(w, x)]):
        y = K.identity(x * 10)
    f = K.function([x], [y])
    assert [f([v])[0] for v in (1.0, 2.0)] == [10, 20]
    assert K.get_value(w) == 3


def test_setting_values():
    v, w = K.variable(A), K.variable(0.0)
    K.batch_set_value([(v, A + 1), (w, 5)])
    a, b = K.batch_get_value([v, w])
    np.testing.assert_array_equal(a, A + 1)
    assert b == 5
    with pytest.raises(ValueError, match=r"shape \(2,\) to one of shape \(2, 3\)"):
        K.set_value(v, [1, 2])
    with pytest.raises(TypeError, match=r"K.set_value"):
        K.set_value(0.1, 1)


def test_sparse_matrices():
    matrix = scipy.sparse.random(4, 3, 0.5, random_state=0, dtype="float32")
    constant = K.variable(matrix)
    assert K.is_sparse(constant) and not K.is_sparse(K.to_dense(constant))
    np.testing.assert_array_equal(K.eval(constant), matrix.toarray())
    x, w = K.placeholder((None, 3), sparse=True), K.variable(A.T)
    assert K.is_sparse(x) and not K.is_sparse(w) and K.to_dense(w) is w
    y = K.dot(x, w)
    assert K.int_shape(y) == (None, 2)
    dense, product, twice, gradient = K.function(
        [x], [K.to_dense(x), y, K.concatenate([x, x]), *K.gradients(y, w)]
    )([matrix])
    np.testing.assert_array_equal(dense, matrix.toarray())
    np.testing.assert_allclose(product, matrix @ A.T, rtol=1e-6)
    np.testing.assert_array_equal(twice, np.hstack([matrix.toarray()] * 2))
    np.testing.assert_allclose(gradient, np.tile(matrix.sum(0).T, 2), rtol=1e-6)

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge.layers import Dense, Input
from kforge.models import Model

A = np.arange(6, dtype="float32").reshape(2, 3)


def test_the_learning_phase_chooses():
    x = K.placeholder((None, 3))
    y = K.in_train_phase(lambda: x * 2, x)
    z = K.in_test_phase(x * 3, lambda: K.in_train_phase(y, x))
    f = K.function([x, K.learning_phase()], [y, z])
    test, train = f([A, 0]), f([A, 1])
    np.testing.assert_array_equal(test, [A, A * 3])
    np.testing.assert_array_equal(train, [A * 2, A * 2])
    np.testing.assert_array_equal(K.function([x], [y])([A])[0], A)
    assert y._uses_learning_phase and not x._uses_learning_phase
    x._uses_learning_phase = True  # as custom layers of old declare
    assert x._uses_learning_phase


@pytest.mark.parametrize("training, wanted", [(1, 1), (True, 1), (0, 2), (False, 2)])
def test_training_decides_at_once(training, wanted):
    x, y = K.constant(1.0), K.constant(2.0)
    assert K.eval(K.in_train_phase(x, y, training)) == wanted
    assert K.in_train_phase(x, y, training) in (x, y)


def test_a_tensor_may_say_whether_it_is_training():
    training = K.placeholder((), dtype="bool")
    f = K.function([training], [K.in_train_phase(K.constant(1.0), K.constant(2.0), training)])
    assert f([True]) == [1] and f([False]) == [2]


def test_code_that_runs_on_values_sees_the_phase():
    @K.eager
    def run():
        return float(K.in_train_phase(K.constant(1.0), K.constant(2.0)))

    assert run() == 2 and K.eager(K.learning_phase)() == 0


def test_a_fixed_learning_phase():
    try:
        K.set_learning_phase(1)
        assert K.learning_phase() == 1
        assert K.eval(K.in_train_phase(K.constant(1.0), K.constant(2.0))) == 1
        with pytest.raises(ValueError, match="learning phase to be 0 or 1"):
            K.set_learning_phase(2)
    finally:
        K.clear_session()
    assert not isinstance(K.learning_phase(), int)


def test_switch_over_rows_and_elements():
    rows = K.switch(np.array([1, 0]), A, -A)
    np.testing.assert_array_equal(K.eval(rows), [A[0], -A[1]])
    elements = K.switch(A > 2, lambda: K.constant(A), lambda: K.zeros_like(A))
    np.testing.assert_array_equal(K.eval(elements), np.where(A > 2, A, 0))
    with pytest.raises(ValueError, match="ndim\\(condition\\)=2, ndim\\(then_expression\\)=1"):
        K.switch(A > 2, A[0], A[1])


def test_switch_between_tensors_of_different_shapes():
    # A loss over the rows that count, 0 where there are none: common in detection models.
    x = K.placeholder((None, 3))
    y = K.mean(K.switch(K.size(x) > 0, K.square(x), K.constant(0.0)))
    f = K.function([x], [y, *K.gradients(y, x)])
    assert f([A[:1] + 1])[0] == pytest.approx((1 + 4 + 9) / 3)
    assert f([A[:0]])[0] == 0
    np.testing.assert_allclose(f([A[:1]])[1], A[:1] * 2 / 3)


def test_what_a_switch_leaves_out_has_a_gradient_of_zero():
    x = Input((3,))
    model = Model(x, Dense(2, kernel_initializer="ones")(x))
    rare = lambda t, p: K.mean(K.switch(K.sum(t) > 0, K.square(p), K.constant(0.0)))  # noqa: E731
    model.compile("sgd", rare)
    before = model.get_weights()
    assert model.train_on_batch(A[:, :3], np.zeros((2, 2))) == 0
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert model.train_on_batch(A[:, :3], np.ones((2, 2))) > 0
    assert (model.get_weights()[0] != before[0]).any()


def test_switch_decides_on_torch_tensors_at_once():
    few, many = torch.zeros(2), torch.ones(3)
    assert K.switch(torch.tensor(True), few, many) is few
    x = K.placeholder(())
    y = K.switch(x > 0, K.zeros((2, 3)), K.ones((4, 3)))
    assert K.int_shape(y) == (None, 3)
    assert [K.function([x], [y])([v])[0].shape for v in (1.0, -1.0)] == [(2, 3), (4, 3)]


def test_tensors_print_when_they_are_computed(capsys):
    x = K.placeholder((2,))
    y = K.print_tensor(x, "x is")
    z = K.gradients(K.sum(y * y), x)[0]
    assert capsys.readouterr().out == ""
    found = K.function([x], [z])([[1.0, 2.0]])[0]
    assert capsys.readouterr().out == "x is [1. 2.]\n"
    assert found.tolist() == [2, 4]

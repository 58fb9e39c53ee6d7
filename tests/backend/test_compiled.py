import gc

import numpy as np
import pytest
import torch

from kforge import backend as K
from kforge.devices import current_device

A = np.arange(6, dtype="float32").reshape(2, 3)


# ---- functions ----


def test_the_only_input_may_come_without_a_list():
    x = K.placeholder((2, 3))
    np.testing.assert_array_equal(K.function([x], [x * 2])(A)[0], 2 * A)


def test_outputs_may_be_nested():
    x = K.placeholder((None, 3))
    y = x * 2
    assert K.function([x], y)([A]).shape == (2, 3)
    found = K.function([x], {"a": y, "b": [x, (y,)]})([A])
    np.testing.assert_array_equal(found["a"], A * 2)
    assert isinstance(found["b"][1], tuple)
    assert K.function([x], [])([A]) == []


def test_inputs_may_be_nested():
    x, y = K.placeholder((None, 3)), K.placeholder(())
    for structure, values in (
        ({"x": x, "y": y}, {"y": 2.0, "x": A}),
        ([(x,), y], [(A,), 2.0]),
    ):
        np.testing.assert_array_equal(K.function(structure, x * y)(values), A * 2)
    single = K.function(x, x)
    np.testing.assert_array_equal(single([A]), A)
    np.testing.assert_array_equal(single(A.tolist()), A)


def test_the_graph_is_cut_at_the_inputs():
    x = K.placeholder((None, 3))
    middle = x + 1
    np.testing.assert_array_equal(K.function([middle], [middle * 2])([A])[0], A * 2)
    with pytest.raises(ValueError, match="must feed a value for placeholder"):
        K.function([], [middle])([])


def test_updates_follow_the_outputs():
    w, x = K.variable(0.0), K.placeholder((3,))
    f = K.function([x], [K.sum(x)], updates=[(w, w + K.sum(x))])
    assert [f([[1, 2, 3]])[0] for _ in range(2)] == [6, 6]
    assert K.get_value(w) == 12
    f = K.function([x], [w * 2.0], updates=[K.update(w, 1.0)])
    assert f([A[0]]) == [24] and f([A[0]]) == [2]


def test_keywords():
    x, y, w = K.placeholder(()), K.placeholder(()), K.variable(0.0)
    fixed = {y: 5.0}
    f = K.function([x], [x + y], name="f", feed_dict=fixed, fetches=[K.update_add(w, x)])
    assert f([2.0]) == [7] and K.get_value(w) == 2
    fixed[y] = 6.0
    assert f([2.0]) == [8]
    with pytest.raises(ValueError, match="Invalid argument 'colour' passed"):
        K.function([x], [x], colour=1)


def test_what_is_fed():
    x = K.placeholder((None, 3), name="x")
    f = K.function([x], [x])
    for value in (
        A,
        A.tolist(),
        A.astype(int),
        A[:, ::-1][:, ::-1],
        torch.tensor(A),
        K.variable(A),
    ):
        np.testing.assert_array_equal(f([value])[0], A)
    np.testing.assert_array_equal(K.function(x, x)(A), A)
    g = K.function([x], [x + A[:1]])
    with pytest.raises(ValueError, match=r"shape \(3, 2\) for tensor 'x:0', which has shape"):
        g([A.T])
    np.testing.assert_array_equal(f(A)[0], A)
    with pytest.warns(UserWarning, match="takes 1 inputs and got 2"):
        np.testing.assert_array_equal(f([A, 0])[0], A)
    with pytest.raises(ValueError, match="must feed a value for placeholder tensor 'x'"):
        f([])
    with pytest.raises(TypeError, match="symbolic"):
        f([x])


def test_results_are_copies():
    x, w = K.placeholder((2,)), K.variable([1.0, 2.0])
    f = K.function([x], [x, w, K.identity(w)])
    fed = np.zeros(2, "float32")
    found = f([fed])
    fed += 1
    K.set_value(w, [5, 5])
    assert found[0].tolist() == [0, 0]
    assert found[1].tolist() == found[2].tolist() == [1, 2]


def test_what_makes_no_function():
    x = K.placeholder(())
    with pytest.raises(TypeError, match="should be a symbolic tensor"):
        K.function([0], [x])
    with pytest.raises(TypeError, match="`updates` should be a list"):
        K.function([x], [x], K.update(K.variable(0.0), x))
    with pytest.raises(TypeError, match="Output 0 "):
        K.function([x], K.gradients(K.stop_gradient(x), x))


def test_a_function_is_lowered_once_for_each_phase():
    x = K.placeholder(())
    f = K.function([x, K.learning_phase()], [K.in_train_phase(x, -x)])
    assert [f([2.0, phase])[0] for phase in (0, 1, 0, True)] == [-2, 2, -2, 2]
    assert f.lowered(0) is f.lowered(0) and f.lowered(0) is not f.lowered(1)


def test_calls_leave_nothing_behind():
    x, w = K.placeholder((None, 3)), K.variable(np.ones((3, 2)))
    f = K.function([x], [K.dot(x, w), *K.gradients(K.sum(K.square(K.dot(x, w))), w)])
    f([A])
    gc.collect()
    gc.disable()
    try:

        def tensors():
            return sum(issubclass(type(o), torch.Tensor) for o in gc.get_objects())

        before = tensors()
        for _ in range(100):
            f([A])
        assert tensors() == before
    finally:
        gc.enable()


# ---- gradients ----


def test_gradients_with_respect_to_anything():
    x, w = K.placeholder((None, 3)), K.variable(np.ones((3, 2)))
    h = K.dot(x, w)
    y = K.sum(K.square(h))
    gx, gh, gw = K.function([x], K.gradients(y, [x, h, w]))([A])
    np.testing.assert_allclose(gh, 2 * A @ np.ones((3, 2)))
    np.testing.assert_allclose(gx, gh @ np.ones((2, 3)))
    np.testing.assert_allclose(gw, A.T @ gh)
    assert K.gradients(y, K.variable(0.0)) == [None]
    with pytest.raises(TypeError, match=r"tensors and variables; got 'kernel'"):
        K.gradients(y, "kernel")
    np.testing.assert_allclose(K.function([x], K.gradients([y, K.sum(h)], h))([A])[0], gh + 1)


def test_gradients_of_gradients():
    # The penalty of a WGAN-GP: the distance of a gradient's norm from 1, differentiated again.
    x, w = K.placeholder((None, 3)), K.variable([[1.0], [2.0], [3.0]])
    score = K.square(K.dot(x, w))
    gradient = K.gradients(score, x)[0]
    norm = K.sqrt(K.sum(K.square(gradient), axis=1))
    penalty = K.mean(K.square(norm - 1.0))
    value, slope = K.function([x], [penalty, *K.gradients(penalty, w)])([A[:1]])

    tx, tw = torch.tensor(A[:1], requires_grad=True), torch.tensor([[1.0], [2.0], [3.0]])
    tw.requires_grad_()
    g = torch.autograd.grad(((tx @ tw) ** 2).sum(), tx, create_graph=True)[0]
    wanted = ((g.norm(dim=1) - 1) ** 2).mean()
    np.testing.assert_allclose(value, wanted.detach(), rtol=1e-6)
    np.testing.assert_allclose(slope, torch.autograd.grad(wanted, tw)[0], rtol=1e-5)


def test_gradients_in_code_that_runs_on_values():
    w = K.variable([1.0, 2.0])

    @K.eager
    def run(x):
        return K.gradients(K.sum(w * x * x), [w, x])

    gw, gx = run(torch.tensor([3.0, 4.0], device=current_device(), requires_grad=True))
    assert gw.tolist() == [9, 16] and gx.tolist() == [6, 16]


def test_decorators():
    @K.symbolic
    def double(x):
        return x * 2

    assert K.eval(double(K.constant(2.0))) == 4
    assert isinstance(K.eager(double)(K.variable(2.0)), torch.Tensor)


def test_function_takes_the_arrays_of_nested_lists():
    a, b = K.placeholder((None, 2)), K.placeholder((None, 2))
    add, double = K.function([a, b], [a + b]), K.function([a], [a * 2])
    ones = np.ones((3, 2))
    assert add(([ones], [ones], []))[0].tolist() == [[2, 2]] * 3
    assert double(([ones], [], []))[0].tolist() == [[2, 2]] * 3
    assert double([[[1, 2], [3, 4]]])[0].tolist() == [[2, 4], [6, 8]]

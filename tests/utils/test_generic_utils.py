"""The progress bar as Keras 2.3.1 writes it, and the small helpers."""

import io
import sys

import numpy as np
import pytest

from kforge import config
from kforge.utils import generic_utils as g

STEPS = [  # seconds later, step, values
    (0.0, 0, []),
    (0.01, 1, [("loss", 1.0), ("acc", 0.25)]),
    (70.0, 2, [("loss", -0.5), ("acc", 0.5)]),
    (4000.0, 3, [("loss", 1e-4), ("acc", 0.0)]),
]

# What Keras 2.3.1 wrote for these steps, line by line.
WRITTEN = [
    (
        {"target": 3, "width": 10},
        [
            "0/3 [..........] - ETA: 0s",
            "2/3 [=====>....] - ETA: 35s - loss: 0.2500 - acc: 0.3750",
            "3/3 [==========] - 4070s 1357s/step - loss: 0.1667 - acc: 0.2500\n",
        ],
    ),
    (
        {"target": 120, "width": 10, "interval": 0},
        [
            "  0/120 [..........] - ETA: 0s",
            "  1/120 [..........] - ETA: 1s - loss: 1.0000 - acc: 0.2500",
            "  2/120 [..........] - ETA: 1:08:50 - loss: 0.2500 - acc: 0.3750",
            "  3/120 [..........] - ETA: 44:05:30 - loss: 0.1667 - acc: 0.2500",
        ],
    ),
    (
        {"target": None},
        [
            "      0/Unknown - 0s 0us/step",
            "      1/Unknown - 0s 10ms/step - loss: 1.0000 - acc: 0.2500",
            "      2/Unknown - 70s 35s/step - loss: 0.2500 - acc: 0.3750",
            "      3/Unknown - 4070s 1357s/step - loss: 0.1667 - acc: 0.2500",
        ],
    ),
]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def written(monkeypatch, stream, steps=STEPS, **arguments):
    now = [1000.0]
    monkeypatch.setattr(g.time, "time", lambda: now[0])
    monkeypatch.setattr(sys, "stdout", stream)
    bar = g.Progbar(**arguments)
    for seconds, step, values in steps:
        now[0] += seconds
        bar.update(step, values)
    monkeypatch.undo()
    return stream.getvalue()


@pytest.mark.parametrize("arguments, lines", WRITTEN)
def test_progbar_in_a_file(monkeypatch, arguments, lines):
    got = written(monkeypatch, io.StringIO(), **arguments)
    assert got == "".join("\n" + line for line in lines)


@pytest.mark.parametrize("arguments, lines", WRITTEN)
def test_progbar_on_a_terminal(monkeypatch, arguments, lines):
    got = written(monkeypatch, Terminal(), **arguments)
    before = [0, *(len(line) for line in lines)]
    assert got == "".join("\b" * n + "\r" + line for n, line in zip(before, lines, strict=False))


def test_progbar_covers_a_longer_line(monkeypatch):
    steps = [(0, 1, [("loss", -1e-9)]), (1, 2, [("loss", 10.0)])]
    got = written(monkeypatch, Terminal(), steps, target=9, width=5, interval=0)
    assert got.endswith("\r2/9 [>....] - ETA: 3s - loss: 5.0000     ")


def test_progbar_in_a_notebook_is_one_line_that_changes_four_times_a_second(monkeypatch):
    monkeypatch.setattr(config, "in_notebook", lambda: True)
    steps = [(0.1, i, [("loss", 0.5 + (i < 3))]) for i in range(1, 11)]
    got = written(monkeypatch, io.StringIO(), steps, target=10, width=5)
    # The times of steps 1, 4, 7 and 10; the last line ends.
    assert [line.split(" ")[0] for line in got.replace("\r ", "\r").split("\r")] == [
        "",
        "1/10",
        "4/10",
        "7/10",
        "10/10",
    ]
    assert "\b" not in got and got.count("\n") == 1 and got.endswith("\n")


def test_progbar_of_one_line_an_epoch(monkeypatch):
    arguments = {"target": 3, "verbose": 2, "stateful_metrics": ["acc"]}
    got = written(monkeypatch, io.StringIO(), **arguments)
    assert got == " - 4070s - loss: 0.1667 - acc: 0.0000e+00\n"
    assert written(monkeypatch, io.StringIO(), target=3, verbose=0) == ""


def test_progbar_add_and_values_that_are_arrays(monkeypatch, capsys):
    bar = g.Progbar(4, verbose=2)
    bar.add(1, [("loss", np.float32(1))])
    bar.add(3, [("loss", np.array([2.0, 4.0]))])
    assert capsys.readouterr().out == " - 0s - loss: 2.5000\n"


def test_serialize_and_deserialize():
    class Thing:
        def __init__(self, n):
            self.n = n

        def get_config(self):
            return {"n": self.n}

    def function():
        pass

    config = g.serialize_keras_object(Thing(3))
    assert config == {"class_name": "Thing", "config": {"n": 3}}
    assert g.deserialize_keras_object(config, {"Thing": Thing}).n == 3
    with g.custom_object_scope({"Thing": Thing}):
        assert g.deserialize_keras_object(config).n == 3
    assert g.serialize_keras_object(function) == "function"
    assert g.deserialize_keras_object("function", custom_objects={"function": function}) is function
    assert g.serialize_keras_object(None) is g.deserialize_keras_object(None) is None
    with pytest.raises(ValueError, match="Unknown widget: Thing"):
        g.deserialize_keras_object(config, {}, printable_module_name="widget")
    with pytest.raises(ValueError, match="Cannot serialize"):
        g.serialize_keras_object(3)


def test_functions_as_text():
    factor = 3

    def scaled(x, offset=1):
        return x * factor + offset

    dumped = g.func_dump(scaled)
    assert g.func_load(dumped)(2) == g.func_load(list(dumped))(2) == 7
    code, _, closure = dumped
    assert g.func_load(code, (5,), closure)(2) == 11
    assert g.func_load(g.func_dump(lambda: twice(4)), globs={"twice": lambda x: 2 * x})() == 8  # noqa: F821


def test_getargspec():
    spec = g.getargspec(lambda a, b=2, *c, **d: None)
    assert tuple(spec) == (["a", "b"], "c", "d", (2,))
    assert spec.keywords == "d"


def test_lists():
    assert g.to_list(1) == [1] and g.to_list([1]) == [1]
    assert g.to_list((1, 2)) == [(1, 2)] and g.to_list((1, 2), allow_tuple=True) == [1, 2]
    assert g.unpack_singleton([1]) == 1 and g.unpack_singleton((1, 2)) == (1, 2)
    assert g.is_all_none(None) and g.is_all_none((None, None)) and not g.is_all_none([None, 0])
    assert g.object_list_uid(g) == str(abs(id(g)))


def test_slice_arrays():
    x = np.arange(5)
    assert g.slice_arrays(x, 1, 3).tolist() == [1, 2]
    assert g.slice_arrays(x, np.array([0, 4])).tolist() == [0, 4]
    assert g.slice_arrays([[1, 2, 3], None], 1) == [[2, 3], None]
    assert g.slice_arrays(None) == [None]


@pytest.mark.parametrize(
    "shape, axes, first",
    [
        ((16, 28, 32, 3), (1, 2), (16, 3, 28, 32)),
        ((28, 32, 3), (0, 1), (3, 28, 32)),
        ([16, 5, 28, 32, 3], (2, 3), [16, 5, 3, 28, 32]),
    ],
)
def test_transpose_shape(shape, axes, first):
    assert g.transpose_shape(shape, "channels_first", axes) == first
    assert g.transpose_shape(shape, "channels_last", axes) == shape
    with pytest.raises(ValueError, match="`data_format` argument must be one of"):
        g.transpose_shape(shape, "first", axes)


def test_check_for_unexpected_keys():
    g.check_for_unexpected_keys("loss", {"a": 1}, ["a", "b"])
    with pytest.raises(ValueError, match=r"Unknown entries in loss dictionary: \['c'\]"):
        g.check_for_unexpected_keys("loss", {"a": 1, "c": 1}, ["a", "b"])

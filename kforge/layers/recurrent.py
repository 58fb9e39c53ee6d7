"""Recurrent layers: `RNN`, and layers that are an `RNN` around a cell of their own."""

import inspect

from .. import backend as K
from .cells import GRUCell, LSTMCell, SimpleRNNCell
from .rnn import RNN
from .rnn import standardize_args as standardize_args  # Keras has it here
from .stack import StackedRNNCells

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
]


def generate_dropout_mask(ones, rate, training=None, count=1):
    """`ones` with dropout in the training phase; for cells of your own, a list of several."""
    masks = [
        K.in_train_phase(lambda: K.dropout(ones, rate), ones, training)
        for _ in range(max(count, 1))
    ]
    return masks if count > 1 else masks[0]


def generate_dropout_ones(inputs, dims):
    """Ones to make `generate_dropout_mask` of, (batch, dims); for cells of your own."""
    ones = K.ones_like(K.reshape(inputs[:, 0], (-1, 1)))
    return K.tile(ones, (1, dims))


def time_distributed_dense(
    x, w, b=None, dropout=None, input_dim=None, output_dim=None, timesteps=None, training=None
):
    """``x @ w + b`` for each step; with `dropout`, the same inputs are dropped in all steps.

    The sizes, which Keras before 2.2 was given too, are those of the tensors.
    """
    if dropout is not None and 0.0 < dropout < 1.0:
        mask = K.expand_dims(K.dropout(K.ones_like(x[:, 0]), dropout), 1)
        x = K.in_train_phase(x * mask, x, training)
    x = K.dot(x, w)
    return x if b is None else K.bias_add(x, b)


class _CellRNN(RNN):
    """A layer around one built-in cell, whose arguments it takes.

    A subclass names the cell's class. `loop_arguments` are those of the loop that its constructor
    lists, `late_arguments` those of the cell that come after them.
    """

    _wraps_cell = True
    cell_class = None
    loop_arguments = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")
    late_arguments = ()

    def __init_subclass__(cls, **kwargs):
        if "cell_class" in vars(cls):
            cls.__init__ = _constructor(cls)
        super().__init_subclass__(**kwargs)


def _constructor(cls):
    """The constructor of a layer around a cell: it takes the arguments of both."""
    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    taken = inspect.signature(cls.cell_class.__init__).parameters.values()
    cell = {p.name: p for p in taken if p.kind is keyword and p.name != "self"}
    early = [p for n, p in cell.items() if n not in cls.late_arguments]
    at = 1 + [p.name for p in early].index("bias_regularizer")
    early.insert(at, inspect.Parameter("activity_regularizer", keyword, default=None))
    signature = inspect.Signature(
        [
            inspect.Parameter("self", keyword),
            *early,
            *(inspect.Parameter(n, keyword, default=False) for n in cls.loop_arguments),
            *(cell[n] for n in cls.late_arguments),
            inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
        ]
    )

    def __init__(self, *args, **kwargs):
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        arguments = {k: v for k, v in given.arguments.items() if k not in ("self", "kwargs")}
        more = given.arguments["kwargs"]
        own = {n: arguments.pop(n) for n in cell}
        if "dtype" in more:
            own["dtype"] = more["dtype"]
        super(cls, self).__init__(cls.cell_class(**own), **arguments, **more)

    __init__.__signature__ = signature
    __init__.__qualname__ = f"{cls.__name__}.__init__"
    return __init__


class SimpleRNN(_CellRNN):
    """Fully connected recurrence: ``h = activation(x W + h U + b)``."""

    cell_class = SimpleRNNCell


class GRU(_CellRNN):
    """Gated recurrent unit; `reset_after` applies the reset gate after the product, as cuDNN does.

    Cho et al., 2014, https://arxiv.org/abs/1406.1078
    """

    cell_class = GRUCell
    late_arguments = ("reset_after",)


class LSTM(_CellRNN):
    """Long short-term memory; its states are the output and the carry.

    Hochreiter and Schmidhuber, 1997, https://www.bioinf.jku.at/publications/older/2604.pdf
    """

    cell_class = LSTMCell

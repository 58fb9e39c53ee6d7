"""`tf.train`: learning rates that decay, averages of variables, what surrounds a loop."""

import contextlib

from ... import backend as K
from ...optimizers import schedules
from ...variable import record_update
from .flow import group
from .scopes import GraphKeys, add_to_collection, trainable_variables
from .values import convert
from .variables import Variable

__all__ = [
    "Coordinator",
    "ExponentialMovingAverage",
    "cosine_decay",
    "cosine_decay_restarts",
    "exponential_decay",
    "inverse_time_decay",
    "natural_exp_decay",
    "piecewise_constant",
    "piecewise_constant_decay",
    "polynomial_decay",
    "start_queue_runners",
]

# ---- learning rates -----------------------------------------------------------------------------


def _at(schedule, step):
    return convert(schedule(step if isinstance(step, (int, float)) else K.cast(step, "float32")))


def exponential_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False):
    """``learning_rate * decay_rate ** (global_step / decay_steps)``."""
    made = schedules.ExponentialDecay(learning_rate, decay_steps, decay_rate, staircase)
    return _at(made, global_step)


def natural_exp_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False):
    """``learning_rate * exp(-decay_rate * global_step / decay_steps)``."""
    made = schedules.NaturalExpDecay(learning_rate, decay_steps, decay_rate, staircase)
    return _at(made, global_step)


def inverse_time_decay(learning_rate, global_step, decay_steps, decay_rate, staircase=False):
    """``learning_rate / (1 + decay_rate * global_step / decay_steps)``."""
    made = schedules.InverseTimeDecay(learning_rate, decay_steps, decay_rate, staircase)
    return _at(made, global_step)


def piecewise_constant(x, boundaries, values):
    """The first of `values` while `x` is at most the first boundary, then the second, ..."""
    return _at(schedules.PiecewiseConstantDecay(boundaries, values), x)


piecewise_constant_decay = piecewise_constant


def polynomial_decay(
    learning_rate, global_step, decay_steps, end_learning_rate=0.0001, power=1.0, cycle=False
):
    """From one rate to another along a power of the steps that are left."""
    made = schedules.PolynomialDecay(learning_rate, decay_steps, end_learning_rate, power, cycle)
    return _at(made, global_step)


def cosine_decay(learning_rate, global_step, decay_steps, alpha=0.0):
    """Half a cosine from the rate to `alpha` times it."""
    return _at(schedules.CosineDecay(learning_rate, decay_steps, alpha), global_step)


def cosine_decay_restarts(
    learning_rate, global_step, first_decay_steps, t_mul=2.0, m_mul=1.0, alpha=0.0
):
    """`cosine_decay`, again and again, each time longer and lower."""
    made = schedules.CosineDecayRestarts(learning_rate, first_decay_steps, t_mul, m_mul, alpha)
    return _at(made, global_step)


# ---- averages -----------------------------------------------------------------------------------


class ExponentialMovingAverage:
    """Variables that follow others: each step they move by ``1 - decay`` of the distance.

    With `num_updates` the decay is at most ``(1 + num_updates) / (10 + num_updates)``.
    """

    def __init__(self, decay, num_updates=None, zero_debias=False, name="ExponentialMovingAverage"):
        if zero_debias:
            raise ValueError("ExponentialMovingAverage: zero_debias is not offered here.")
        self._decay, self._steps, self.name = decay, num_updates, name
        self._averages = {}

    def apply(self, var_list=None):
        """An operation that moves the averages of variables, all trainable ones by default."""
        given = trainable_variables() if var_list is None else list(var_list)
        decay = convert(self._decay)
        if self._steps is not None:
            steps = K.cast(self._steps, "float32")
            decay = K.minimum(decay, (1.0 + steps) / (10.0 + steps))
        moves = []
        for variable in given:
            if variable not in self._averages:
                average = Variable(K.get_value(variable), False)
                average.name = f"{self.average_name(variable)}:0"
                self._averages[variable] = average
                add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, variable)
            average = self._averages[variable]
            moves.append(record_update("sub", average, (1.0 - decay) * (average - variable)))
        return group(*moves)

    def average(self, var):
        """The variable that follows `var`, None if none does."""
        return self._averages.get(var)

    def average_name(self, var):
        """The name of what follows `var`."""
        return f"{var.name.removesuffix(':0')}/{self.name}"

    def variables_to_restore(self, moving_avg_variables=None):
        """{name: variable}: averages' names for the variables that have one."""
        given = trainable_variables() if moving_avg_variables is None else moving_avg_variables
        return {self.average_name(v): v for v in given}


# ---- around loops -------------------------------------------------------------------------------


class Coordinator:
    """Stops threads that a script starts. There are no queues that need it."""

    def __init__(self, clean_stop_exception_types=None):
        self._stopped = False

    def should_stop(self):
        """Whether somebody asked for an end."""
        return self._stopped

    def request_stop(self, ex=None):
        """Asks for an end."""
        self._stopped = True

    def join(self, threads=None, stop_grace_period_secs=120, ignore_live_threads=False):
        """Waits for threads."""
        for thread in threads or ():
            thread.join(stop_grace_period_secs)

    @contextlib.contextmanager
    def stop_on_exception(self):
        """Asks for an end when something fails in this context."""
        try:
            yield
        finally:
            self.request_stop()


def start_queue_runners(sess=None, coord=None, daemon=True, start=True, collection="queue_runners"):
    """An empty list: data do not come from queues here."""
    return []

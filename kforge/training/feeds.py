"""Private names of Keras's models that scripts use to feed `K.function`."""

import torch

from .. import backend as K
from ..symbolic import placeholder
from .data import ArrayBatches, adapt_arrays, check_divisible

__all__ = ["Feeds"]


class Feeds:
    """The tensors of a compiled model that are fed, in the order in which Keras feeds them.

    >>> gradients = K.gradients(model.total_loss, model.trainable_weights)
    >>> feeds = model._feed_inputs + model._feed_targets + model._feed_sample_weights
    >>> x, y, weights = model._standardize_user_data(x, y)
    >>> K.function(feeds, gradients)(x + y + weights)
    """

    @property
    def _feed_inputs(self):
        return [t for t in self.inputs if t.op.func is placeholder]

    @property
    def _feed_input_names(self):
        return [t._keras_history[0].name for t in self._feed_inputs]

    @property
    def _feed_input_shapes(self):
        return [tuple(t.shape) for t in self._feed_inputs]

    @property
    def _feed_targets(self):
        return [endpoint.target for endpoint in self._endpoints("fed")]

    @property
    def _feed_sample_weights(self):
        return [endpoint.sample_weight for endpoint in self._endpoints("fed")]

    @property
    def _feed_outputs(self):
        return [endpoint.output for endpoint in self._endpoints("fed")]

    @property
    def _feed_output_names(self):
        return [endpoint.name for endpoint in self._endpoints("fed")]

    @property
    def _feed_output_shapes(self):
        return [endpoint.target_shape for endpoint in self._endpoints("fed")]

    @property
    def _feed_sample_weight_modes(self):
        return [endpoint.mode for endpoint in self._endpoints("fed")]

    @property
    def _feed_loss_fns(self):
        return [endpoint.loss for endpoint in self._endpoints("fed")]

    def _uses_dynamic_learning_phase(self):
        """Whether outputs differ between training and testing, and neither is fixed."""
        return self.uses_learning_phase and not isinstance(K.learning_phase(), int)

    def _standardize_user_data(
        self,
        x,
        y=None,
        sample_weight=None,
        class_weight=None,
        check_array_lengths=True,
        batch_size=None,
    ):
        """Inputs, targets and sample weights, checked: three lists of arrays.

        Weights that are not given are ones. A stateful model takes as many samples as its
        `batch_size`, if that is given, divides.
        """
        with_targets = y is not None
        self._prepare(x)
        weights = sample_weight, class_weight
        parts = adapt_arrays(self, x, y, *weights, with_targets, check_array_lengths)
        if self.stateful:
            check_divisible(self, parts[-1], batch_size)
        found = ArrayBatches(*parts, parts[-1], torch.device("cpu")).arrays()
        at, count = len(self._feed_inputs), len(self._compiled.fed) if with_targets else 0
        return found[:at], found[at : at + count], found[at + count :]

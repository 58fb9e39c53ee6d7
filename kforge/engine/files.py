"""What a model writes of itself: its architecture as text, files, and other formats."""

from .. import config, saving
from ..saving.text import dump_json, dump_yaml
from .layer import layers

__all__ = ["ModelFiles"]


class ModelFiles:
    """The part of a model that goes into files and comes out of them."""

    def _described(self):
        return {
            **layers.serialize(self),
            "keras_version": config.KERAS_VERSION,
            "backend": config.KERAS_BACKEND,
        }

    def to_json(self, **kwargs):
        """The architecture as JSON; keyword arguments go to `json.dumps`."""
        return dump_json(self._described(), **kwargs)

    def to_yaml(self, **kwargs):
        """The architecture as YAML; keyword arguments go to `yaml.dump`."""
        return dump_yaml(self._described(), **kwargs)

    @property
    def _original(self):
        """The model that files hold: this one, unless it only stands for another."""
        return self

    def save(self, filepath, overwrite=True, include_optimizer=True):
        """Saves architecture, weights and optimizer to HDF5, or to safetensors if `filepath` ends
        so (see `kforge.models.save_model`).
        """
        saving.save_model(self, filepath, overwrite, include_optimizer)

    def save_weights(self, filepath, overwrite=True):
        """Saves the weights to HDF5, or to safetensors if `filepath` ends so."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath, by_name=False, skip_mismatch=False, reshape=False):
        """Sets the weights from a file; gives a report (see `kforge.saving.load_weights`)."""
        return saving.load_weights(self, filepath, by_name, skip_mismatch, reshape)

    def to_torch(self, data_format="channels_last"):
        """A `torch.nn.Module` that computes what `predict` does, and needs nothing of this package:
        torch's own modules, named after the layers, with copies of the weights.

        Inputs are as the model's; with "channels_first", those with 4 or 5 axes have their channels
        second. See `kforge.saving.to_torch`.
        """
        return saving.to_torch(self, data_format)

    def __reduce_ex__(self, protocol):
        if self._graph is None:  # a subclass, which has no config
            return super().__reduce_ex__(protocol)
        return saving.unpickle_model, (saving.pickle_model(self),)

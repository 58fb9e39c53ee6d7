"""ResNets with grouped convolutions; see `resnet_common`."""

from . import imagenet_utils
from .imagenet_utils import decode_predictions
from .resnet_common import ResNeXt50, ResNeXt101

__all__ = ["ResNeXt50", "ResNeXt101", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as these networks take them; see `imagenet_utils`, mode "torch"."""
    return imagenet_utils.preprocess_input(x, mode="torch", **kwargs)

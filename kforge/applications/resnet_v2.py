"""ResNets that normalize before they convolve; see `resnet_common`."""

from . import imagenet_utils
from .imagenet_utils import decode_predictions
from .resnet_common import ResNet50V2, ResNet101V2, ResNet152V2

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as these networks take them; see `imagenet_utils`, mode "tf"."""
    return imagenet_utils.preprocess_input(x, mode="tf", **kwargs)

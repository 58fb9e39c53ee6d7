"""ResNets, from the same family as `resnet_v2` and `resnext`."""

from . import imagenet_utils
from .imagenet_utils import decode_predictions
from .resnet_common import ResNet50, ResNet101, ResNet152

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


def preprocess_input(x, **kwargs):
    """Images of 0 to 255 as these networks take them; see `imagenet_utils`, mode "caffe"."""
    return imagenet_utils.preprocess_input(x, mode="caffe", **kwargs)

"""VGG with 19 layers; see `vgg16`."""

from .building import classifier
from .imagenet_utils import decode_predictions, preprocess_input
from .vgg16 import blocks, fully_connected

__all__ = ["VGG19", "decode_predictions", "preprocess_input"]


@classifier(
    "vgg19",
    release=("fchollet/deep-learning-models", "v0.1"),
    hashes=("cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    top=fully_connected,
)
def VGG19(x):
    """VGG with 19 layers of weights."""
    return blocks(x, 2, 2, 4, 4, 4)

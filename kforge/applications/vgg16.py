"""VGG: deep stacks of 3x3 convolutions (Simonyan and Zisserman, https://arxiv.org/abs/1409.1556).

Both VGGs are described here.
"""

from ..layers import Conv2D, Dense, Flatten, MaxPooling2D
from .building import classifier
from .imagenet_utils import decode_predictions, preprocess_input

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


def blocks(x, *convolutions):
    """Five blocks of as many convolutions, each ended by a pooling."""
    for block, (filters, count) in enumerate(zip((64, 128, 256, 512, 512), convolutions), 1):
        for i in range(1, count + 1):
            name = f"block{block}_conv{i}"
            x = Conv2D(filters, (3, 3), activation="relu", padding="same", name=name)(x)
        x = MaxPooling2D((2, 2), strides=(2, 2), name=f"block{block}_pool")(x)
    return x


def fully_connected(x, classes):
    """The top: two wide layers, then the classes."""
    x = Flatten(name="flatten")(x)
    x = Dense(4096, activation="relu", name="fc1")(x)
    x = Dense(4096, activation="relu", name="fc2")(x)
    return Dense(classes, activation="softmax", name="predictions")(x)


@classifier(
    "vgg16",
    release=("fchollet/deep-learning-models", "v0.1"),
    hashes=("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    top=fully_connected,
)
def VGG16(x):
    """VGG with 16 layers of weights."""
    return blocks(x, 2, 2, 3, 3, 3)

"""Networks that won or changed image classification, with published weights."""

import functools

from .. import backend, layers, models, utils
from . import (
    densenet,
    imagenet_utils,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    nasnet,
    resnet,
    resnet50,
    resnet_common,
    resnet_v2,
    resnext,
    vgg16,
    vgg19,
    xception,
)
from .densenet import DenseNet121, DenseNet169, DenseNet201
from .inception_resnet_v2 import InceptionResNetV2
from .inception_v3 import InceptionV3
from .mobilenet import MobileNet
from .mobilenet_v2 import MobileNetV2
from .nasnet import NASNetLarge, NASNetMobile
from .resnet import ResNet101, ResNet152
from .resnet50 import ResNet50
from .resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from .resnext import ResNeXt50, ResNeXt101
from .vgg16 import VGG16
from .vgg19 import VGG19
from .xception import Xception

__all__ = [
    "VGG16",
    "VGG19",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "NASNetLarge",
    "NASNetMobile",
    "ResNeXt50",
    "ResNeXt101",
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "Xception",
    "densenet",
    "get_submodules_from_kwargs",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "keras_modules_injection",
    "mobilenet",
    "mobilenet_v2",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_common",
    "resnet_v2",
    "resnext",
    "set_keras_submodules",
    "vgg16",
    "vgg19",
    "xception",
]


def keras_modules_injection(base_fun):
    """Makes a function of the package keras_applications, or one like them, use kforge."""
    modules = {"backend": backend, "layers": layers, "models": models, "utils": utils}

    @functools.wraps(base_fun)
    def injected(*args, **kwargs):
        return base_fun(*args, **{**kwargs, **modules})

    return injected


# What functions that take Keras's modules as arguments use by default.
_KERAS_BACKEND, _KERAS_LAYERS, _KERAS_MODELS, _KERAS_UTILS = backend, layers, models, utils


def get_submodules_from_kwargs(kwargs):
    """``backend, layers, models, utils``: those among the arguments, kforge's for the others."""
    modules = {"backend": backend, "layers": layers, "models": models, "utils": utils}
    for name in kwargs:
        if name not in modules:
            raise TypeError(f"Invalid keyword argument: {name}")
    return tuple(kwargs.get(name, module) for name, module in modules.items())


def set_keras_submodules(backend=None, engine=None, layers=None, models=None, utils=None):
    """Told older versions of the package which Keras to use: here it is always kforge."""

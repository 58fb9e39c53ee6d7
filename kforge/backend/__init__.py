"""K: the functions of `keras.backend`, written once in torch operations.

They work on symbolic tensors and variables (which records them), on torch tensors (at once), and
on NumPy arrays and numbers (as constants).
"""

# ruff: noqa: F401, F403  (a list of what is public; each module says what it offers)

from ..config import (
    backend,
    cast_to_floatx,
    epsilon,
    floatx,
    get_uid,
    image_data_format,
    name_scope,
    reset_uids,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from ..config import check_data_format as normalize_data_format
from .compiled import *
from .control import *
from .conv import *
from .conv import (
    _preprocess_conv1d_input,
    _preprocess_conv2d_input,
    _preprocess_conv3d_input,
    _preprocess_padding,
)
from .ctc import *
from .loops import *
from .math import *
from .nn import *
from .random import *
from .session import *
from .session import _get_available_gpus, _is_tf_1
from .shapes import *
from .values import typed_tensor as _to_tensor
from .variables import *


def __getattr__(name):
    if name == "_BACKEND":  # before Keras 2.3
        return backend()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

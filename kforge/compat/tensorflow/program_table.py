"""The names that programs are made with: variables by name, layers, training, data."""

import inspect

from ... import initializers
from . import (
    checkpoints,
    checks,
    contrib_optimizers,
    contrib_scopes,
    data,
    distributions,
    eager,
    errors,
    files,
    flags,
    losses,
    metrics,
    nest,
    recurrent,
    sampled,
    scopes,
    spectra,
    system,
    training,
)
from .aliases import ALIASES, BITWISE, TYPES, keras_export, shape_type_conversion
from .contrib_layers import CONTRIB
from .layers import CLASSES, FUNCTIONS

__all__ = ["PROGRAM"]


def _all(module):
    return {name: getattr(module, name) for name in module.__all__}


def _predictions_first(metric):
    """A metric in the order of `tf.contrib.metrics`."""
    if [*inspect.signature(metric).parameters][:2] != ["labels", "predictions"]:
        return metric

    def streaming(predictions, labels, *args, **kwargs):
        return metric(labels, predictions, *args, **kwargs)

    streaming.__doc__ = metric.__doc__
    return streaming


_STEPS = {
    "assert_global_step": scopes.assert_global_step,
    "create_global_step": scopes.create_global_step,
    "get_global_step": scopes.get_global_step,
    "get_or_create_global_step": scopes.get_or_create_global_step,
}
_INITIALIZERS = {
    "constant": initializers.Constant,
    "glorot_normal": initializers.glorot_normal,
    "glorot_uniform": initializers.glorot_uniform,
    "he_normal": initializers.he_normal,
    "he_uniform": initializers.he_uniform,
    "identity": initializers.Identity,
    "lecun_normal": initializers.lecun_normal,
    "lecun_uniform": initializers.lecun_uniform,
    "ones": initializers.Ones,
    "orthogonal": initializers.Orthogonal,
    "random_normal": initializers.RandomNormal,
    "random_uniform": initializers.RandomUniform,
    "truncated_normal": initializers.TruncatedNormal,
    "variance_scaling": initializers.VarianceScaling,
    "zeros": initializers.Zeros,
}
_IMAGES = {
    name: files.decode_image for name in ("decode_bmp", "decode_image", "decode_jpeg", "decode_png")
}
_STREAMING = {f"streaming_{name}": _predictions_first(f) for name, f in metrics.METRICS.items()}
_NEST = {**_all(nest), "is_sequence": nest.is_nested}

#: Tables as in `.table`, which adds them to its own.
PROGRAM = {
    "root": {
        **_all(scopes),
        **ALIASES,
        **TYPES,
        **_all(eager),
        **checks.ASSERTIONS,
        "decode_image": files.decode_image,
        "OpError": errors.OpError,
        "read_file": files.read_file,
        "string": "string",
        "variance_scaling_initializer": initializers.VarianceScaling,
        "write_file": files.write_file,
    },
    "app": flags.APP,
    "bitwise": BITWISE,
    "config.threading": system.threading,
    "contrib": {},
    "contrib.distributions": _all(distributions),
    "contrib.framework": {**_STEPS, **_all(contrib_scopes)},
    "contrib.layers": CONTRIB,
    "contrib.losses": _all(losses),
    "contrib.metrics": _STREAMING,
    "contrib.opt": _all(contrib_optimizers),
    "contrib.rnn": {**recurrent.CELLS, "static_rnn": recurrent.static_rnn},
    "contrib.signal": _all(spectra),
    "contrib.slim": {**_STEPS, **_all(contrib_scopes), **CONTRIB},
    "data": {
        name: getattr(data, name)
        for name in (
            "Dataset Iterator TextLineDataset make_initializable_iterator make_one_shot_iterator"
        ).split()
    },
    "debugging": {
        **checks.ASSERTIONS,
        "assert_all_finite": checks.ASSERTIONS["verify_tensor_all_finite"],
    },
    "distribute": system.distribute,
    "distributions": _all(distributions),
    "errors": _all(errors),
    "flags": flags.FUNCTIONS,
    "image": _IMAGES,
    "initializers": _INITIALIZERS,
    "python.keras.utils.tf_utils": {"shape_type_conversion": shape_type_conversion},
    "io": {**_IMAGES, "read_file": files.read_file, "write_file": files.write_file},
    "layers": {**CLASSES, **FUNCTIONS},
    "losses": _all(losses),
    "math": {name: ALIASES[name] for name in ("is_non_decreasing", "is_strictly_increasing")},
    "metrics": metrics.METRICS,
    "nest": _NEST,
    "nn": {**recurrent.FUNCTIONS, **_all(sampled)},
    "nn.rnn_cell": recurrent.CELLS,
    "test": {"TestCase": checks.TestCase},
    "python.util.tf_export": {"keras_export": keras_export, "tf_export": keras_export},
    "train": {**_all(training), **_all(checkpoints), **_STEPS},
}

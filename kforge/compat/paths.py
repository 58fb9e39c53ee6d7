"""`import keras` means kforge: one table of every module path Keras has had, and its installer.

`install()` registers, for each path, the *same* module object under its Keras name in
`sys.modules`, so that `from keras.layers.core import Dense` and `kforge.layers.core.Dense` are one
class. Registering eagerly, rather than with an import hook, makes every form of import work, and
keeps Python from loading a second copy of a kforge file under a Keras name.

Processes that the script starts find `import keras` too: forked ones inherit `sys.modules`; others
inherit `PYTHONPATH` (and multiprocessing's `sys.path`), in which `install()` puts the folder
`alias/` beside this file. Its `keras.py` installs kforge when it is imported, and costs nothing
in a process that never imports Keras.
"""

import functools
import importlib
import importlib.util
import os
import sys

from .. import config
from ..registry import is_own
from . import tensorflow

__all__ = ["ALIASES", "COMPANIONS", "HOMES", "SHOWN", "install", "installed", "uninstall"]


# Paths of Keras 2.0 - 2.3.1 that kforge has at the same place.
_SAME = """
    activations applications applications.densenet applications.imagenet_utils
    applications.inception_resnet_v2 applications.inception_v3 applications.mobilenet
    applications.mobilenet_v2 applications.nasnet applications.resnet applications.resnet50
    applications.resnet_v2 applications.vgg16 applications.vgg19 applications.xception
    backend callbacks constraints
    datasets datasets.boston_housing datasets.cifar datasets.cifar10 datasets.cifar100
    datasets.fashion_mnist datasets.imdb datasets.mnist datasets.reuters
    engine engine.network engine.sequential initializers
    layers layers.advanced_activations layers.convolutional layers.convolutional_recurrent
    layers.core layers.cudnn_recurrent layers.embeddings layers.local layers.merge layers.noise
    layers.normalization layers.pooling layers.recurrent layers.wrappers
    losses metrics models optimizers
    preprocessing preprocessing.image preprocessing.sequence preprocessing.text regularizers
    utils utils.conv_utils utils.data_utils utils.generic_utils utils.io_utils utils.layer_utils
    utils.losses_utils utils.metrics_utils utils.multi_gpu_utils utils.np_utils utils.test_utils
    utils.vis_utils
    wrappers wrappers.scikit_learn
"""

# Those that live elsewhere in kforge, and Keras 1 paths that are still met.
_MOVED = {
    "applications.mobilenetv2": "applications.mobilenet_v2",
    "backend.cntk_backend": "backend",
    "backend.common": "backend",
    "backend.load_backend": "backend",
    "backend.numpy_backend": "backend.numpy_backend",
    "backend.tensorflow_backend": "backend",
    "backend.theano_backend": "backend",
    "callbacks.callbacks": "callbacks",
    "callbacks.tensorboard_v1": "callbacks.tensorboard",
    "callbacks.tensorboard_v2": "callbacks.tensorboard",
    "engine.base_layer": "engine.layer",
    "engine.input_layer": "engine.inputs",
    "engine.saving": "saving",
    "engine.topology": "engine",
    "engine.training": "engine.model",
    "engine.training_arrays": "training.helpers",
    "engine.training_generator": "training.helpers",
    "engine.training_utils": "training.helpers",
    "initializations": "initializers",
    "legacy": "compat",
    "legacy.interfaces": "compat.interfaces",
    "legacy.layers": "layers",
    "legacy.models": "models",
    "objectives": "losses",
    "utils.training_utils": "utils.multi_gpu_utils",
    "utils.visualize_util": "utils.vis_utils",
}

#: Every historical path (without the leading "keras.") to the kforge module that it means.
ALIASES = {**{path: path for path in _SAME.split()}, **_MOVED}

#: Where a name that Keras shows in several modules is at home: {path: names}; a name may be
#: written NAME=ORIGINAL. "" is the module itself, as in `K`, under another name.
HOMES = {
    "activations": "activations=",
    "backend": "K= backend= normalize_data_format",
    "callbacks": "cbks= Callback",
    "constraints": "constraints=",
    "datasets.cifar": "load_batch",
    "engine.base_layer": "InputSpec Layer Node disable_tracking",
    "engine.input_layer": "Input InputLayer",
    "engine.network": "network=",
    "engine.saving": (
        "saving= load_model load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name"
        " model_from_config model_from_json model_from_yaml preprocess_weights_for_loading"
        " save_model save_weights_to_hdf5_group"
    ),
    "engine.sequential": "Sequential",
    "engine.training": "Model Network=Model Container=Model",
    "engine.training_arrays": "training_arrays=",
    "engine.training_generator": "training_generator=",
    "engine.training_utils": (
        "training_utils= batch_shuffle check_num_samples is_sequence iter_sequence_infinite"
        " make_batches should_run_validation standardize_input_data"
        " _batch_shuffle=batch_shuffle _check_array_lengths=check_array_length_consistency"
        " _check_loss_and_target_compatibility=check_loss_and_target_compatibility"
        " _make_batches=make_batches _standardize_input_data=standardize_input_data"
        " _standardize_weights=standardize_weights"
        " _weighted_masked_objective=weighted_masked_objective"
    ),
    "initializers": "initializers=",
    "layers": "layers= layer_module= Highway MaxoutDense Merge TimeDistributedDense",
    "layers.core": "Lambda",
    "layers.merge": "concatenate merge=",
    "layers.pooling": (
        "AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D"
    ),
    "layers.recurrent": (
        "recurrent= RNN _generate_dropout_mask=generate_dropout_mask"
        " _generate_dropout_ones=generate_dropout_ones"
        " _time_distributed_dense=time_distributed_dense"
        " _standardize_args=standardize_args"
    ),
    "layers.wrappers": "Wrapper",
    "legacy.interfaces": "interfaces=",
    "legacy.layers": (
        "AtrousConv1D=AtrousConvolution1D AtrousConv2D=AtrousConvolution2D AtrousConvolution1D"
        " AtrousConvolution2D ConvRecurrent2D Recurrent"
    ),
    "losses": "losses=",
    "metrics": "metrics_module=",
    "models": "models= clone_model",
    "optimizers": "optimizers=",
    "regularizers": "regularizers= activity_l1=l1 activity_l1l2=l1_l2 activity_l2=l2 l1l2=l1_l2",
    "utils": "utils=",
    "utils.conv_utils": "conv_utils= convert_kernel",
    "utils.data_utils": "GeneratorEnqueuer OrderedEnqueuer Sequence get_file",
    "utils.generic_utils": (
        "generic_utils= Progbar deserialize_keras_object func_dump func_load has_arg is_all_none"
        " object_list_uid serialize_keras_object slice_arrays _slice_arrays=slice_arrays to_list"
        " transpose_shape unpack_singleton"
        " _is_all_none=is_all_none _object_list_uid=object_list_uid _to_list=to_list"
    ),
    "utils.io_utils": (
        "H5Dict ask_to_proceed_with_overwrite load_from_binary_h5py save_to_binary_h5py"
    ),
    "utils.layer_utils": "count_params get_source_inputs print_layer_summary=print_summary",
    "utils.losses_utils": "losses_utils=",
    "utils.metrics_utils": "metrics_utils=",
    "utils.np_utils": "to_categorical",
}

#: Packages that Keras 2.2 and 2.3 brought along; kforge stands for those that are not installed.
COMPANIONS = {"keras_applications": "applications", "keras_preprocessing": "preprocessing"}

#: Their modules that Keras does not show.
COMPANION_MODULES = {
    "preprocessing.image.affine_transformations": "preprocessing.image.transforms",
    "preprocessing.image.dataframe_iterator": "preprocessing.image.dataframe_iterator",
    "preprocessing.image.directory_iterator": "preprocessing.image.directory_iterator",
    "preprocessing.image.image_data_generator": "preprocessing.image.generator",
    "preprocessing.image.iterator": "preprocessing.image.iterator",
    "preprocessing.image.numpy_array_iterator": "preprocessing.image.array_iterator",
    "preprocessing.image.utils": "preprocessing.image.files",
}

_SERIAL = "K deserialize_keras_object serialize_keras_object"
_LAYERS = "InputSpec K Layer activations constraints initializers interfaces regularizers"
_RUNS = "K Progbar should_run_validation to_list unpack_singleton"

#: What each path shows besides its own: names that Keras's module of that path imported, and
#: that scripts take from there (`from keras.layers.core import Layer`).
SHOWN = {
    "activations": "K Layer deserialize_keras_object",
    "applications": "backend layers models utils",
    "backend.common": "transpose_shape",
    "callbacks": "K Progbar standardize_input_data",
    "callbacks.tensorboard_v1": "Callback K standardize_input_data",
    "constraints": _SERIAL,
    "datasets.boston_housing": "get_file",
    "datasets.cifar10": "K get_file load_batch",
    "datasets.cifar100": "K get_file load_batch",
    "datasets.fashion_mnist": "get_file",
    "datasets.imdb": "get_file",
    "datasets.mnist": "get_file",
    "datasets.reuters": "get_file",
    "engine": (
        "Container Input InputLayer InputSpec Layer Merge Model Network Node get_source_inputs"
        " load_weights_from_hdf5_group load_weights_from_hdf5_group_by_name merge"
        " preprocess_weights_for_loading save_weights_to_hdf5_group _is_all_none _object_list_uid"
        " _to_list"
    ),
    "engine.base_layer": (
        "K Node count_params disable_tracking has_arg initializers interfaces is_all_none"
        " object_list_uid to_list unpack_singleton"
    ),
    "engine.input_layer": "K Layer Node interfaces unpack_singleton",
    "engine.network": (
        "Container Network InputLayer K Layer Node ask_to_proceed_with_overwrite get_source_inputs"
        " has_arg interfaces object_list_uid print_layer_summary saving to_list unpack_singleton"
    ),
    "engine.saving": (
        "H5Dict K ask_to_proceed_with_overwrite conv_utils load_from_binary_h5py losses optimizers"
        " save_to_binary_h5py"
    ),
    "engine.sequential": "Input InputLayer K Layer Model layer_module network",
    "engine.training": (
        "K Layer Network interfaces losses losses_utils metrics_module optimizers slice_arrays"
        " to_list training_arrays training_generator training_utils unpack_singleton"
        " _batch_shuffle _check_array_lengths _check_loss_and_target_compatibility _make_batches"
        " _slice_arrays _standardize_input_data _standardize_weights _weighted_masked_objective"
    ),
    "engine.training_arrays": (
        f"{_RUNS} batch_shuffle cbks check_num_samples make_batches slice_arrays"
    ),
    "engine.training_generator": (
        f"{_RUNS} GeneratorEnqueuer OrderedEnqueuer Sequence cbks is_sequence"
        " iter_sequence_infinite"
    ),
    "engine.training_utils": "K Sequence generic_utils losses losses_utils metrics_module",
    "initializers": _SERIAL,
    "layers": "deserialize_keras_object",
    "layers.advanced_activations": f"{_LAYERS} to_list",
    "layers.convolutional": (
        f"{_LAYERS} AtrousConv1D AtrousConv2D AtrousConvolution1D AtrousConvolution2D"
        " AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D MaxPooling3D"
        " conv_utils transpose_shape"
    ),
    "layers.convolutional_recurrent": (
        f"{_LAYERS} ConvRecurrent2D RNN Recurrent conv_utils has_arg to_list transpose_shape"
    ),
    "layers.core": (
        f"{_LAYERS} Highway MaxoutDense Merge TimeDistributedDense deserialize_keras_object"
        " func_dump func_load has_arg"
    ),
    "layers.cudnn_recurrent": "InputSpec K RNN constraints initializers regularizers",
    "layers.embeddings": "K Layer constraints initializers interfaces regularizers to_list",
    "layers.local": f"{_LAYERS} conv_utils",
    "layers.merge": "K Layer",
    "layers.noise": "K Layer interfaces",
    "layers.normalization": "InputSpec K Layer constraints initializers interfaces regularizers",
    "layers.pooling": "InputSpec K Layer conv_utils interfaces",
    "layers.recurrent": (
        f"{_LAYERS} Recurrent disable_tracking has_arg to_list _generate_dropout_mask"
        " _generate_dropout_ones _standardize_args _time_distributed_dense"
    ),
    "layers.wrappers": "InputSpec K Layer disable_tracking has_arg object_list_uid recurrent",
    "legacy.layers": (
        "InputSpec K Layer activations constraints conv_utils initializers regularizers to_list"
    ),
    "losses": f"{_SERIAL} losses_utils",
    "metrics": f"{_SERIAL} Layer losses_utils metrics_utils",
    "models": (
        "Input InputLayer K Model Sequential has_arg load_model model_from_config model_from_json"
        " model_from_yaml save_model to_list"
    ),
    "optimizers": f"{_SERIAL} interfaces",
    "preprocessing": "backend utils",
    "preprocessing.image": "backend generic_utils utils",
    "preprocessing.sequence": "utils",
    "regularizers": f"{_SERIAL} activity_l1 activity_l1l2 activity_l2 l1l2",
    "utils.conv_utils": "normalize_data_format K",
    "utils.data_utils": "Progbar",
    "utils.layer_utils": "K convert_kernel",
    "utils.losses_utils": "K",
    "utils.metrics_utils": "K losses_utils",
    "utils.multi_gpu_utils": "K Lambda Model clone_model concatenate to_list",
    "utils.test_utils": "Input K Model has_arg",
    "utils.vis_utils": "Model Wrapper",
    "wrappers.scikit_learn": "Sequential has_arg losses to_categorical to_list",
}

ALIAS_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "alias")

_ABSENT = object()
_undo = []  # what `uninstall` has to call, last first


def installed():
    """Whether `import keras` means kforge in this process."""
    return bool(_undo)


def install():
    """From now on `import keras`, and every historical path below it, gives kforge's modules.

    Processes started from here on inherit that. A Keras that was imported before is set aside
    until `uninstall()`. Calling it twice is calling it once.
    """
    if installed():
        return
    try:
        for name in [n for n in sys.modules if n.partition(".")[0] == "keras"]:
            _set(sys.modules, name, _ABSENT)
        modules = _modules()
        _register(modules)
        _show_homes(modules)
        _show_names(modules)
        _set(vars(modules[""]), "__version__", config.KERAS_VERSION)
        _inherit()
        config.answer_as(config.KERAS_BACKEND)
        _undo.append(lambda: config.answer_as("torch"))
        tensorflow.offer(modules["backend"])
        _undo.append(tensorflow.withdraw)
    except BaseException:
        uninstall()
        raise


def uninstall():
    """`import keras` means again what it meant before `install()`, in new processes too."""
    while _undo:
        _undo.pop()()


_PACKAGE = __name__.partition(".")[0]


def _modules():
    """Every path to its module: those of the table, and kforge's own."""
    modules = {"": importlib.import_module(_PACKAGE)}
    for path, target in ALIASES.items():
        module = _load(target)
        if module is not None:
            modules[path] = module
    # Without kforge's own, `import keras.symbolic` would load that file a second time.
    for name, module in list(sys.modules.items()):
        if name.startswith(_PACKAGE + "."):
            modules.setdefault(name[len(_PACKAGE) + 1 :], module)
    return modules


def _register(modules):
    """Names the modules in `sys.modules`, and as attributes of their parents."""
    companions = {n: p for n, p in COMPANIONS.items() if importlib.util.find_spec(n) is None}
    for path, module in modules.items():
        _set(sys.modules, f"keras.{path}" if path else "keras", module)
    own = COMPANION_MODULES if "keras_preprocessing" in companions else {}
    own = {path: _load(target) for path, target in own.items()}
    for name, root in companions.items():
        for path, module in {**modules, **own}.items():
            if path == root or path.startswith(root + "."):
                _set(sys.modules, name + path[len(root) :], module)
    shown = {path: modules[path] for path in ALIASES if path in modules}
    for path, module in {**shown, **own}.items():
        parent, _, name = path.rpartition(".")
        taken = name in SHOWN.get(parent, "").split() or hasattr(modules.get(parent), name)
        if parent in modules and not taken:
            _set(vars(modules[parent]), name, module)


def _load(target):
    """The kforge module at `target`."""
    try:
        return importlib.import_module(f"{_PACKAGE}.{target}")
    except ModuleNotFoundError as e:
        if not (e.name or "").startswith(_PACKAGE + "."):
            raise
        return None


def _set(table, key, value):
    """``table[key] = value`` (`_ABSENT` deletes it) until `uninstall`."""
    old = table.get(key, _ABSENT)
    _undo.append(lambda: _put(table, key, old))
    _put(table, key, value)


def _put(table, key, value):
    if value is _ABSENT:
        table.pop(key, None)
    else:
        table[key] = value


def _show_names(modules):
    """Adds the names of `SHOWN` that a module does not have, to its ``__all__`` too."""
    homes = {}
    for path, words in HOMES.items():
        for word in words.split():
            name, renamed, original = word.partition("=")
            homes[name] = (path, original if renamed else name)
    for path, words in SHOWN.items():
        if path not in modules:
            continue
        namespace = vars(modules[path])
        for name in words.split():
            home, original = homes[name]
            if name not in namespace and home in modules:
                found = modules[home] if not original else getattr(modules[home], original, _ABSENT)
                if found is not _ABSENT:
                    _set(namespace, name, found)
        if "__all__" in namespace:
            shown = [name for name in words.split() if name in namespace]
            _set(namespace, "__all__", list(dict.fromkeys([*namespace["__all__"], *shown])))


def _show_homes(modules):
    """Lets classes tell Keras's modules as theirs: libraries look for these in ``str(type(m))``."""
    homes = {}
    for path in ALIASES:  # that of the class's file, or else the longest that exports it
        for name in getattr(modules[path], "__all__", ()):
            kind = getattr(modules[path], name)
            if isinstance(kind, type) and kind.__qualname__ == name and is_own(kind):
                rank = (kind.__module__ == modules[path].__name__, path.count("."))
                homes[kind] = max(homes.get(kind, (rank, path)), (rank, path), key=lambda h: h[0])
    for kind, (_, path) in homes.items():
        _undo.append(functools.partial(setattr, kind, "__module__", kind.__module__))
        kind.__module__ = f"keras.{path}"


def _inherit():
    """Puts the folder with the `keras` entry module where new processes look for modules."""
    sys.path.insert(1, ALIAS_FOLDER)
    _undo.append(lambda: ALIAS_FOLDER in sys.path and sys.path.remove(ALIAS_FOLDER))
    inherited = os.environ.get("PYTHONPATH")
    folders = inherited.split(os.pathsep) if inherited else []
    if ALIAS_FOLDER not in folders:
        _set(os.environ, "PYTHONPATH", os.pathsep.join([ALIAS_FOLDER, *folders]))

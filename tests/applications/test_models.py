"""Arguments, errors and published weights of the networks."""

import contextlib
import importlib
import inspect
import pickle

import numpy as np
import pytest

import kforge
from kforge import applications, initializers, layers
from kforge import backend as K
from kforge.applications import building, mobilenet, mobilenet_v2, nasnet, resnext
from kforge.models import Model
from tests.http_server import serve

SMALL = {"alpha": 0.25, "include_top": False, "input_shape": (128, 128, 3), "pooling": "avg"}

MODELS = {  # by module
    "densenet": ["DenseNet121", "DenseNet169", "DenseNet201"],
    "inception_resnet_v2": ["InceptionResNetV2"],
    "inception_v3": ["InceptionV3"],
    "mobilenet": ["MobileNet"],
    "mobilenet_v2": ["MobileNetV2"],
    "nasnet": ["NASNetLarge", "NASNetMobile"],
    "resnet": ["ResNet50", "ResNet101", "ResNet152"],
    "resnet50": ["ResNet50"],
    "resnet_v2": ["ResNet50V2", "ResNet101V2", "ResNet152V2"],
    "resnext": ["ResNeXt50", "ResNeXt101"],
    "vgg16": ["VGG16"],
    "vgg19": ["VGG19"],
    "xception": ["Xception"],
}
EACH = [(module, name) for module, names in MODELS.items() for name in names]


@contextlib.contextmanager
def data_format(name):
    before = K.image_data_format()
    K.set_image_data_format(name)
    try:
        yield
    finally:
        K.set_image_data_format(before)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Keras's folder for models."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "models"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small network, and a file of its weights."""
    model = applications.MobileNet(weights=None, **SMALL)
    path = tmp_path_factory.mktemp("weights") / "small.h5"
    model.save_weights(str(path))
    return model, path


def same_weights(a, b):
    pairs = zip(a.get_weights(), b.get_weights(), strict=True)
    return all(np.array_equal(x, y) for x, y in pairs)


# ---- functions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("module, name", EACH)
def test_functions_can_be_inspected_and_sent_to_processes(module, name):
    module = importlib.import_module(f"kforge.applications.{module}")
    function = getattr(module, name)
    names = list(inspect.signature(function).parameters)
    assert {"include_top", "weights", "input_tensor", "input_shape", "pooling"} < {*names}
    assert names[-2:] == ["classes", "kwargs"]
    assert function.__name__ == name and function.__doc__
    for thing in (function, module.preprocess_input, module.decode_predictions):
        assert pickle.loads(pickle.dumps(thing)) is thing


def test_modules_of_keras_may_be_passed_and_nothing_else():
    modules = {"backend": K, "layers": layers, "models": kforge.models, "utils": kforge.utils}
    model = applications.MobileNet(weights=None, **SMALL, **modules)
    assert model.output_shape == (None, 256)
    with pytest.raises(TypeError, match="Invalid keyword argument: 'classifier_activation'"):
        applications.VGG16(weights=None, classifier_activation=None)


def test_modules_among_the_arguments():
    stand_in = object()
    found = applications.get_submodules_from_kwargs({"layers": stand_in})
    assert found == (applications.backend, stand_in, applications.models, applications.utils)
    with pytest.raises(TypeError, match="Invalid keyword argument: engine"):
        applications.get_submodules_from_kwargs({"engine": stand_in})


def test_injection_hands_over_kforge():
    @applications.keras_modules_injection
    def build(size, **modules):
        assert set(modules) == {"backend", "layers", "models", "utils"}
        return modules["layers"].Dense(size)

    assert type(build(3, layers=None)) is layers.Dense


def test_what_scripts_for_older_versions_take_from_here():
    applications.set_keras_submodules(backend=K, layers=layers, models=kforge.models)
    for module in (mobilenet, mobilenet_v2):
        model = kforge.models.Sequential([layers.Activation(module.relu6, input_shape=(3,))])
        config = model.get_config()
        objects = {"relu6": module.relu6, "DepthwiseConv2D": module.DepthwiseConv2D}
        again = kforge.models.Sequential.from_config(config, objects)
        assert again.predict(np.array([[-1.0, 5.0, 7.0]])).tolist() == [[0, 5, 6]]


# ---- input --------------------------------------------------------------------------------------


def test_any_size_without_top():
    model = applications.MobileNet(weights=None, alpha=0.25, include_top=False)
    assert model.input_shape == (None, None, None, 3)
    assert model.predict(np.zeros((1, 64, 32, 3))).shape == (1, 2, 1, 256)


def test_the_model_begins_where_its_input_tensor_comes_from():
    image = layers.Input((32, 32, 1))
    colours = layers.Conv2D(3, 1, name="colours")(image)
    model = applications.MobileNet(weights=None, alpha=0.25, input_tensor=colours, classes=4)
    assert model.inputs == [image] and model.layers[1].name == "colours"
    assert model.predict(np.ones((2, 32, 32, 1))).shape == (2, 4)


def test_an_input_tensor_may_be_no_keras_tensor():
    tensor = K.placeholder((None, 32, 32, 3))
    model = applications.MobileNet(weights=None, alpha=0.25, input_tensor=tensor, include_top=False)
    assert model.predict(np.ones((2, 32, 32, 3))).shape == (2, 1, 1, 256)


@pytest.mark.parametrize(
    "make",
    [
        lambda shape: applications.MobileNet(
            weights=None, alpha=0.25, input_shape=shape, classes=3
        ),
        lambda shape: mobilenet_v2.MobileNetV2(weights=None, alpha=0.35, input_shape=shape),
        lambda shape: resnext.ResNeXt50(
            weights=None, input_shape=shape, include_top=False, pooling="max"
        ),
    ],
)
def test_channels_may_be_first(make):
    model = make((32, 40, 3))
    with data_format("channels_first"):
        other = make((3, 32, 40))
    other.set_weights(model.get_weights())
    x = np.random.RandomState(0).uniform(-1, 1, (2, 32, 40, 3)).astype("float32")
    found = other.predict(x.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(found, model.predict(x), 1e-4, 1e-5)


def test_nasnet_has_channels_last_always():
    small = {"penultimate_filters": 96, "num_blocks": 1, "stem_block_filters": 4}
    with data_format("channels_first"):
        with pytest.warns(UserWarning, match="only available for the input data format"):
            model = nasnet.NASNet(default_size=32, classes=2, **small)
        assert K.image_data_format() == "channels_first"
    assert model.input_shape == (None, 32, 32, 3)
    assert model.predict(np.ones((1, 32, 32, 3))).shape == (1, 2)


SHAPE_ERRORS = [
    ({"input_shape": (224, 224)}, "must be a tuple of three integers"),
    ({"input_shape": (20, 224, 3)}, "must be at least 32x32; got .*20, 224, 3"),
    ({"input_shape": (None, 224, 3)}, "should specify a static `input_shape`"),
    ({"input_shape": (64, 64, 3), "weights": "imagenet"}, r"should be \(224, 224, 3\). Got"),
    (
        {"input_shape": (64, 64, 1), "weights": "imagenet", "include_top": False},
        "must have 3 channels",
    ),
    ({"weights": "no.h5"}, "Got 'no.h5', which is no file"),
    ({"weights": "imagenet", "classes": 7}, "`classes` should be 1000. Got 7"),
]


@pytest.mark.parametrize("arguments, message", SHAPE_ERRORS)
def test_arguments_that_do_not_go_together(arguments, message):
    with pytest.raises(ValueError, match=message):
        applications.VGG16(**{"weights": None, **arguments})


def test_shapes_for_networks_of_ones_own():
    shape = applications.imagenet_utils._obtain_input_shape
    assert shape(None, 224, 32, "channels_first", require_flatten=True) == (3, 224, 224)
    assert shape(None, None, 32, "channels_first", require_flatten=False) == (3, None, None)
    with pytest.raises(ValueError, match="should specify a static `input_shape`"):
        shape(None, None, 32, "channels_first", require_flatten=True)


def test_errors_of_single_networks():
    with pytest.raises(ValueError, match="depth multiplier must be 1"):
        applications.MobileNet(depth_multiplier=2)
    with pytest.raises(ValueError, match="alpha can be one of"):
        applications.MobileNetV2(alpha=0.6)
    with pytest.raises(ValueError, match="do not meet the same shape requirements"):
        applications.MobileNetV2(
            weights=None, input_shape=(64, 64, 3), input_tensor=layers.Input((96, 96, 3))
        )
    with pytest.raises(ValueError, match="multiple of 24"):
        nasnet.NASNet(penultimate_filters=100)
    with pytest.raises(ValueError, match="must be static"):
        applications.NASNetMobile(input_shape=(None, None, 3))
    with pytest.raises(ValueError, match="only be loaded with NASNetLarge or NASNetMobile"):
        nasnet.NASNet(weights="imagenet", default_size=100)
    with pytest.raises(ValueError, match="rows and columns are known"):
        resnext.ResNeXt50(weights=None, include_top=False)


def test_unusual_channels_are_warned_of():
    with pytest.warns(UserWarning, match="input_shape with 5 input channels") as caught:
        applications.MobileNet(weights=None, alpha=0.25, input_shape=(32, 32, 5))
    assert caught[0].filename == __file__
    with pytest.warns(UserWarning, match="input_shape with 5 input channels"):
        applications.VGG16(weights=None, input_shape=(32, 32, 5), include_top=False)


def test_resnet50_says_that_its_features_have_changed():
    with pytest.warns(UserWarning, match="changed since Keras 2.2.0"):
        with initializers.deferred(lambda nbytes: None):
            model = applications.ResNet50(weights=None, include_top=False)
    assert model.output_shape == (None, None, None, 2048)


# ---- weights ------------------------------------------------------------------------------------


def test_weights_from_a_file(small):
    model, path = small
    assert same_weights(applications.MobileNet(weights=str(path), **SMALL), model)
    other = applications.MobileNet(weights=path, **{**SMALL, "pooling": None})
    assert same_weights(other, model)
    with pytest.raises(ValueError, match="shape"):
        applications.MobileNet(weights=str(path), **{**SMALL, "alpha": 0.5})


def test_layers_before_the_network_keep_first_values(small):
    model, path = small
    start = layers.Lambda(lambda x: 2 * x)(layers.Input((128, 128, 3)))
    arguments = {**SMALL, "input_shape": None, "input_tensor": start}
    assert same_weights(applications.MobileNet(weights=str(path), **arguments), model)


def test_published_weights_are_downloaded_once(small, cache, monkeypatch):
    model, path = small
    name = "/fchollet/deep-learning-models/v0.6/mobilenet_2_5_128_tf_no_top.h5"
    with serve({name: path.read_bytes()}) as server:
        monkeypatch.setattr(mobilenet, "PUBLISHED", server.url + "/{}/{}/")
        found = [applications.MobileNet(**SMALL) for _ in range(2)]
    assert all(same_weights(m, model) for m in found)
    assert len(server.requests) == 1
    assert [p.name for p in cache.iterdir()] == ["mobilenet_2_5_128_tf_no_top.h5"]


def test_without_a_network_the_error_says_where_files_belong(cache, monkeypatch):
    monkeypatch.setattr(building, "PUBLISHED", "http://127.0.0.1:9/{}/{}/")
    with pytest.raises(OSError, match=r"models.vgg16_weights_tf.*64373286793e3c8b2b4e3219cbf3544b"):
        applications.VGG16()


def test_sizes_without_published_weights_get_those_of_the_default(monkeypatch):
    monkeypatch.setattr(building, "get_file", wanted_file)
    for make in (applications.MobileNet, applications.MobileNetV2):
        with pytest.warns(UserWarning, match="Weights for input shape .224, 224. will") as caught:
            with pytest.raises(Wanted, match=r"_224_?(tf)?_no_top\.h5"):
                make(include_top=False, input_shape=(64, 96, 3))
        assert caught[0].filename == __file__


class Wanted(Exception):
    """The file that a model asked for: name, address, hash."""


def wanted_file(name, address, cache_subdir=None, file_hash=None, md5_hash=None):
    assert cache_subdir == "models"
    raise Wanted(name, address, file_hash or md5_hash)


PUBLISHED = {
    ("resnet50", "ResNet50"): (
        "resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        "https://github.com/fchollet/deep-learning-models/releases/download/v0.2/"
        "resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        "a7b3fe01876f51b976af0dea6bc144eb",
    ),
    ("resnext", "ResNeXt101"): (
        "resnext101_weights_tf_dim_ordering_tf_kernels.h5",
        "https://github.com/keras-team/keras-applications/releases/download/resnet/"
        "resnext101_weights_tf_dim_ordering_tf_kernels.h5",
        "34fb605428fcc7aa4d62f44404c11509",
    ),
    ("mobilenet_v2", "MobileNetV2"): (
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        "https://github.com/JonathanCMitchell/mobilenet_v2_keras/releases/download/v1.1/"
        "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5",
        None,
    ),
    ("nasnet", "NASNetMobile"): (
        "nasnet_mobile.h5",
        "https://github.com/titu1994/Keras-NASNet/releases/download/v1.2/NASNet-mobile.h5",
        "020fb642bf7360b370c678b08e0adf61",
    ),
}


@pytest.mark.parametrize("module, name", PUBLISHED)
def test_published_files(module, name, monkeypatch):
    monkeypatch.setattr(building, "get_file", wanted_file)
    with pytest.raises(Wanted) as wanted:
        getattr(getattr(applications, module), name)()
    assert wanted.value.args == PUBLISHED[module, name]


# ---- the package keras_applications, from which Keras 2.2 and 2.3 had them -----------------------


@pytest.mark.parametrize(
    "module, name, arguments",
    [
        ("densenet", "DenseNet121", {"input_shape": (32, 32, 3)}),
        ("mobilenet", "MobileNet", {"alpha": 0.5, "include_top": False}),
        ("nasnet", "NASNetMobile", {"input_shape": (64, 64, 3), "classes": 3}),
        ("resnext", "ResNeXt50", {"input_shape": (33, 65, 3), "pooling": "max"}),
    ],
)
def test_the_package_makes_the_same_models_of_kforge(module, name, arguments, monkeypatch):
    pytest.importorskip("keras_applications")
    package = importlib.import_module(f"keras_applications.{module}")
    build = applications.keras_modules_injection(getattr(package, name))
    with initializers.deferred(lambda nbytes: None):
        K.clear_session()
        theirs = build(weights=None, **arguments)
        K.clear_session()
        ours = getattr(getattr(applications, module), name)(weights=None, **arguments)
    assert isinstance(theirs, Model)
    assert without_code(ours.get_config()) == without_code(theirs.get_config())
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]


def without_code(config):
    for layer in config["layers"]:
        if layer["class_name"] == "Lambda":
            del layer["config"]["function"]
    return config

"""Scripts in the words of Keras 1: what they make, and what they are told."""

import inspect
import warnings

import numpy as np
import pytest

import kforge
from kforge import backend as K
from kforge import layers as L
from kforge.compat import interfaces
from kforge.compat.arguments import TABLE
from kforge.models import Model, Sequential
from kforge.regularizers import l2

# (in the words of Keras 1, in those of Keras 2, what the warning shows).
LAYERS = {
    "Dense": (
        lambda: L.Dense(output_dim=3, init="uniform", W_regularizer=l2(0.1), bias=False),
        lambda: L.Dense(
            3, kernel_initializer="uniform", kernel_regularizer=l2(0.1), use_bias=False
        ),
        'Dense(units=3, kernel_initializer="uniform", kernel_regularizer=..., use_bias=False)',
    ),
    "Dropout": (lambda: L.Dropout(p=0.5), lambda: L.Dropout(0.5), "Dropout(rate=0.5)"),
    "SpatialDropout2D": (
        lambda: L.SpatialDropout2D(0.5, dim_ordering="th"),
        lambda: L.SpatialDropout2D(0.5, data_format="channels_first"),
        'SpatialDropout2D(0.5, data_format="channels_first")',
    ),
    "GaussianNoise": (
        lambda: L.GaussianNoise(sigma=2.0),
        lambda: L.GaussianNoise(2.0),
        "stddev=2.0",
    ),
    "Embedding": (
        lambda: L.Embedding(9, 3, init="normal", dropout=0.0),
        lambda: L.Embedding(9, 3, embeddings_initializer="normal"),
        'Embedding(9, 3, embeddings_initializer="normal")',
    ),
    "PReLU": (
        lambda: L.PReLU(init="one"),
        lambda: L.PReLU("one"),
        'PReLU(alpha_initializer="one")',
    ),
    "BatchNormalization": (
        lambda: L.BatchNormalization(mode=0, beta_init="one", gamma_init="zero"),
        lambda: L.BatchNormalization(beta_initializer="one", gamma_initializer="zero"),
        'BatchNormalization(beta_initializer="one", gamma_initializer="zero")`. Left out: `mode`.',
    ),
    "Conv1D": (
        lambda: L.Convolution1D(
            4, filter_length=3, subsample_length=2, input_dim=5, input_length=9
        ),
        lambda: L.Conv1D(4, 3, strides=2, input_shape=(9, 5)),
        "Conv1D(4, kernel_size=3, strides=2, input_shape=(9, 5))",
    ),
    "Conv2D by position": (
        lambda: L.Convolution2D(4, 3, 2, border_mode="same", subsample=(2, 2)),
        lambda: L.Conv2D(4, (3, 2), padding="same", strides=(2, 2)),
        'Conv2D(4, (3, 2), padding="same", strides=(2, 2))',
    ),
    "Conv2D by name": (
        lambda: L.Convolution2D(nb_filter=4, nb_row=3, nb_col=2, dim_ordering="th"),
        lambda: L.Conv2D(4, (3, 2), data_format="channels_first"),
        'Conv2D(filters=4, data_format="channels_first", kernel_size=(3, 2))',
    ),
    "Conv2D by both": (
        lambda: L.Convolution2D(4, 3, nb_col=2),
        lambda: L.Conv2D(4, (3, 2)),
        "Conv2D(4, (3, 2))",
    ),
    "Conv2DTranspose": (
        lambda: L.Deconvolution2D(4, 3, 3, output_shape=(None, 14, 14, 4), subsample=(2, 2)),
        lambda: L.Conv2DTranspose(4, (3, 3), strides=(2, 2)),
        "Left out: `output_shape`.",
    ),
    "Conv3D": (
        lambda: L.Convolution3D(4, 3, 2, 1),
        lambda: L.Conv3D(4, (3, 2, 1)),
        "Conv3D(4, (3, 2, 1))",
    ),
    "SeparableConv2D": (
        lambda: L.SeparableConvolution2D(4, 3, 3, init="uniform", depth_multiplier=2),
        lambda: L.SeparableConv2D(
            4,
            (3, 3),
            depthwise_initializer="uniform",
            pointwise_initializer="uniform",
            depth_multiplier=2,
        ),
        'depthwise_initializer="uniform", pointwise_initializer="uniform"',
    ),
    "MaxPooling1D": (
        lambda: L.MaxPooling1D(pool_length=3, stride=2, border_mode="same"),
        lambda: L.MaxPooling1D(3, 2, "same"),
        'MaxPooling1D(pool_size=3, strides=2, padding="same")',
    ),
    "AveragePooling3D": (
        lambda: L.AveragePooling3D(dim_ordering="tf"),
        lambda: L.AveragePooling3D(data_format="channels_last"),
        'data_format="channels_last"',
    ),
    "UpSampling1D": (lambda: L.UpSampling1D(length=3), lambda: L.UpSampling1D(3), "size=3"),
    "ZeroPadding2D": (
        lambda: L.ZeroPadding2D({"top_pad": 1, "right_pad": 2}),
        lambda: L.ZeroPadding2D(((1, 0), (0, 2))),
        "ZeroPadding2D(padding=((1, 0), (0, 2)))",
    ),
    "LSTM": (
        lambda: L.LSTM(
            output_dim=3,
            inner_init="uniform",
            forget_bias_init="zero",
            inner_activation="sigmoid",
            dropout_W=0.2,
            dropout_U=0.3,
            consume_less="gpu",
            U_regularizer=l2(0.1),
        ),
        lambda: L.LSTM(
            3,
            recurrent_initializer="uniform",
            unit_forget_bias=True,
            recurrent_activation="sigmoid",
            dropout=0.2,
            recurrent_dropout=0.3,
            implementation=2,
            recurrent_regularizer=l2(0.1),
        ),
        "Left out: `forget_bias_init`.",
    ),
    "SimpleRNN": (
        lambda: L.SimpleRNN(3, consume_less="cpu", inner_init="uniform"),
        lambda: L.SimpleRNN(3, recurrent_initializer="uniform"),
        "Left out: `consume_less`.",
    ),
    "AtrousConvolution2D": (
        lambda: L.AtrousConvolution2D(4, 3, 3, atrous_rate=(2, 2)),
        lambda: L.Conv2D(4, (3, 3), dilation_rate=(2, 2)),
        "`AtrousConvolution2D` call to the Keras 2 API: `Conv2D(4, (3, 3), dilation_rate=(2, 2))`",
    ),
    "TimeDistributedDense": (
        lambda: L.TimeDistributedDense(3, input_dim=4, input_length=5),
        lambda: L.Dense(3, input_shape=(5, 4)),
        "Dense(3, input_shape=(5, 4))",
    ),
    "Merge": (
        lambda: L.Merge(mode="concat", concat_axis=1),
        lambda: L.Concatenate(axis=1),
        "`Merge` call to the Keras 2 API: `Concatenate(axis=1)`",
    ),
}


def config_of(layer):
    return {k: v for k, v in layer.get_config().items() if k != "name"}


@pytest.mark.parametrize("old, new, shown", LAYERS.values(), ids=LAYERS)
def test_layers(old, new, shown):
    with pytest.warns(UserWarning) as told:
        made = old()
    assert config_of(made) == config_of(new())
    assert len(told) == 1
    assert "to the Keras 2 API: `" in str(told[0].message)
    assert shown in str(told[0].message)
    assert told[0].filename == __file__  # the user's line
    assert told[0].lineno in range(*lines_of(old))


def lines_of(function):
    source, first = inspect.getsourcelines(function)
    return first, first + len(source)


@pytest.mark.parametrize("key", TABLE)
def test_the_table_names_what_exists(key):
    owner, _, method = key.partition(".")
    found = Model if owner == "Model" else getattr(L, owner)
    if not isinstance(found, type):
        return  # a function that stands for a class of another name
    taken = {*inspect.signature(getattr(found, method or "__init__")).parameters}
    if key == "Model.__init__":
        taken = {"inputs", "outputs"}
    names = TABLE[key].names
    assert {new for new in names.values() if new} <= taken
    assert taken.isdisjoint(names)


def test_signatures_are_those_of_keras_2():
    assert [*inspect.signature(L.Dense).parameters][:3] == ["units", "activation", "use_bias"]
    assert [*inspect.signature(L.MaxPooling1D).parameters][:2] == ["pool_size", "strides"]
    assert "epochs" in inspect.signature(Model.fit_generator).parameters


def test_nothing_is_said_to_those_who_write_keras_2():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        L.Conv2D(4, 3, strides=2)
        L.Conv2D(4, (3, 3), (2, 2))
        L.BatchNormalization(1)
        L.ZeroPadding2D(((1, 2), (3, 4)))


def test_subclasses_in_scripts():
    class Filters(L.Convolution2D):
        def __init__(self, count, **kwargs):
            super().__init__(nb_filter=count, nb_row=3, nb_col=3, border_mode="same", **kwargs)

    with pytest.warns(
        UserWarning, match=r"Conv2D\(filters=4, padding=\"same\", kernel_size"
    ) as told:
        layer = Filters(4)
    assert (layer.filters, layer.kernel_size, layer.padding) == (4, (3, 3), "same")
    assert len(told) == 1
    assert told[0].filename == __file__


def test_weights_were_described_by_their_shapes():
    class Scale(L.Layer):
        def build(self, input_shape):
            self.scale = self.add_weight((input_shape[-1],), initializer="ones", name="scale")

    with pytest.warns(
        UserWarning, match=r'add_weight\(initializer="ones", name="scale", shape'
    ) as told:
        layer = Scale(input_shape=(3,))
        Sequential([layer])
    assert told[0].filename == __file__
    assert layer.scale.shape == (3,)


def test_both_words_at_once():
    with pytest.raises(TypeError, match=r"For the `units` argument, both .* `output_dim`"):
        L.Dense(units=3, output_dim=3)


def test_what_keras_2_cannot_do():
    with pytest.raises(TypeError, match="mode=1"):
        L.BatchNormalization(mode=1)
    with pytest.raises(TypeError, match="first argument is `axis`"):
        L.BatchNormalization(1e-5)
    with pytest.warns(UserWarning, match="Add a `SpatialDropout1D` layer") as told:
        L.Embedding(4, 3, dropout=0.2)
    assert {w.filename for w in told} == {__file__}


def test_unknown_arguments():
    with pytest.raises(TypeError, match="Dense does not take it; did you mean `kernel_init") as e:
        L.Dense(3, kernel_initialiser="ones")
    assert e.value.args[:2] == ("Keyword argument not understood:", "kernel_initialiser")
    with pytest.raises(TypeError, match="UpSampling1D does not take it"):
        L.UpSampling1D(2, data_format="channels_first")


# ---- configurations ---------------------------------------------------------------------------


def test_configurations_are_read_in_silence():
    config = {
        "name": "convolution2d_1",
        "trainable": True,
        "batch_input_shape": [None, 3, 8, 8],
        "input_dtype": "float32",
        "nb_filter": 4,
        "nb_row": 3,
        "nb_col": 2,
        "init": "glorot_uniform",
        "activation": "relu",
        "border_mode": "same",
        "subsample": [1, 1],
        "dim_ordering": "th",
        "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
        "b_regularizer": None,
        "activity_regularizer": None,
        "W_constraint": {"name": "MaxNorm", "m": 2, "axis": 0},
        "b_constraint": None,
        "bias": True,
    }
    layer = L.deserialize({"class_name": "Convolution2D", "config": config})
    assert type(layer) is L.Conv2D
    assert (layer.kernel_size, layer.data_format) == ((3, 2), "channels_first")
    assert layer.kernel_regularizer.l2 == 0.5
    assert layer.kernel_constraint.max_value == 2


@pytest.mark.parametrize(
    "kind, config, cls",
    [
        ("MaxPool2D", {"name": "p", "border_mode": "same"}, L.MaxPooling2D),
        ("Deconvolution2D", {"nb_filter": 2, "nb_row": 2, "nb_col": 2}, L.Conv2DTranspose),
        ("AtrousConvolution1D", {"nb_filter": 2, "filter_length": 2}, L.Conv1D),
        ("TimeDistributedDense", {"output_dim": 2, "input_dim": None}, L.Dense),
        ("Merge", {"layers": [], "mode": "mul", "mode_type": "raw"}, L.Multiply),
        ("GRU", {"output_dim": 2, "input_dim": None, "input_length": None}, L.GRU),
    ],
)
def test_configurations_of_classes_with_other_names(kind, config, cls):
    assert type(L.deserialize({"class_name": kind, "config": config})) is cls


# ---- models -------------------------------------------------------------------------------------


@pytest.fixture
def model():
    made = Sequential([L.Dense(2, input_shape=(3,))])
    made.compile("sgd", "mse")
    return made


def batches(size=4):
    while True:
        yield np.zeros((size, 3)), np.zeros((size, 2))


class Sized:
    """A generator that knows its batches, as those of `ImageDataGenerator` do."""

    batch_size = 4

    def __init__(self):
        self.source = batches()

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.source)


def test_models(model):
    x = L.Input((3,))
    with pytest.warns(UserWarning, match=r"Model\(inputs=..., outputs=...\)") as told:
        other = Model(input=x, output=L.Dense(2)(x))
    assert told[0].filename == __file__
    assert other.output_shape == (None, 2)


def test_fit(model):
    with pytest.warns(UserWarning, match=r"fit\(..., ..., epochs=2, verbose=0\)") as told:
        history = model.fit(np.zeros((4, 3)), np.zeros((4, 2)), nb_epoch=2, verbose=0)
    assert told[0].filename == __file__
    assert len(history.history["loss"]) == 2
    with pytest.warns(UserWarning, match="`show_accuracy`. Accuracy is a metric now: `compile"):
        model.fit(np.zeros((4, 3)), np.zeros((4, 2)), show_accuracy=True, verbose=0)
    with pytest.raises(TypeError, match="epoch_count"):
        model.fit(np.zeros((4, 3)), np.zeros((4, 2)), epoch_count=2)


def test_generators(model):
    with pytest.warns(UserWarning, match="Keras 1 counted samples") as told:
        history = model.fit_generator(
            Sized(),
            samples_per_epoch=12,
            nb_epoch=2,
            validation_data=Sized(),
            nb_val_samples=8,
            nb_worker=1,
            max_q_size=2,
            pickle_safe=False,
            verbose=0,
        )
    assert len(told) == 1
    assert told[0].filename == __file__
    assert history.params["steps"] == 3
    assert len(history.history["val_loss"]) == 2
    with pytest.warns(UserWarning, match=r"predict_generator\(batches, steps=2\)"):
        assert model.predict_generator(batches(), val_samples=2).shape == (8, 2)


def test_merged_branches_begin_a_sequential_model():
    left = Sequential([L.Dense(4, input_dim=3)])
    right = Sequential([L.Dense(5, input_dim=2)])
    with pytest.warns(UserWarning, match=r"Concatenate\(axis=-1\)"):
        merged = L.Merge([left, right], mode="concat")
    model = Sequential([merged, L.Dense(1)])
    model.compile("sgd", "mse")
    x = [np.ones((6, 3)), np.ones((6, 2))]
    model.fit(x, np.zeros((6, 1)), verbose=0)
    again = Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    assert len(set(model.input_names)) == 2
    model.pop()
    assert model.output_shape == (None, 9)


def test_merge_takes_what_configs_of_keras_1_have_and_nothing_unknown():
    with pytest.warns(UserWarning, match="Add"):
        assert isinstance(L.Merge(mode="sum", mode_type="raw", trainable=False), L.Add)
    with pytest.raises(TypeError, match="concat_axes"):
        L.Merge(mode="concat", concat_axes=1)


def test_merged_masks_are_a_function_of_masks():
    inputs = [L.Input((2, 1)), L.Input((3, 1))]
    with pytest.warns(UserWarning, match=r"Lambda"):
        merged = L.merge(
            [L.Masking()(x) for x in inputs],
            mode=lambda tensors: K.concatenate(tensors, axis=1),
            output_mask=lambda masks: K.concatenate(masks, axis=1),
        )
    told = K.function(inputs, [merged._keras_mask])
    (mask,) = told([np.array([[[0.0], [1.0]]]), np.array([[[2.0], [0.0], [3.0]]])])
    np.testing.assert_array_equal(mask, [[False, True, True, False, True]])


def test_merge():
    a, b = L.Input((2,)), L.Input((2,))
    values = [np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])]
    wanted = {
        "sum": [[7, 7]],
        "mul": [[12, 12]],
        "ave": [[3.5, 3.5]],
        "max": [[4, 4]],
        "min": [[3, 3]],
        "concat": [[3, 4, 4, 3]],
        "dot": [[24]],
        "cos": [[[0.96]]],
    }
    for mode, result in wanted.items():
        with pytest.warns(UserWarning, match=f"`merge` call to the Keras 2 API: `{mode[:1]}"[:-1]):
            merged = L.merge([a, b], mode=mode, dot_axes=[1, 1])
        found = Model([a, b], merged).predict(values)
        np.testing.assert_allclose(found, result, rtol=1e-6)
    with pytest.warns(UserWarning, match=r"Lambda\(...\)\(\[..., ...\]\)"):
        merged = L.merge([a, b], mode=lambda xs: xs[0] - xs[1], output_shape=(2,))
    np.testing.assert_allclose(Model([a, b], merged).predict(values), [[-1, 1]])
    with pytest.raises(ValueError, match="Invalid merge mode: 'join'"):
        L.merge([a, b], mode="join")


# ---- layers made from Keras's own -------------------------------------------------------------


def test_decorators():
    class Scale(L.Layer):
        @interfaces.legacy_dense_support
        def __init__(self, units, kernel_initializer="ones", **kwargs):
            super().__init__(**kwargs)
            self.units, self.initializer = units, kernel_initializer

        @interfaces.legacy_add_weight_support
        def add_weight(self, name, shape, initializer=None):
            return name, shape, initializer

    with pytest.warns(
        UserWarning, match='`Scale` call.*`Scale\\(units=3, kernel_initializer="zero"'
    ):
        layer = Scale(output_dim=3, init="zero")
    assert (layer.units, layer.initializer) == (3, "zero")
    with pytest.warns(UserWarning, match="add_weight"):
        assert layer.add_weight((2, 3), "ones", name="w") == ("w", (2, 3), "ones")

    class Own:
        @interfaces.legacy_get_updates_support
        def get_updates(self, loss, params):
            return loss, params

    assert Own().get_updates([1], {}, "loss") == ("loss", [1])
    assert Own().get_updates("loss", [1]) == ("loss", [1])


def test_decorators_of_one_s_own():
    support = interfaces.generate_legacy_interface(
        allowed_positional_args=["size"],
        conversions=[("n", "size"), ("kind", "mode")],
        value_conversions={"mode": {"old": "new"}},
        object_type="method",
    )

    class Own:
        @support
        def resize(self, size, mode="new"):
            return size, mode

    with pytest.warns(UserWarning, match=r'resize\(size=3, mode="new"\)'):
        assert Own().resize(n=3, kind="old") == (3, "new")
    with pytest.raises(TypeError, match="At most 1 positional arguments"):
        Own().resize(3, "new")
    with pytest.raises(TypeError, match="For the `size` argument"):
        Own().resize(n=3, size=3)


class Accumulator(L.Recurrent):
    """The recurrence of `SimpleRNN` without bias, as layers were written for Keras 1."""

    def __init__(self, units, **kwargs):
        self.units = units
        super().__init__(**kwargs)

    def build(self, input_shape):
        shape = input_shape[0] if isinstance(input_shape, list) else input_shape
        self.input_spec[0] = L.InputSpec(shape=shape)
        self.states = [None]
        if self.stateful:
            self.reset_states()
        self.W = self.add_weight("W", (shape[-1], self.units))
        self.U = self.add_weight("U", (self.units, self.units))
        self.built = True

    def preprocess_input(self, inputs, training=None):
        return K.dot(inputs, self.W)

    def get_constants(self, inputs, training=None):
        return [K.ones((1,))]

    def step(self, x, states):
        h = K.tanh(x + K.dot(states[0], self.U) * states[1])
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@pytest.mark.parametrize("sequences", [False, True])
def test_recurrent_layers_with_their_own_step(sequences):
    x = np.random.RandomState(0).rand(2, 5, 3)
    ours = Sequential([Accumulator(4, return_sequences=sequences, input_shape=(5, 3))])
    wanted = Sequential(
        [L.SimpleRNN(4, use_bias=False, return_sequences=sequences, input_shape=(5, 3))]
    )
    wanted.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours.predict(x), wanted.predict(x), atol=1e-6)
    assert ours.output_shape == wanted.output_shape
    again = Sequential.from_config(ours.get_config(), {"Accumulator": Accumulator})
    assert again.layers[0].get_config() == ours.layers[0].get_config()


def test_recurrent_layers_keep_states():
    model = Sequential([Accumulator(4, stateful=True, batch_input_shape=(2, 5, 3))])
    model.set_weights([np.full(w.shape, 0.1) for w in model.get_weights()])
    x = np.ones((2, 5, 3))
    first, second = model.predict(x, 2), model.predict(x, 2)
    assert np.abs(first - second).max() > 1e-3
    model.reset_states()
    np.testing.assert_array_equal(model.predict(x, 2), first)


def test_recurrent_layers_begin_with_given_states():
    x, h = L.Input((5, 3)), L.Input((4,))
    output, state = Accumulator(4, return_state=True)(x, initial_state=h)
    model = Model([x, h], [output, state])
    found = model.predict([np.zeros((2, 5, 3)), np.ones((2, 4))])
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0]).max() > 0


def test_convolutional_recurrent_bases_know_their_shapes():
    layer = L.ConvRecurrent2D(4, 3, padding="same", strides=2, return_sequences=True)
    assert layer.compute_output_shape((None, 5, 8, 9, 3)) == (None, 5, 4, 5, 4)
    first = L.ConvRecurrent2D(4, (3, 2), data_format="channels_first")
    assert first.compute_output_shape((None, 5, 3, 8, 9)) == (None, 4, 6, 8)


def test_names_of_keras_1_are_where_it_had_them():
    kforge.install()
    try:
        from keras.engine.topology import merge
        from keras.layers.core import Highway, TimeDistributedDense
        from keras.legacy.layers import Recurrent
        from keras.regularizers import activity_l2, l1l2
    finally:
        kforge.uninstall()
    assert merge is L.merge
    assert (Highway, TimeDistributedDense) == (L.Highway, L.TimeDistributedDense)
    assert Recurrent is L.Recurrent
    assert l1l2(l1=0.1, l2=0.2).l2 == np.float32(0.2)
    assert activity_l2(0.1).l1 == 0

"""The facade of TensorFlow, against what TensorFlow computed, and as scripts use it."""

import os
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest
import torch

import kforge
from kforge import backend as K
from kforge import symbolic
from kforge.compat.tensorflow import MODULES
from kforge.trees import leaves
from tests.compat.tensorflow_cases import ARRAYS
from tests.compat.tensorflow_cases import CASES as BASIC
from tests.compat.tensorflow_library_cases import CASES as LIBRARY

RECORDED = pathlib.Path(__file__).parent.parent / "data" / "tensorflow.npz"

CASES = [*BASIC, *LIBRARY]

# Expressions that need sizes when they are recorded, and cannot do without them.
NEED_SIZES = ("tf.unstack",)
# What is known in any case: filters and the like.
FIXED = (
    "other",
    "vector",
    "kernel",
    "kernel1d",
    "kernel3d",
    "depthwise",
    "pointwise",
    "transposed",
)


@pytest.fixture(scope="module", autouse=True)
def tf():
    kforge.install()
    import tensorflow

    yield tensorflow
    kforge.uninstall()


@pytest.fixture(scope="module")
def recorded():
    with np.load(RECORDED) as stored:
        found = {}
        for key in stored.files:
            code, _, number = key.rpartition("|")
            value = stored[key]
            found[code] = value if number == "" else [*found.get(code, []), value]
        return found


def arrays_of(code):
    names = compile(code, "<case>", "eval").co_names
    words = code.replace("(", " ").replace(")", " ").replace(",", " ").replace("[", " ").split()
    return {k: v for k, v in ARRAYS.items() if k in names or any(k in w for w in words)}


def same(found, wanted, code):
    found = [np.asarray(f) for f in found] if isinstance(wanted, list) else np.asarray(found)
    for f, w in zip(*((found, wanted) if isinstance(wanted, list) else ([found], [wanted]))):
        assert f.shape == w.shape, code
        if w.dtype.kind == "f":
            np.testing.assert_allclose(f, w, rtol=2e-5, atol=1e-5)
        else:
            np.testing.assert_array_equal(f, w)
        assert f.dtype == w.dtype


@pytest.mark.parametrize("code", CASES)
def test_values(tf, recorded, code):
    feeds = arrays_of(code)
    names = {k: tf.placeholder(v.dtype, v.shape) for k, v in feeds.items()}
    out = eval(code, {"tf": tf, "np": np, **names})
    found = tf.Session().run(out, {names[k]: v for k, v in feeds.items()})
    same(found, recorded[code], code)
    for tensor, value in zip(leaves(out), leaves(found)):
        shape = tuple(tensor.shape)
        assert len(shape) == np.ndim(value)
        assert all(n in (None, m) for n, m in zip(shape, np.shape(value)))


@pytest.mark.parametrize("code", [c for c in CASES if not c.startswith(NEED_SIZES)])
def test_values_of_unknown_sizes(tf, recorded, code):
    feeds = arrays_of(code)
    names = {
        k: tf.placeholder(v.dtype, v.shape if k in FIXED else [None, *v.shape[1:]][: v.ndim])
        for k, v in feeds.items()
    }
    out = eval(code, {"tf": tf, "np": np, **names})
    found = tf.Session().run(out, {names[k]: v for k, v in feeds.items()})
    same(found, recorded[code], code)


@pytest.mark.parametrize("code", CASES)
def test_values_at_once(tf, recorded, code):
    if "tf.gradients" in code or "::-1" in code:
        pytest.skip("what is recorded has gradients and negative steps; torch's tensors have not")
    names = {k: torch.from_numpy(v.copy()) for k, v in arrays_of(code).items()}
    with symbolic.executing():
        found = eval(code, {"tf": tf, "np": np, **names})
        found_leaves = leaves(found)
    found = [np.asarray(x) for x in found_leaves]
    same(found if isinstance(recorded[code], list) else found[0], recorded[code], code)


# ---- modules ------------------------------------------------------------------------------------


def test_modules_that_only_tensorflow_s_keras_has(tf):
    from tensorflow.python.keras.backend_config import epsilon
    from tensorflow.python.keras.engine.input_spec import InputSpec
    from tensorflow.python.keras.optimizer_v2.adam import Adam
    from tensorflow.python.ops import gen_nn_ops, nn_grad

    assert epsilon is K.epsilon
    assert (InputSpec, Adam) == (kforge.layers.InputSpec, kforge.optimizers.Adam)
    slopes = nn_grad.relu_grad(tf.constant([1.0, 2.0]), tf.constant([0.5, -1.0]))
    np.testing.assert_array_equal(tf.Session().run(slopes), [1, 0])
    assert gen_nn_ops._relu_grad is gen_nn_ops.relu_grad


def test_a_metric_of_the_predictions_first(tf):
    guessed, right = tf.constant([1.0, 0.0, 1.0, 1.0]), tf.constant([1.0, 0.0, 0.0, 0.0])
    _, update = tf.contrib.metrics.streaming_precision(guessed, right)
    assert tf.Session().run(update) == np.float32(1 / 3)


def test_values_that_are_known(tf):
    assert tf.get_static_value(tf.constant([1, 2])).tolist() == [1, 2]
    assert tf.get_static_value(tf.placeholder(tf.float32)) is None
    tf.add_to_collections(["a", "b"], 5)
    assert tf.get_collection("a") == tf.get_collection("b") == [5]


def test_keras_is_kforge_by_all_its_names(tf):
    from tensorflow.compat.v1.keras.models import Model
    from tensorflow.keras.layers import Dense
    from tensorflow.python.keras import backend
    from tf_keras.layers import Dense as SameDense

    assert tf.keras is kforge
    assert Dense is SameDense is kforge.layers.Dense
    assert (Model, backend) == (kforge.models.Model, K)
    assert K.tf is tf
    assert K.control_flow_ops.while_loop is tf.while_loop


def test_modules_below(tf):
    import tensorflow.compat.v1 as tf1
    import tensorflow.python.ops.array_ops as array_ops
    from tensorflow.python.framework import ops
    from tensorflow.python.ops import control_flow_ops, nn_ops

    assert tf1 is tf
    assert tf.__version__.startswith("1.15")
    assert array_ops.shape is tf.shape
    assert control_flow_ops.cond is tf.cond
    assert nn_ops.softmax is tf.nn.softmax
    assert ops.convert_to_tensor is tf.convert_to_tensor
    assert tf.math.log is tf.log
    assert tf.random.normal is tf.random_normal


def test_what_is_not_offered_is_named(tf):
    with pytest.raises(AttributeError, match=r"`tf\.estimator` is not among what kforge offers"):
        tf.estimator  # noqa: B018
    with pytest.raises(
        AttributeError, match=r"`tf\.nn\.all_candidate_sampler`.*python -m kforge.compat.tensorf"
    ):
        tf.nn.all_candidate_sampler  # noqa: B018
    with pytest.raises(ImportError, match=r"\.contrib\.slim\.nets'.*Instead: .*tf\.layers"):
        import tensorflow.contrib.slim.nets  # noqa: F401
    with pytest.raises(AttributeError, match=r"`tf\.train\.write_graph`.*Instead: .*to_torch"):
        tf.train.write_graph  # noqa: B018
    with pytest.raises(AttributeError, match=r"`Graph\.as_graph_def`.*`model\.to_torch\(\)`"):
        tf.get_default_graph().as_graph_def()
    assert not hasattr(tf.contrib, "crf") and not hasattr(tf, "gather_everything")


def test_every_name_is_something(tf):
    for path in ("", *MODULES):
        module = sys.modules[f"tensorflow.{path}".rstrip(".")]
        for name in dir(module):
            if not name.startswith("_") and name != "Summary":
                value = getattr(module, name)
                is_function = isinstance(value, types.FunctionType)
                ours = is_function and value.__module__.startswith("kforge")
                assert not ours or value.__doc__ or value.__name__.startswith("_"), name


def test_tensorflow_itself_is_left_to_those_who_ask_for_it(monkeypatch):
    kforge.uninstall()
    try:
        assert "tensorflow" not in sys.modules and "tensorflow.nn" not in sys.modules
        monkeypatch.setenv("KFORGE_TENSORFLOW", "real")
        kforge.install()
        assert not any(
            type(finder).__module__ == "kforge.compat.tensorflow" for finder in sys.meta_path
        )
        kforge.uninstall()
        monkeypatch.delenv("KFORGE_TENSORFLOW")
        real = types.ModuleType("tensorflow")
        monkeypatch.setitem(sys.modules, "tensorflow", real)
        kforge.install()
        import tensorflow

        assert tensorflow is real
        kforge.uninstall()
    finally:
        monkeypatch.undo()
        sys.modules.pop("tensorflow", None)
        kforge.install()
        import tensorflow


def test_processes_that_a_script_starts(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import subprocess, sys\n"
        "code = 'import tensorflow as tf; from tensorflow.keras import backend as K;'\n"
        "code += 'print(tf.__version__, K.eval(tf.constant(3.0) * 2))'\n"
        "print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True))\n"
    )
    root = str(pathlib.Path(kforge.__file__).parent.parent)
    found = subprocess.run(
        [sys.executable, "-m", "kforge", str(script)],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert "1.15.5 6.0" in found.stdout, found


# ---- sessions and variables ---------------------------------------------------------------------


def test_sessions(tf):
    config = tf.ConfigProto(allow_soft_placement=True, gpu_options=tf.GPUOptions(allow_growth=True))
    config.gpu_options.per_process_gpu_memory_fraction = 0.5
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    total, twice = tf.reduce_sum(x), x * 2
    with tf.Graph().as_default(), tf.Session(graph=tf.get_default_graph(), config=config) as sess:
        sess.run(tf.global_variables_initializer())
        found = sess.run({"a": total, "b": [twice]}, feed_dict={x: [[1, 2]]})
        assert found["a"] == 3 and found["b"][0].tolist() == [[2, 4]]
        assert total.eval({x: [[3, 4]]}, session=sess) == 7
        assert sess.run([], {}) == []
    with pytest.raises(TypeError, match="cannot be asked for by name"):
        sess.run("x:0")
    with pytest.raises(ValueError, match="You must feed a value"):
        sess.run(total)


def test_sessions_keep_what_they_have_run(tf):
    sess, x = tf.Session(), tf.placeholder(tf.float32, [2])
    y = x + 1
    first = sess._function([x], [y])
    assert sess._function([x], [y]) is first
    for _ in range(100):
        sess.run(x + 1, {x: [1, 2]})
    assert len(sess._functions) == sess._kept


def test_variables_change_when_operations_run(tf):
    sess = tf.Session()
    count = tf.Variable(0, name="count")
    step, reset = count.assign_add(2), tf.assign(count, 0)
    assert sess.run(count) == 0 and count.dtype == tf.int32
    assert [sess.run(step) for _ in range(3)] == [2, 4, 6]
    sess.run(tf.group(reset, tf.no_op()))
    assert sess.run(count) == 0 and sess.run(tf.assign_sub(count, 1)) == -1
    count.load(9, sess)
    assert sess.run(count) == 9
    sess.run(tf.variables_initializer([count]))
    assert sess.run(count) == 0
    assert isinstance(count, tf.Variable) and isinstance(K.variable(1.0), tf.Variable)
    assert isinstance(step, tf.Tensor) and not isinstance(count, tf.Tensor)
    with tf.control_dependencies([step]):
        now = tf.identity(tf.constant(5))
    assert sess.run(now) == 5 and sess.run(count) == 2


def test_variables_are_weights_like_any(tf):
    class Scale(tf.keras.layers.Layer):
        def build(self, input_shape):
            self.scale = tf.Variable(tf.ones((input_shape[-1],)), name="scale")
            self._trainable_weights = [self.scale]
            super().build(input_shape)

        def call(self, inputs):
            return tf.multiply(inputs, self.scale)

    model = tf.keras.models.Sequential([Scale(input_shape=(2,))])
    model.compile(tf.keras.optimizers.SGD(lr=0.5), "mse")
    model.set_weights([np.array([2.0, 3.0])])
    assert model.predict(np.ones((1, 2))).tolist() == [[2, 3]]
    model.train_on_batch(np.ones((1, 2)), np.zeros((1, 2)))
    np.testing.assert_allclose(model.get_weights()[0], [1.0, 1.5])


def test_gradients_of_keras_layers(tf):
    layer = tf.keras.layers.Dense(1, use_bias=False)
    x = tf.placeholder("float32", shape=(None, 3))
    grads = tf.gradients(tf.reduce_sum(layer(x)), [*layer.trainable_weights, x])
    found = tf.Session().run(grads, {x: np.arange(6).reshape(2, 3), K.learning_phase(): 0})
    assert found[0].tolist() == [[3], [5], [7]]
    np.testing.assert_allclose(found[1], np.tile(layer.get_weights()[0].T, (2, 1)))


def test_random_numbers_follow_the_seed(tf):
    state = torch.get_rng_state()
    try:
        values = []
        for _ in range(2):
            tf.set_random_seed(7)
            noise = tf.random_normal([3]), tf.random.uniform((2,), maxval=9, dtype=tf.int32)
            values.append(tf.Session().run([*noise, tf.random_shuffle(tf.range(9))]))
    finally:
        torch.set_rng_state(state)
    for a, b in zip(*values):
        np.testing.assert_array_equal(a, b)
    assert sorted(values[0][2]) == list(range(9))
    drawn = tf.Session().run(tf.multinomial([[0.0, 50.0]], 5))
    assert drawn.tolist() == [[1] * 5]
    dropped = tf.Session().run(tf.nn.dropout(tf.ones([10000]), keep_prob=0.8))
    assert set(np.unique(dropped)) == {0, np.float32(1.25)} and abs(dropped.mean() - 1) < 0.05


def test_shapes_say_their_sizes_in_tensorflow_s_way(tf):
    x = tf.placeholder(tf.float32, [None, 4])
    shape = x.get_shape()
    assert (shape[1].value, shape[0].value, shape.as_list()) == (4, None, [None, 4])
    assert [d.value for d in shape] == [None, 4] and shape[1] * 2 == 8
    assert shape[0] == None and not shape[0]  # noqa: E711 - as scripts write it
    assert shape.ndims == 2 and not shape.is_fully_defined() and shape[1:].num_elements() == 4
    assert tf.TensorShape([None, 4]) == shape
    with pytest.raises(TypeError, match="not known"):
        int(shape[0])


# ---- in models ----------------------------------------------------------------------------------


def test_functions_in_models(tf, tmp_path):
    L = tf.keras.layers
    x = L.Input((8, 8, 3))
    y = L.Conv2D(8, 3, padding="same", activation=tf.nn.relu)(x)
    y = L.Lambda(lambda t: tf.space_to_depth(t, 2))(y)
    y = L.Lambda(lambda t: tf.image.resize_bilinear(t, tf.shape(t)[1:3] * 2))(y)
    y = L.Lambda(lambda t: tf.reduce_mean(t, axis=[1, 2]))(y)
    model = tf.keras.models.Model(x, L.Dense(2, kernel_initializer=tf.zeros_initializer())(y))
    model.compile("adam", lambda t, p: tf.reduce_mean(tf.squared_difference(t, p), axis=-1))
    data, targets = np.random.RandomState(0).rand(8, 8, 8, 3), np.ones((8, 2))
    losses = model.fit(data, targets, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0] == pytest.approx(1)
    model.save(tmp_path / "model.h5")
    again = tf.keras.models.load_model(tmp_path / "model.h5", compile=False)
    np.testing.assert_array_equal(again.predict(data), model.predict(data))


def test_losses_that_loop_over_samples(tf):
    """As of detectors: for each image as many true boxes as it has."""

    def loss(y_true, y_pred):
        mask = tf.cast(y_true[..., 0], "bool")
        count = tf.shape(y_pred)[0]
        found = tf.TensorArray(K.dtype(y_true), size=1, dynamic_size=True)

        def body(b, found):
            true = tf.boolean_mask(y_true[b, ..., 1], mask[b])
            distance = tf.abs(tf.expand_dims(y_pred[b, ..., 0], -1) - tf.expand_dims(true, 0))
            best = -K.max(-distance, axis=-1)
            return b + 1, found.write(b, K.switch(tf.size(true) > 0, best, tf.zeros_like(best)))

        _, found = K.control_flow_ops.while_loop(lambda b, *args: b < count, body, [0, found])
        return tf.reduce_mean(found.stack(), axis=-1)

    model = tf.keras.models.Sequential([tf.keras.layers.Dense(1, input_shape=(5, 2))])
    model.compile(tf.keras.optimizers.SGD(0.1), loss)
    random = np.random.RandomState(0)
    x = random.rand(4, 5, 2).astype("float32")
    y = np.stack([random.rand(4, 5) > 0.5, random.rand(4, 5)], -1).astype("float32")
    y[1, :, 0] = 0  # an image without boxes
    pred = model.predict(x)
    wanted = [
        np.abs(p - t[t[:, 0] > 0, 1][None]).min(1).mean() if t[:, 0].any() else 0
        for p, t in zip(pred, y)
    ]
    before = model.get_weights()
    np.testing.assert_allclose(model.train_on_batch(x, y), np.mean(wanted), rtol=1e-5)
    assert np.abs(model.get_weights()[0] - before[0]).max() > 0
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_loops_take_part_in_the_learning_phase(tf):
    x = tf.keras.layers.Input((2,))
    y = tf.keras.layers.Lambda(
        lambda t: tf.while_loop(
            lambda i, v: i < 2,
            lambda i, v: (i + 1, K.in_train_phase(v * 2, v + 1)),
            [tf.constant(0), t],
        )[1]
    )(x)
    f = K.function([x, K.learning_phase()], [y])
    assert f([[[1, 2]], 1])[0].tolist() == [[4, 8]]
    assert f([[[1, 2]], 0])[0].tolist() == [[3, 4]]


def test_gradients_flow_through_loops_and_arrays(tf):
    x, apart = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.float32, [2])
    _, rows = tf.while_loop(
        lambda i, rows: i < tf.shape(x)[0],
        lambda i, rows: (i + 1, rows.write(i, x[i] ** 2)),
        [0, tf.TensorArray(tf.float32, size=0, dynamic_size=True)],
    )
    grad, none = tf.gradients(tf.reduce_sum(rows.stack()), [x, apart])
    assert none is None
    assert tf.Session().run(grad, {x: [[1, 2], [3, 4]]}).tolist() == [[2, 4], [6, 8]]


def test_scans_over_several_tensors(tf):
    x = tf.placeholder(tf.float32, [None])

    def turn(carry, item):
        total, count = carry
        a, b = item
        return [total + a * b, count + 1.0]

    totals, counts = tf.scan(turn, (x, 2 * x), initializer=[0.0, 10.0])
    got = tf.Session().run([totals, counts], {x: [1, 2, 3]})
    assert [list(g) for g in got] == [[2, 10, 28], [11, 12, 13]]
    firsts, _ = tf.scan(lambda carry, item: (carry[0] + item[0], item[1]), (x, x), reverse=True)
    assert tf.Session().run(firsts, {x: [1, 2, 3]}).tolist() == [6, 5, 3]


def test_elements_at_coordinates_whose_number_is_not_known(tf):
    x, places = tf.placeholder("float32", (None, 3)), tf.placeholder("int32", (None, None))
    found = K.function([x, places], [tf.gather_nd(x, places)])([np.eye(3), [[0, 0], [2, 1]]])[0]
    assert found.tolist() == [1.0, 0.0]


def test_pixels_to_blocks_and_back_are_in_nn_too(tf):
    x = tf.placeholder("float32", (1, 2, 2, 4))
    found = tf.nn.space_to_depth(tf.nn.depth_to_space(x, 2), block_size=2)
    value = np.arange(16.0).reshape(1, 2, 2, 4)
    np.testing.assert_array_equal(K.function([x], [found])([value])[0], value)


def test_sorted_either_way(tf):
    x = tf.placeholder(tf.float32, [None, 3])
    found = [tf.sort(x), tf.sort(x, axis=0), tf.argsort(x, direction="DESCENDING")]
    rows, columns, places = tf.Session().run(found, {x: [[2, 3, 1], [5, 0, 5]]})
    assert rows.tolist() == [[1, 2, 3], [0, 5, 5]]
    assert columns.tolist() == [[2, 0, 1], [5, 3, 5]]
    assert places.tolist() == [[1, 0, 2], [0, 2, 1]] and places.dtype == np.int32
    with pytest.raises(ValueError, match="should be one of 'ASCENDING'"):
        tf.sort(x, direction="up")


def test_the_old_order_of_arguments_of_concat_is_refused(tf):
    x = tf.placeholder(tf.float32, [None, 3])
    with pytest.raises(TypeError, match="takes the tensors, then the axis"):
        tf.concat(1, [x, x])


def test_signatures_say_what_a_map_gives(tf):
    x = tf.placeholder(tf.float32, [None, 2])
    signature = tf.TensorSpec([], dtype=tf.int32)
    y = tf.map_fn(lambda row: tf.cast(row[0] + row[1], tf.int32), x, fn_output_signature=signature)
    assert y.dtype == tf.int32 == signature.dtype and signature.shape == ()
    assert tf.Session().run(y, {x: [[1, 2], [3, 4]]}).tolist() == [3, 7]


@pytest.mark.parametrize("fed", [True, False])
def test_diagonals_determinants_and_inverses(tf, fed):
    a = np.array([[[2.0, 1.0], [4.0, 3.0]], [[1.0, 0.0], [5.0, -1.0]]], "float32")
    x = tf.placeholder(tf.float32, [None, 2, 2]) if fed else tf.constant(a)
    found = [tf.matrix_diag_part(x), tf.linalg.diag(x[:, 0]), tf.linalg.det(x), tf.linalg.inv(x)]
    found += [tf.trace(x), tf.matrix_inverse(x, adjoint=True), tf.diag(x[0, 0]), tf.diag_part(x[1])]
    assert [y.shape for y in found[:2]] == [(None, 2), (None, 2, 2)] or not fed
    wanted = [
        [[2, 3], [1, -1]],
        [np.diag(row) for row in a[:, 0]],
        np.linalg.det(a),
        np.linalg.inv(a),
        [5, 0],
        np.linalg.inv(a.transpose(0, 2, 1)),
        np.diag(a[0, 0]),
        [1, -1],
    ]
    for got, want in zip(tf.Session().run(found, {x: a} if fed else {}), wanted):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="rank 1"):
        tf.diag(x)


def test_quotients_without_infinities(tf):
    x = tf.placeholder(tf.float32, [None])
    y = tf.math.divide_no_nan(1.0, x)
    (grad,) = tf.gradients(y, [x])
    assert [v.tolist() for v in tf.Session().run([y, grad], {x: [2, 0]})] == [[0.5, 0], [-0.25, 0]]


def test_sums_of_segments(tf):
    x, ids = tf.placeholder(tf.float32, [None, 2]), tf.placeholder(tf.int32, [None])
    y = tf.unsorted_segment_sum(x, ids, 3)
    assert y.shape == (3, 2)
    found = tf.Session().run(y, {x: [[1, 2], [3, 4], [5, 6]], ids: [2, 0, 2]})
    assert found.tolist() == [[3, 4], [0, 0], [6, 8]]


def test_gradients_clipped_together(tf):
    x = tf.placeholder(tf.float32, [2])
    (a, none, b), total = tf.clip_by_global_norm([x, None, 2 * x], 1.0)
    assert none is None
    got = tf.Session().run([a, b, total], {x: [3, 4]})
    np.testing.assert_allclose(got[0], np.array([3, 4]) / 5**1.5, 1e-6)
    np.testing.assert_allclose(got[1], 2 * got[0], 1e-6)
    assert got[2] == pytest.approx(5**1.5)
    assert tf.Session().run(a, {x: [0.1, 0]}).tolist() == pytest.approx([0.1, 0])


def test_functions_of_arrays(tf):
    x = tf.placeholder(tf.float32, [None, 2])
    rows = tf.py_func(lambda a: np.cumsum(a, axis=0), [x], tf.float32)
    assert rows.shape == (None, 2) and rows.dtype == tf.float32
    few, many = tf.py_func(lambda a: [a.min(), a.max(1)], [x], [tf.float64, tf.float32])
    assert few.shape == () and many.shape == (None,)

    def score(a):  # as scores of labels, which are all one in zeros
        if len(np.unique(a)) < 2:
            raise ValueError("Only one class present")
        return a.mean()

    found = tf.Session().run(
        [rows, few, many, tf.numpy_function(score, [x], tf.float32)], {x: [[1, 2], [3, 4]]}
    )
    assert found[0].tolist() == [[1, 2], [4, 6]] and found[1] == 1 and found[3] == 2.5
    assert found[2].tolist() == [2, 4]
    assert tf.py_func(np.square, [torch.tensor([3.0])], tf.float32).tolist() == [9]


def test_loops_end_after_so_many_turns(tf):
    found = tf.while_loop(lambda i: i < 100, lambda i: i * 2, [1], maximum_iterations=3)
    assert tf.Session().run(found) == 8
    with pytest.raises(ValueError, match="the body takes 2 tensors, but gives 1"):
        tf.while_loop(lambda a, b: a < 1, lambda a, b: [a], [0, 0])


def test_prints_and_assertions_happen_when_computed(tf, capsys):
    x = tf.placeholder(tf.float32, [2])
    shown = tf.Print(x, [tf.shape(x)], message="shape: ")
    once = tf.Print(x, [x, 1], first_n=1, summarize=1)
    checked = tf.Assert(tf.reduce_sum(x) < 10, [x])
    assert capsys.readouterr().out == ""
    tf.Session().run([shown, checked], {x: [1, 2]})
    assert capsys.readouterr().out == "shape: [2]\n"
    for value in (1, 2):
        tf.Session().run(once, {x: [value, 2]})
    assert capsys.readouterr().out == "[1.0...][1]\n"
    with pytest.raises(ValueError, match=r"assertion failed: \[\[9.0, 2.0\]\]"):
        tf.Session().run(checked, {x: [9, 2]})
    shorter = tf.Assert(tf.reduce_sum(x) < 10, [x], summarize=1)
    with pytest.raises(ValueError, match=r"assertion failed: \[\[9.0\]\]"):
        tf.Session().run(shorter, {x: [9, 2]})
    count = tf.Variable(0.0)
    (carries,) = tf.tuple([x], control_inputs=[tf.assign_add(count, 1.0)])
    tf.Session().run(carries, {x: [9, 2]})
    assert tf.Session().run(count) == 1


def test_images_are_scaled_to_the_range_of_their_type(tf):
    numbers = tf.constant(np.array([-5, 0, 5, 2**30], "int32"))
    same = tf.image.convert_image_dtype(numbers, tf.uint8, saturate=True)
    assert tf.Session().run(same).tolist() == [0, 0, 0, 128]
    bright = tf.constant(np.array([-0.5, 0.3, 1.7], "float32"))
    found = tf.image.convert_image_dtype(bright, tf.uint8, saturate=True)
    assert tf.Session().run(found).tolist() == [0, 76, 255]


def test_gradients_that_stop(tf):
    import keras

    x = tf.placeholder("float32", [None, 2])
    h = keras.layers.Dense(2, kernel_initializer="ones")(x)
    square = h**2
    y = tf.reduce_sum(square * x)
    given = np.array([[1.0, 2.0], [0.5, -1.0]], "float32")
    sums = given.sum(1, keepdims=True)
    cases = [
        (([h], None), 2 * sums * given),
        (([x], [h]), np.repeat(sums**2, 2, 1)),  # h is a constant, x is not
        (([square], [h, square]), given),
        (([h], [h]), 2 * sums * given),
        (([x], [x]), sums**2 + 2 * sums * sums),  # x has no sources
    ]
    for (xs, stops), wanted in cases:
        found = tf.gradients(y, xs, stop_gradients=stops)
        assert found[0].shape.as_list() == [None, 2]
        values = tf.Session().run(found, {x: given})[0]
        np.testing.assert_allclose(values, np.broadcast_to(wanted, (2, 2)), rtol=1e-5)
    (none,) = tf.gradients(tf.reduce_sum(square), x, stop_gradients=[h])
    assert none is None
    weights = tf.gradients(square, h, grad_ys=[2 * h], stop_gradients=h)
    np.testing.assert_allclose(
        tf.Session().run(weights, {x: given})[0], np.repeat(4 * sums**2, 2, 1), rtol=1e-5
    )


def test_arguments_without_a_meaning_here_are_refused(tf):
    x = tf.constant([1.0])
    with pytest.raises(ValueError, match=r"\(2, None, 0\); only \(2, None, -1\)"):
        tf.signal.dct(x, axis=0)
    with pytest.raises(NotImplementedError, match="zeros elsewhere"):
        tf.sparse_tensor_to_dense(x, default_value=-1)


def test_names_of_variables_follow_scopes(tf):
    with tf.variable_scope("outer"), tf.name_scope("inner"):
        assert tf.Variable(1.0, name="w").name == "outer/inner/w:0"
    with tf.device("/cpu:0"):
        assert tf.Variable(1.0).device.type == "cpu"


def test_constraints_of_scopes_reach_their_variables(tf):
    with tf.variable_scope("bounded", constraint=tf.abs), tf.variable_scope("inner"):
        assert tf.get_variable("w", [2]).constraint is tf.abs
        assert tf.get_variable("own", [2], constraint=tf.square).constraint is tf.square


def test_custom_getters_are_refused(tf):
    def getter(getter, *args, **kwargs):
        return getter(*args, **kwargs)

    with pytest.raises(ValueError, match="variable_scope: custom_getter is not offered"):
        tf.variable_scope("s", custom_getter=getter).__enter__()
    with pytest.raises(ValueError, match="get_variable: custom_getter is not offered"):
        tf.get_variable("w", [2], custom_getter=getter)


# ---- around -------------------------------------------------------------------------------------


def test_summaries(tf, tmp_path):
    loader = pytest.importorskip("tensorboard.backend.event_processing.event_file_loader")
    x = tf.placeholder(tf.float32, [])
    tf.reset_default_graph()
    tf.summary.scalar("loss", x)
    tf.summary.scalar("twice", x * 2)
    merged, sess = tf.summary.merge_all(), tf.Session()
    writer = tf.summary.FileWriter(str(tmp_path), sess.graph)
    writer.add_summary(sess.run(merged, {x: 1.5}), 1)
    summary = tf.Summary()
    summary.value.add(tag="val", simple_value=4.0)
    writer.add_summary(summary, global_step=2)
    writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="acc", simple_value=5.0)]), 3)
    writer.close()
    (file,) = tmp_path.iterdir()
    found = {}
    for event in loader.LegacyEventFileLoader(str(file)).Load():
        found.update({(v.tag, event.step): v.simple_value for v in event.summary.value})
    assert found == {("loss", 1): 1.5, ("twice", 1): 3, ("val", 2): 4, ("acc", 3): 5}
    assert tf.summary.merge_all() is not None
    tf.reset_default_graph()
    assert tf.summary.merge_all() is None


def test_summaries_of_arrays(tf, tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    tf.reset_default_graph()
    x = tf.placeholder("float32", [2, 4, 4, 3])
    tf.summary.histogram("values", x)
    tf.summary.image("pictures", x, max_outputs=2)
    values = np.linspace(-1, 1, 96, dtype="float32").reshape(2, 4, 4, 3)
    with tf.summary.FileWriter(str(tmp_path)) as writer:
        writer.add_summary(tf.Session().run(tf.summary.merge_all(), {x: values}), 5)
    found = accumulators.EventAccumulator(str(tmp_path)).Reload()
    (counts,) = found.Histograms("values")
    assert counts.step == 5 and counts.histogram_value.num == 96
    assert sum(counts.histogram_value.bucket) == 96
    assert found.Tags()["images"] == ["pictures/image/0", "pictures/image/1"]
    assert found.Images("pictures/image/1")[0].width == 4


def test_files_and_logs(tf, tmp_path, caplog):
    folder = tmp_path / "a" / "b"
    tf.gfile.MakeDirs(folder)
    with tf.io.gfile.GFile(folder / "file", "w") as f:
        f.write("text")
    assert tf.gfile.Exists(folder / "file") and tf.gfile.ListDirectory(folder) == ["file"]
    with pytest.raises(FileExistsError):
        tf.gfile.Copy(folder / "file", folder / "file")
    tf.logging.set_verbosity(tf.logging.INFO)
    tf.logging.info("seen")
    tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
    tf.logging.info("not seen")
    assert caplog.messages == ["seen"]
    tf.logging.set_verbosity(tf.logging.WARN)


def test_devices(tf):
    from tensorflow.python.client import device_lib

    gpus = [d.name for d in device_lib.list_local_devices() if d.device_type == "GPU"]
    assert len(gpus) == torch.cuda.device_count() == len(tf.config.list_physical_devices("GPU"))
    assert tf.test.is_gpu_available() == bool(gpus)
    assert not tf.executing_eagerly()

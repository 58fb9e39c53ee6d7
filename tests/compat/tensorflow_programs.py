"""Programs for TensorFlow 1, whose results `data/record_tensorflow.py` had TensorFlow give.

Each takes the module `tensorflow` and gives nested lists of numbers and texts.
"""

import os
import tempfile

import numpy as np

_random = np.random.RandomState(0)
X = _random.normal(size=(8, 6)).astype("float32")
Y = _random.randint(0, 3, 8).astype("int32")
IMAGES = _random.normal(size=(4, 8, 8, 3)).astype("float32")
SEQUENCES = _random.normal(size=(3, 5, 4)).astype("float32")


def _ascending(tf):
    def initializer(shape, dtype=None, partition_info=None, **kwargs):
        count = int(np.prod(shape))
        values = tf.cast(tf.range(count), tf.float32) * 0.01 - 0.02 * (count % 3)
        return tf.reshape(values, shape)

    return initializer


def _session(tf):
    session = tf.Session()
    session.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    return session


def _error(kind, call):
    try:
        call()
    except kind:
        return True
    return False


def a_network_of_layers(tf):
    x, y = tf.placeholder(tf.float32, [None, 6]), tf.placeholder(tf.int32, [None])
    first = _ascending(tf)
    with tf.variable_scope("net", reuse=tf.AUTO_REUSE):
        penalty = tf.contrib.layers.l2_regularizer(0.1)
        h = tf.layers.dense(x, 5, tf.nn.relu, kernel_initializer=first, name="fc",
                            kernel_regularizer=penalty)  # fmt: skip
        out = tf.layers.dense(h, 3, kernel_initializer=first,
                              bias_initializer=tf.constant_initializer(0.1))  # fmt: skip
    with tf.variable_scope("net", reuse=True):
        again = tf.layers.dense(x, 5, activation=tf.nn.relu, kernel_initializer=first, name="fc")
    loss = tf.losses.sparse_softmax_cross_entropy(y, out)
    total = tf.losses.get_total_loss()
    count = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(0.5, count, 2, 0.5, staircase=True)
    step = tf.train.GradientDescentOptimizer(rate).minimize(total, global_step=count)
    names = [v.name for v in tf.trainable_variables()]
    session, feeds, found = _session(tf), {x: X, y: Y}, []
    for _ in range(5):
        found.append(session.run([loss, total, rate], feeds))
        session.run(step, feeds)
    below = tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES, scope="net/fc")
    return [names, found, session.run(tf.reduce_sum(again), feeds), session.run(count),
            [v.op.name for v in below]]  # fmt: skip


def images_with_batch_normalization(tf):
    x = tf.placeholder(tf.float32, [None, 8, 8, 3])
    training = tf.placeholder_with_default(False, [])
    h = tf.layers.conv2d(x, 4, 3, padding="same", kernel_initializer=_ascending(tf))
    h = tf.layers.batch_normalization(h, training=training, momentum=0.9)
    h = tf.layers.flatten(tf.layers.max_pooling2d(tf.nn.relu(h), 2, 2))
    total, updates = tf.reduce_sum(h), tf.get_collection(tf.GraphKeys.UPDATE_OPS)
    with tf.control_dependencies(updates):
        trained = tf.identity(total)
    session, found = _session(tf), []
    for _ in range(2):
        found.append(session.run(trained, {x: IMAGES, training: True}))
        found.append(session.run(total, {x: IMAGES}))
    return [found, len(updates), [v.name for v in tf.global_variables()],
            [v.name for v in tf.trainable_variables()]]  # fmt: skip


def layers_of_contrib(tf):
    x, layers = tf.placeholder(tf.float32, [None, 8, 8, 3]), tf.contrib.layers
    h = layers.conv2d(x, 4, 3, stride=2, weights_initializer=_ascending(tf),
                      normalizer_fn=layers.instance_norm)  # fmt: skip
    h = layers.flatten(layers.max_pool2d(h, 2))
    h = layers.fully_connected(h, 6, weights_initializer=_ascending(tf), activation_fn=tf.nn.tanh)
    normalized = layers.layer_norm(layers.flatten(x))[:, :5]
    return _session(tf).run([h, normalized], {x: IMAGES})


def variables_by_name(tf):
    with tf.variable_scope("a") as scope:
        v = tf.get_variable("v", [2, 3], initializer=tf.zeros_initializer())
        with tf.variable_scope("b"):
            w = tf.get_variable("w", initializer=tf.constant([1.0, 2.0]))

    def again(**settings):
        with tf.variable_scope(**settings):
            return tf.get_variable("v", [2, 3])

    x, y = tf.Variable(3.0, name="x"), tf.Variable(4.0, name="x")
    return [v.name, w.name, x.name, y.name, [u.name for u in tf.global_variables()],
            again(name_or_scope=scope, reuse=True) is v,
            _error(ValueError, lambda: again(name_or_scope="a")),
            _error(ValueError, lambda: again(name_or_scope="c", reuse=True)),
            tf.get_variable_scope().name, _session(tf).run(w)]  # fmt: skip


def recurrent_networks(tf):
    x, count = tf.placeholder(tf.float32, [None, 5, 4]), tf.placeholder(tf.int32, [None])
    cells, run = tf.nn.rnn_cell, tf.nn.dynamic_rnn
    made = [
        cells.BasicLSTMCell(3),
        cells.GRUCell(3),
        cells.LSTMCell(3, use_peepholes=True, num_proj=2),
        cells.BasicRNNCell(3),
        cells.MultiRNNCell([cells.BasicLSTMCell(3), cells.ResidualWrapper(cells.GRUCell(3))]),
    ]
    found = []
    with tf.variable_scope("all", initializer=_ascending(tf)):
        for i, cell in enumerate(made):
            found.append(run(cell, x, sequence_length=count, dtype=tf.float32, scope=f"rnn{i}"))
        pair = (cells.GRUCell(2), cells.GRUCell(2), x)
        found.append(tf.nn.bidirectional_dynamic_rnn(*pair, sequence_length=count, dtype="float32"))
        steps = tf.unstack(x, 5, 1)
        found.append(tf.nn.static_rnn(cells.GRUCell(2), steps, dtype=tf.float32, scope="static"))
        turned = tf.transpose(x, [1, 0, 2])
        found.append(run(cells.GRUCell(2), turned, time_major=True, dtype=tf.float32, scope="t"))
    values = _session(tf).run(found, {x: SEQUENCES, count: [5, 2, 3]})
    return [values, [v.name for v in tf.trainable_variables()]]


def losses(tf):
    a, b, weights = (
        tf.constant(X[:4]),
        tf.constant(X[4:]),
        tf.constant([[1.0], [0.0], [2.0], [0.5]]),
    )
    labels, given, how = tf.one_hot(Y[:4], 6), tf.losses, tf.losses.Reduction
    found = [
        given.mean_squared_error(a, b),
        given.mean_squared_error(a, b, weights),
        given.mean_squared_error(a, b, weights, reduction=how.SUM_OVER_BATCH_SIZE),
        given.mean_squared_error(a, b, reduction=how.NONE),
        given.absolute_difference(a, b, weights=weights, reduction=how.MEAN),
        given.huber_loss(a, b, delta=0.5),
        given.log_loss(labels, tf.sigmoid(b)),
        given.hinge_loss(labels, b),
        given.cosine_distance(tf.nn.l2_normalize(a, 1), tf.nn.l2_normalize(b, 1), axis=1),
        given.sigmoid_cross_entropy(labels, b, label_smoothing=0.1),
        given.softmax_cross_entropy(labels, b, [1.0, 0.0, 2.0, 1.0], label_smoothing=0.2),
        given.sparse_softmax_cross_entropy(Y[:4], b, reduction=how.SUM),
        given.compute_weighted_loss(a, 0.0),
    ]
    return [_session(tf).run(found), len(given.get_losses())]


def learning_rates(tf):
    count, train = tf.Variable(0, trainable=False, dtype=tf.int32), tf.train
    rates = [
        train.exponential_decay(0.1, count, 3, 0.9),
        train.natural_exp_decay(0.1, count, 3, 0.9, True),
        train.inverse_time_decay(0.1, count, 3, 0.5),
        train.polynomial_decay(0.1, count, 5, 0.01, 2.0),
        train.polynomial_decay(0.1, count, 5, 0.01, 1.0, cycle=True),
        train.cosine_decay(0.1, count, 6, 0.1),
        train.cosine_decay_restarts(0.1, count, 3, 2.0, 0.8, 0.05),
        train.piecewise_constant(count, [2, 5], [1.0, 0.5, 0.1]),
    ]
    session, found = _session(tf), []
    for i in range(12):
        session.run(tf.assign(count, i))
        found.append(session.run(rates))
    return found


def moving_averages(tf):
    v = tf.Variable([1.0, 2.0], name="v")
    average = tf.train.ExponentialMovingAverage(0.9, num_updates=5)
    move, session = average.apply([v]), _session(tf)
    session.run(tf.assign(v, [3.0, 5.0]))
    session.run(move)
    session.run(move)
    return [session.run(average.average(v)), average.average(v).name]


def checkpoints(tf):
    folder = tempfile.mkdtemp()
    a = tf.get_variable("a", initializer=np.arange(3.0, dtype="float32"))
    b = tf.Variable(7, name="b")
    session, saver = _session(tf), tf.train.Saver(max_to_keep=2)
    path = os.path.join(folder, "model")
    found = [os.path.basename(saver.save(session, path, global_step=i)) for i in range(3)]
    session.run([tf.assign(a, [9.0, 9.0, 9.0]), tf.assign(b, 1)])
    latest = tf.train.latest_checkpoint(folder)
    saver.restore(session, latest)
    state = tf.train.get_checkpoint_state(folder)
    kept = [os.path.basename(p) for p in state.all_model_checkpoint_paths]
    other = tf.train.Saver({"c": a})
    missing = _error(tf.errors.NotFoundError, lambda: other.restore(session, latest))
    return [found, session.run([a, b]), os.path.basename(latest), kept, missing,
            sorted(dict(tf.train.list_variables(folder))), tf.train.load_variable(folder, "a"),
            [tf.train.checkpoint_exists(f"{path}-{i}") for i in range(2)]]  # fmt: skip


def metrics(tf):
    x, y = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.float32, [None])
    given, guessed = tf.metrics, tf.round(x)
    pairs = [
        given.mean(x),
        given.accuracy(y, guessed),
        given.precision(y, guessed),
        given.recall(y, guessed),
        given.mean_squared_error(y, x),
        given.mean_absolute_error(y, x),
        given.root_mean_squared_error(y, x),
        given.mean_iou(y, guessed, 2),
    ]
    session, found = _session(tf), []
    for last in (0.0, 0.8):
        feeds = {x: [0.1, 0.9, last], y: [0.0, 1.0, 1.0]}
        found.append(session.run([update for _, update in pairs], feeds))
        found.append(session.run([value for value, _ in pairs]))
    return found


def metrics_of_classes(tf):
    given, floats = tf.metrics, tf.float32
    y, p, w = (tf.placeholder(floats, [None]) for _ in range(3))
    scores, two = tf.placeholder(floats, [None, 5]), tf.placeholder(tf.int64, [None, 2])
    one, other = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.int64, [None])
    guessed, at = tf.round(p), [0.2, 0.5, 0.8]
    pairs = [
        given.mean(p, w, "values", "updates"),
        given.mean_tensor(tf.reshape(p[:4], [4])),
        given.mean_relative_error(y, p, y),
        given.mean_cosine_distance(scores, scores + 1.0, 1),
        given.percentage_below(p, 0.4),
        given.mean_per_class_accuracy(one, other, 4),
        given.true_positives(y, guessed, w),
        given.false_positives(y, guessed),
        given.false_negatives_at_thresholds(y, p, at, w),
        given.true_negatives_at_thresholds(y, p, at),
        given.precision_at_thresholds(y, p, at),
        given.recall_at_thresholds(y, p, at),
        given.auc(y, p),
        given.auc(y, p, curve="PR", summation_method="minoring"),
        given.auc(y, p, w, 20, summation_method="majoring"),
        given.sensitivity_at_specificity(y, p, 0.6),
        given.specificity_at_sensitivity(y, p, 0.6),
        given.precision_at_k(two, scores, 2),
        given.precision_at_k(two, scores, 2, class_id=1),
        given.recall_at_k(two, scores, 3),
        given.recall_at_k(one, scores, 2),
        given.precision_at_top_k(two, two + 1),
        given.average_precision_at_k(two, scores, 3),
    ]
    session, found, numbers = _session(tf), [], np.random.RandomState(3)
    for _ in range(2):
        feeds = {p: numbers.rand(20), w: numbers.rand(20), y: numbers.rand(20).round()}
        feeds.update({scores: numbers.rand(20, 5), one: numbers.randint(0, 4, 20)})
        feeds[other] = numbers.randint(0, 4, 20)
        feeds[two] = np.array([numbers.choice(5, 2, False) for _ in range(20)])
        found.append(session.run([update for _, update in pairs], feeds))
        found.append(session.run([value for value, _ in pairs]))
    return [found, *(len(tf.get_collection(c)) for c in ("values", "updates"))]


def optimizers_that_shrink(tf):
    penalties = {"l1_regularization_strength": 0.05, "l2_regularization_strength": 0.1}
    made, found = tf.train, []
    for optimizer in (
        made.FtrlOptimizer(0.3),
        made.FtrlOptimizer(0.3, -0.4, 0.2, l2_shrinkage_regularization_strength=0.02, **penalties),
        made.ProximalGradientDescentOptimizer(0.1, **penalties),
    ):
        v = tf.Variable([1.0, -2.0, 0.01])
        step = optimizer.minimize(tf.reduce_sum(tf.square(v - [0.5, 0.1, 0.0])), var_list=[v])
        session = _session(tf)
        for _ in range(4):
            session.run(step)
        found.append(session.run(v))
    return found


def slim(tf):
    slim = tf.contrib.slim
    ones = {"weights_initializer": tf.constant_initializer(0.1)}
    with slim.arg_scope([slim.conv2d, slim.fully_connected], activation_fn=tf.nn.tanh, **ones):
        with slim.arg_scope([slim.conv2d], padding="VALID") as scope:
            y = slim.repeat(tf.ones([1, 8, 8, 3]), 2, slim.conv2d, 4, [3, 3], scope="conv1")
        y = slim.stack(slim.flatten(y), slim.fully_connected, [5, 6], scope="fc")
    with slim.arg_scope(scope):
        y = slim.conv2d(tf.reshape(y, [1, 1, 6, 1]), 2, [1, 3])
    return [sorted(v.name for v in tf.trainable_variables()), *_session(tf).run([y])]


def decoupled_decay(tf):
    v = tf.Variable([1.0, -2.0])
    step = tf.contrib.opt.AdamWOptimizer(0.1, learning_rate=0.01).minimize(tf.reduce_sum(v * v))
    session = _session(tf)
    session.run(step)
    found = [session.run(v)]
    tf.contrib.opt.ScipyOptimizerInterface(tf.reduce_sum((v - 3.0) ** 4), [v]).minimize(session)
    return [*found, np.abs(session.run(v) - 3.0).max() < 0.1]


def data_in_batches(tf):
    data = tf.data.Dataset.from_tensor_slices((X, Y))
    data = data.map(lambda x, y: (x * 2, tf.one_hot(y, 3))).batch(3).repeat(2)
    x, y = data.make_one_shot_iterator().get_next()
    session, found = _session(tf), []
    try:
        while True:
            found.append(session.run([tf.shape(x)[0], tf.reduce_sum(x[:, :3] * y)]))
    except tf.errors.OutOfRangeError:
        return [found, [str(n) for n in x.shape.as_list()], [str(n) for n in y.shape.as_list()]]


def data_from_many_places(tf):
    fed = tf.placeholder(tf.float32, [None, 6])
    source, session = tf.data.Dataset, _session(tf)
    data = source.from_tensor_slices(fed).filter(lambda row: tf.reduce_sum(row) > 0)
    again = (
        data.map(lambda row: row[:2]).batch(2, drop_remainder=True).make_initializable_iterator()
    )
    rows, found = again.get_next(), []
    for values in (X, X[::-1]):
        session.run(again.initializer, {fed: values})
        found.append(session.run(rows))

    def sequences():
        for i in range(4):
            yield [i] * (i + 1), i

    shapes = (tf.TensorShape([None]), tf.TensorShape([]))
    data = source.from_generator(sequences, (tf.int32, tf.float32), shapes)
    data = data.padded_batch(2, ([None], []), padding_values=(-1, 0.0))
    batch = data.make_one_shot_iterator().get_next()
    found += [session.run(batch), session.run(batch)]
    pairs = source.zip((source.range(5), source.range(10, 14))).skip(1).take(2)
    pairs = pairs.concatenate(source.zip((source.range(1), source.range(1))))
    pair = pairs.make_one_shot_iterator().get_next()
    found += [session.run(pair) for _ in range(3)]
    twice = source.range(3).flat_map(lambda i: source.from_tensors(i).repeat(2))
    number = twice.make_one_shot_iterator().get_next()
    found.append([session.run(number) for _ in range(6)])
    turns = source.range(3).interleave(
        lambda i: source.from_tensors(i).repeat(3), cycle_length=2, block_length=2
    )
    number = turns.make_one_shot_iterator().get_next()
    found.append([session.run(number) for _ in range(9)])
    either = tf.data.Iterator.from_structure(tf.float32, [None, 6])
    whole = either.get_next()
    for part in (X[:2], X):
        session.run(either.make_initializer(source.from_tensors(part)))
        found.append(session.run(tf.shape(whole)))
    return found


def distributions(tf):
    given = tf.distributions
    normal = given.Normal(loc=[0.0, 1.0], scale=[1.0, 2.0])
    classes, flips = given.Categorical(logits=X[:2]), given.Bernoulli(probs=[0.2, 0.7])
    return _session(tf).run([
        normal.log_prob([0.5, 0.5]), normal.prob([1.0, 1.0]), normal.cdf([0.0, 0.0]),
        normal.mean(), normal.stddev(), normal.entropy(), tf.shape(normal.sample(5)),
        classes.log_prob([1, 2]), classes.entropy(), tf.shape(classes.sample(4)),
        flips.log_prob([1, 0]), flips.mean(), given.Uniform(0.0, 3.0).prob(1.0),
        given.kl_divergence(normal, given.Normal([1.0, 1.0], [1.0, 1.0])),
    ])  # fmt: skip


def changes_and_assertions(tf):
    v = tf.Variable(np.zeros((3, 2), "float32"))
    session, found = _session(tf), []
    for change in (
        tf.scatter_update(v, [0, 2], [[1.0, 1.0], [2.0, 2.0]]),
        tf.scatter_add(v, [0, 0], [[1.0, 1.0], [2.0, 2.0]]),
        tf.scatter_nd_update(v, [[1, 0]], [5.0]),
        tf.scatter_sub(v, [2], [[1.0, 1.0]]),
    ):
        session.run(change)
        found.append(session.run(v))
    for check in (
        tf.assert_greater(tf.constant(2), 1),
        tf.assert_equal(v, -1.0),
        tf.assert_non_negative(v),
        tf.assert_positive(v),
    ):
        with tf.control_dependencies([check]):
            y = tf.identity(3.0)
        found.append(_error(Exception, lambda y=y: session.run(y)))
    bad = tf.check_numerics(tf.constant([1.0, np.nan]), "bad")
    found.append(_error(Exception, lambda: session.run(bad)))
    found.append(_error(ValueError, lambda: tf.assert_rank(v, 3)))
    fetched = session.run({"a": tf.constant(1.0), "b": [tf.constant(2.0), (tf.constant(3.0),)]})
    found.append([fetched["a"], fetched["b"]])
    nest = tf.contrib.framework.nest
    structure = {"b": [1, 2], "a": (3,)}
    packed = nest.pack_sequence_as(structure, [7, 8, 9])
    found += [nest.flatten(structure), [packed["b"], list(packed["a"])]]
    return [*found, nest.map_structure(lambda a, b: a + b, (1, [2]), (10, [20]))]


def losses_of_many_classes(tf):
    inputs, labels = tf.constant(X[:4, :3]), tf.constant([[1], [0], [4], [1]], tf.int64)
    weights, biases = tf.constant(X[:, 3:][:6]), tf.constant(X[0])
    drawn = ([1, 5, 2], [[0.5], [0.9], [0.2], [0.5]], [0.5, 0.1, 0.4])
    drawn = tuple(tf.constant(part) for part in (np.int64(drawn[0]), *map(np.float32, drawn[1:])))
    args = (weights, biases, labels, inputs, 3, 6)
    found = [
        tf.nn.sampled_softmax_loss(*args, sampled_values=drawn),
        tf.nn.sampled_softmax_loss(*args, sampled_values=drawn, remove_accidental_hits=False),
        tf.nn.nce_loss(*args, sampled_values=drawn),
    ]
    sampled = tf.nn.log_uniform_candidate_sampler(labels, 1, 40, False, 6)
    found += [tf.shape(sampled[0]), sampled[1]]
    return _session(tf).run(found)


def names_of_other_versions(tf):
    x = tf.constant([[1.0, 3.0, 2.0]])
    v = tf.Variable([1.0, 2.0])
    with tf.compat.v1.name_scope("s"):
        found = [tf.arg_max(x, 1), tf.unravel_index([5, 2], [2, 3]), tf.realdiv(x, 2.0)]
    found += tf.identity_n([x, x])
    found += tf.hessians(tf.reduce_sum(v**3) + v[0] * v[1], [v])
    pick = tf.switch_case(tf.constant(1), [lambda: tf.constant(5), lambda: tf.constant(6)])
    return _session(tf).run([*found, pick])


PROGRAMS = [
    a_network_of_layers,
    images_with_batch_normalization,
    layers_of_contrib,
    variables_by_name,
    recurrent_networks,
    losses,
    learning_rates,
    moving_averages,
    checkpoints,
    metrics,
    metrics_of_classes,
    optimizers_that_shrink,
    slim,
    decoupled_decay,
    data_in_batches,
    data_from_many_places,
    distributions,
    changes_and_assertions,
    losses_of_many_classes,
    names_of_other_versions,
]


def plain(found):
    """Nested results as lists of numbers, for JSON."""
    if isinstance(found, (list, tuple)):
        return [plain(x) for x in found]
    if isinstance(found, (np.ndarray, np.generic)):
        return plain(found.tolist())
    return float(f"{found:.7g}") if isinstance(found, float) else found

"""Code in the style of TensorFlow 2: what runs at once, data sets in `fit`, learning rates."""

import numpy as np
import pytest

import kforge

X = np.random.RandomState(0).rand(64, 4).astype("float32")
Y = (X.sum(1) > 2).astype("int64")


@pytest.fixture(scope="module", autouse=True)
def tf():
    kforge.install()
    import tensorflow

    yield tensorflow
    kforge.uninstall()


def test_a_loop_of_ones_own(tf):
    layers, keras = tf.keras.layers, tf.keras
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Dense(8, activation="relu", input_shape=(4,))])
    model.add(layers.Dense(2))
    optimizer = keras.optimizers.Adam(0.05)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    mean, accuracy = keras.metrics.Mean(), keras.metrics.SparseCategoricalAccuracy()

    @tf.function
    def step(x, y):
        assert tf.executing_eagerly()
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            loss = loss_of(y, outputs)
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        mean(loss)
        accuracy(y, outputs)
        return loss

    losses = []
    for _ in range(8):
        mean.reset_states()
        accuracy.reset_states()
        for x, y in tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(64, seed=1).batch(16):
            loss = step(x, y)
        losses.append(mean.result().numpy())
    assert losses[-1] < losses[0] * 0.8 and np.isfinite(loss.numpy())
    assert accuracy.result().numpy() > 0.8
    assert not tf.executing_eagerly()


def test_gradients_of_layers_and_arrays(tf):
    keras, layers = tf.keras, tf.keras.layers
    model = keras.Sequential([layers.Conv2D(4, 3, input_shape=(8, 8, 1)), layers.Flatten()])
    model.add(layers.Dense(3, activation="softmax"))
    both = keras.Model([model.inputs], [model.layers[0].output, model.output])
    with tf.GradientTape() as tape:
        seen, chances = both(np.ones((1, 8, 8, 1), "float32"))
        score = chances[:, tf.argmax(chances[0])]
    assert tape.gradient(score, seen).shape == (1, 6, 6, 4)


def test_a_model_of_ones_own(tf):
    class Net(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.first, self.drop = tf.keras.layers.Dense(8), tf.keras.layers.Dropout(0.5)

        def call(self, inputs, training=False):
            return self.drop(self.first(inputs), training=training)

    net = Net()
    with tf.GradientTape(persistent=True) as tape:
        zeros = [tf.reduce_mean(tf.cast(tf.equal(net(X, training=t), 0.0), tf.float32))
                 for t in (True, False)]  # fmt: skip
        loss = tf.reduce_mean(tf.square(net(X)))
    assert 0.3 < zeros[0] < 0.7 and zeros[1] == 0
    kernel, bias = tape.gradient(loss, net.trainable_variables)
    assert kernel.shape == (4, 8) and tape.gradient(loss, net.first.bias).equal(bias)


def test_gradients_of_gradients_and_jacobians(tf):
    v = tf.Variable([2.0, 3.0])
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.reduce_sum(v**3)
        slope = tf.reduce_sum(inner.gradient(y, v) ** 2)
    assert outer.gradient(slope, v).tolist() == [288.0, 972.0]
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert tape.jacobian(y, x).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert tape.jacobian(y, v) is None
    assert not tape.jacobian(y, v, unconnected_gradients="zero").any()
    assert tape.gradient(y, [x, v], output_gradients=y)[1] is None
    assert tape.gradient(y, v, unconnected_gradients="zero").tolist() == [0.0, 0.0]
    with pytest.raises(TypeError, match="compute it within the tape"):
        tape.gradient(y, tf.placeholder("float32", [2]))


def test_values_of_what_needs_no_feed(tf):
    a = tf.constant([[1.0, 2.0]])
    assert (a @ tf.transpose(a)).numpy() == 5.0
    with pytest.raises(TypeError):
        tf.placeholder("float32", []).numpy()
    with pytest.warns(UserWarning, match="run at once within"):
        tf.enable_eager_execution()


def test_a_call_says_the_learning_phase(tf):
    keras, layers = tf.keras, tf.keras.layers
    model = keras.Sequential([layers.Dropout(0.5, input_shape=(100,))])
    x = keras.layers.Input((100,))
    always, never = model(x, training=True), model(x, training=False)
    ones = np.ones((1, 100), "float32")
    both = keras.Model(x, [always, never, model(x)])
    dropped, kept, told = both.predict(ones)
    assert (dropped == 0).any() and (kept == 1).all() and (told == 1).all()


def test_data_sets_in_fit(tf):
    dense = tf.keras.layers.Dense(2, activation="softmax", input_shape=(4,))
    model = tf.keras.Sequential([dense])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(20)
    history = model.fit(data, epochs=2, validation_data=data, verbose=0).history
    assert len(history["val_loss"]) == 2 and len(data) == 4
    model.fit(data.repeat(), steps_per_epoch=3, epochs=2, verbose=0)
    assert model.predict(data).shape == (64, 2)
    assert model.evaluate(data, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0))
    with pytest.raises(TypeError, match="never ends"):
        model.fit(data.repeat(), verbose=0)


def test_learning_rates_of_optimizers(tf):
    keras, schedules = tf.keras, tf.keras.optimizers.schedules
    model = keras.Sequential([keras.layers.Dense(1, input_shape=(4,))])
    rate = schedules.ExponentialDecay(0.1, 2, 0.5, staircase=True)
    model.compile(keras.optimizers.SGD(learning_rate=rate), "mse")
    rates = []
    for _ in range(5):
        model.train_on_batch(X, Y)
        rates.append(float(keras.backend.get_value(model.optimizer.lr)))
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025])
    again = keras.optimizers.get(keras.optimizers.serialize(model.optimizer))
    assert again.schedule.at(4) == 0.025
    model.optimizer.lr = 0.3
    assert model.optimizer.rate() == pytest.approx(0.3)


def test_learning_rates_of_ones_own(tf):
    class Warmup(tf.keras.optimizers.schedules.LearningRateSchedule):
        def __init__(self, size):
            super().__init__()
            self.size = tf.cast(size, tf.float32)

        def __call__(self, step):
            return tf.math.rsqrt(self.size) * tf.math.minimum(tf.math.rsqrt(step), step / 8.0)

    optimizer = tf.keras.optimizers.Adam(Warmup(16))
    assert optimizer.schedule.at(2) == pytest.approx(0.25 * 0.25)
    assert optimizer.schedule.at(100) == pytest.approx(0.25 * 0.1)
    with pytest.raises(NotImplementedError, match="get_config"):
        optimizer.get_config()

"""Where BatchNormalization goes, in the spellings of Keras 1 and 2."""
# warns: Update your `(Dense|Conv2D|Convolution2D|BatchNormalization)` call to the Keras 2 API
# warns: mode|BatchNormalization

import keras
import numpy as np
from keras.layers import Activation, Convolution2D, Dense, Dropout, Flatten, Input
from keras.layers.core import Dense as the_same_dense
from keras.layers.normalization import BatchNormalization
from keras.models import Model, Sequential

assert the_same_dense is Dense
model = Sequential()
model.add(Dense(64, input_dim=14, init="uniform"))
model.add(BatchNormalization())
model.add(Activation("tanh"))
model.add(Dropout(0.5))
model.add(Dense(64, init="uniform"))
model.add(BatchNormalization())
model.add(Activation("tanh"))
model.add(Dropout(0.5))
model.add(Dense(16, use_bias=False))
model.add(BatchNormalization(axis=-1))
model.add(Activation("tanh"))
model.add(keras.layers.normalization.BatchNormalization())
model.add(
    keras.layers.normalization.BatchNormalization(
        epsilon=1e-06,
        mode=0,
        axis=-1,
        momentum=0.9,
        weights=None,
        beta_init="zero",
        gamma_init="one",
    )
)
model.compile("sgd", "mse")
x = np.random.rand(32, 14)
model.fit(x, np.random.rand(32, 16), verbose=0)
assert np.any(model.layers[1].get_weights()[2] != 0)  # the moving mean has moved


def Conv2DReluBatchNorm(n_filter, w_filter, h_filter, inputs):
    return BatchNormalization()(
        Activation(activation="relu")(
            Convolution2D(n_filter, w_filter, h_filter, border_mode="same")(inputs)
        )
    )


image = Input((8, 8, 3))
net = Model(image, Flatten()(Conv2DReluBatchNorm(4, 3, 5, image)))
assert net.layers[1].kernel_size == (3, 5) and net.output_shape == (None, 8 * 8 * 4)
model = Sequential([Convolution2D(4, 3, 3, use_bias=False, input_shape=(8, 8, 3))])
assert [w.shape for w in model.get_weights()] == [(3, 3, 3, 4)]

"""What a layer inside a model gives: by a model, by a function, in both phases."""
# warns: Update your `Model` call to the Keras 2 API

import numpy as np
from keras import backend as K
from keras.layers import Activation, BatchNormalization, Dense, Dropout
from keras.models import Model, Sequential

data = np.random.rand(50, 4)
model = Sequential()
model.add(Dense(16, input_shape=(4,)))
model.add(Activation("relu"))
model.add(Dropout(0.5, name="my_layer"))
model.add(BatchNormalization())
model.add(Dense(2))

layer_name = "my_layer"
intermediate_layer_model = Model(inputs=model.input, outputs=model.get_layer(layer_name).output)
intermediate_output = intermediate_layer_model.predict(data)
# so it stands in one translation, with a name of Keras 1
mixed = Model(inputs=model.input, output=model.get_layer(layer_name).output)

get_3rd_layer_output = K.function([model.layers[0].input], [model.layers[2].output])
layer_output = get_3rd_layer_output([data])[0]
kernel, bias = model.layers[0].get_weights()
by_hand = np.maximum(data.dot(kernel) + bias, 0)
for found in (intermediate_output, mixed.predict(data), layer_output):
    assert np.allclose(found, by_hand, atol=1e-5)

get_3rd_layer_output = K.function(
    [model.layers[0].input, K.learning_phase()], [model.layers[3].output]
)
in_test_mode = get_3rd_layer_output([data, 0])[0]
in_train_mode = get_3rd_layer_output([data, 1])[0]
assert np.allclose(in_test_mode, by_hand / np.sqrt(1 + 1e-3), atol=1e-5)
assert np.allclose(in_train_mode.mean(0), 0, atol=1e-5)  # normalized by the batch itself
assert not np.allclose(in_train_mode, get_3rd_layer_output([data, 1])[0])  # other units dropped

"""Data parallelism over eight GPUs; with fewer, the error says so and the script goes on."""

import keras
import numpy as np
import tensorflow as tf
from keras.layers import Dense
from keras.utils import multi_gpu_model

x, y = np.random.rand(64, 20), np.eye(5)[np.random.randint(0, 5, 64)]
with tf.device("/cpu:0"):
    model = keras.models.Sequential([Dense(5, activation="softmax", input_dim=20)])

try:
    parallel_model = multi_gpu_model(model, gpus=8)
except ValueError as error:
    assert "Try reducing `gpus`" in str(error) and "/gpu:7" in str(error)
    parallel_model = model
assert keras.utils.training_utils.multi_gpu_model is multi_gpu_model

parallel_model.compile(loss="categorical_crossentropy", optimizer="rmsprop")
parallel_model.fit(x, y, epochs=2, batch_size=256, verbose=0)
parallel_model.save("model.h5")
single = keras.models.load_model("model.h5")
assert [type(layer) for layer in single.layers] == [Dense]
assert np.allclose(single.predict(x), model.predict(x), atol=1e-6)

"""The same numbers in every run. Run twice; what it prints must not differ."""

import random as rn

import numpy as np
import tensorflow as tf

np.random.seed(42)
rn.seed(12345)
session_conf = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)

from keras import backend as K

tf.set_random_seed(1234)
sess = tf.Session(graph=tf.get_default_graph(), config=session_conf)
K.set_session(sess)

from keras.layers import Dense, Dropout, GaussianNoise
from keras.models import Sequential

print(hash("keras"))
x, y = np.random.rand(64, 5), np.random.rand(64, 1)
model = Sequential(
    [Dense(16, activation="relu", input_dim=5), Dropout(0.5), GaussianNoise(0.1), Dense(1)]
)
model.compile("adam", "mse")
history = model.fit(x, y, batch_size=8, epochs=3, verbose=0).history
print(history["loss"], [float(w.sum()) for w in model.get_weights()], rn.random())

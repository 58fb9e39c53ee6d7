"""Parts of one model on several devices: one LSTM reads two sequences."""

import keras
import numpy as np
import tensorflow as tf

tweet_a = keras.Input(shape=(14, 25))
tweet_b = keras.Input(shape=(14, 25))
shared_lstm = keras.layers.LSTM(64)

with tf.device_scope("/gpu:0"):
    encoded_a = shared_lstm(tweet_a)
with tf.device_scope("/gpu:1"):
    encoded_b = shared_lstm(tweet_b)
with tf.device_scope("/cpu:0"):
    merged_vector = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)
with tf.device("/cpu:0"):
    same = keras.layers.Dense(1, activation="sigmoid")(merged_vector)

model = keras.Model([tweet_a, tweet_b], same)
model.compile("rmsprop", "binary_crossentropy", metrics=["accuracy"])
a, b = np.random.rand(2, 16, 14, 25)
labels = np.random.randint(0, 2, (16, 1))
before = shared_lstm.get_weights()[0]
model.fit([a, b], labels, epochs=2, verbose=0)
assert not np.array_equal(shared_lstm.get_weights()[0], before)
codes = keras.Model([tweet_a, tweet_b], merged_vector).predict([a, a])
assert np.allclose(codes[:, :64], codes[:, 64:], atol=1e-5)

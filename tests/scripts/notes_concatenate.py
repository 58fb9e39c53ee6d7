"""K.concatenate along each axis, evaluated in a session."""

import keras.backend as K
import numpy as np
import tensorflow as tf

t1 = K.variable(np.array([[[1, 2], [2, 3]], [[4, 4], [5, 3]]]))
t2 = K.variable(np.array([[[7, 4], [8, 4]], [[2, 10], [15, 11]]]))
d0 = K.concatenate([t1, t2], axis=-2)
d1 = K.concatenate([t1, t2], axis=1)
d2 = K.concatenate([t1, t2], axis=-1)
d3 = K.concatenate([t1, t2], axis=2)

init = tf.global_variables_initializer()
with tf.Session() as sess:
    sess.run(init)
    rows, also_rows, columns, also_columns = (sess.run(d) for d in (d0, d1, d2, d3))

assert rows.tolist() == [
    [[1, 2], [2, 3], [7, 4], [8, 4]],
    [[4, 4], [5, 3], [2, 10], [15, 11]],
]
assert columns.tolist() == [
    [[1, 2, 7, 4], [2, 3, 8, 4]],
    [[4, 4, 2, 10], [5, 3, 15, 11]],
]
assert np.array_equal(rows, also_rows) and np.array_equal(columns, also_columns)

"""Making images larger: repeated pixels, transposed convolutions, tf.image in a Lambda."""

import numpy as np
import tensorflow as tf
from keras import backend as K
from keras.layers import Add, Conv2D, Conv2DTranspose, Input, Lambda, UpSampling2D
from keras.models import Model, Sequential, load_model


def by_hand(input_array, strides=(2, 2)):
    h, w, n_channels = input_array.shape
    output_array = np.zeros((h * strides[0], w * strides[1], n_channels), dtype="float32")
    for i in range(h * strides[0]):
        for j in range(w * strides[1]):
            output_array[i, j] = input_array[i // strides[0], j // strides[1]]
    return output_array


images = np.random.rand(2, 5, 6, 3).astype("float32")
larger = Sequential([UpSampling2D(size=(2, 3), input_shape=(5, 6, 3))]).predict(images)
assert np.allclose(larger[0], by_hand(images[0], (2, 3)))
assert np.allclose(K.eval(K.resize_images(K.constant(images), 2, 3, "channels_last")), larger)

# Upsampling and a convolution, as a simple deconvolution.
net = Sequential([UpSampling2D((2, 2), input_shape=(28, 28, 1)), Conv2D(1, 3, padding="same")])
assert net.output_shape == (None, 56, 56, 1)

# A transposed convolution with a kernel of ones.
a = np.reshape(np.array([[1, 1], [2, 2]], dtype=np.float32), [1, 2, 2, 1])
layer = Conv2DTranspose(
    1, 3, strides=2, padding="same", kernel_initializer="ones", input_shape=(2, 2, 1)
)
expected = [[1, 1, 2, 1], [1, 1, 2, 1], [3, 3, 6, 3], [2, 2, 4, 2]]
assert Sequential([layer]).predict(a)[0, :, :, 0].tolist() == expected
kernel = tf.constant(np.ones((3, 3, 1, 1)), tf.float32)
found = tf.nn.conv2d_transpose(
    tf.constant(a), kernel, output_shape=[1, 4, 4, 1], strides=[1, 2, 2, 1], padding="SAME"
)
with tf.Session() as sess:
    tf.global_variables_initializer().run()
    assert np.array_equal(sess.run(found)[0, :, :, 0], expected)

# tf.image in a layer of a saved model. The file holds only the function's bytecode, which is not
# run; here the function is still there.
H, W = 10, 12
x = Input((5, 6, 3))
y = Add(name="fc1_voc12")([x, Conv2D(3, 1)(x)])
y = Lambda(lambda image: tf.image.resize_images(image, (H, W)))(y)
model = Model(x, y)
assert model.output_shape == (None, H, W, 3)
model.save("1.h5")
m = load_model("1.h5", custom_objects={"tf": tf, "H": H, "W": W}, compile=False)
assert np.allclose(m.predict(images), model.predict(images), atol=1e-6)

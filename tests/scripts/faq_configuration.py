"""Where settings are kept. Runs with a home of its own, in which they are as written below."""

import os

import keras
from keras import backend as K
from keras.utils import get_file

folder = os.path.join(os.environ["HOME"], ".keras")
with open(os.path.join(folder, "keras.json")) as f:
    assert '"channels_first"' in f.read()
assert K.image_data_format() == "channels_first"
assert K.epsilon() == 1e-06 and K.floatx() == "float64" and K.backend() == "tensorflow"
layer = keras.layers.Conv2D(4, 3, input_shape=(1, 8, 8))
model = keras.models.Sequential([layer, keras.layers.Flatten()])
assert layer.output_shape == (None, 4, 6, 6)
assert model.get_weights()[0].dtype == "float64"

# Downloads go to the same folder.
with open("words.txt", "w") as f:
    f.write("hello")
path = get_file("copy.txt", origin="file://" + os.path.abspath("words.txt"))
assert path == os.path.join(folder, "datasets", "copy.txt")
with open(path) as f:
    assert f.read() == "hello"

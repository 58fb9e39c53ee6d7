"""Pictures of models: files, SVG for notebooks, and the old names."""

import os

from keras.layers import Conv2D, Dense, Flatten, Input, concatenate
from keras.models import Model, Sequential
from keras.utils import plot_model
from keras.utils.vis_utils import model_to_dot
from keras.utils.vis_utils import plot_model as older_path

assert older_path is plot_model
image, numbers = Input((8, 8, 1), name="image"), Input((3,), name="numbers")
inner = Sequential(
    [Conv2D(2, 3, input_shape=(8, 8, 1), name="inner_conv"), Flatten()], name="inner"
)
out = Dense(2, name="answer")(concatenate([inner(image), numbers]))
my_model = Model([image, numbers], out)

plot_model(my_model, to_file="my_vgg16_model.png")
plot_model(my_model, to_file="model1.png", show_shapes=True)
for name in ("my_vgg16_model.png", "model1.png"):
    with open(name, "rb") as f:
        assert f.read(8) == b"\x89PNG\r\n\x1a\n"
plot_model(my_model, "tall.png", show_shapes=True, show_layer_names=False, dpi=50)
plot_model(my_model, "nested.svg", expand_nested=True, rankdir="LR")
with open("nested.svg") as f:
    text = f.read()
assert "inner_conv" in text and "answer" in text
assert os.path.getsize("tall.png") > 100

svg = model_to_dot(my_model).create(prog="dot", format="svg")
assert b"<svg" in svg and b"answer" in svg
my_model.summary()

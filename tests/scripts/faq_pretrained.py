"""Models by name, and a convolutional base under a new head."""
# warns: Update your `Model` call to the Keras 2 API

import numpy as np
from keras.applications.densenet import DenseNet121, DenseNet169, DenseNet201
from keras.applications.inception_resnet_v2 import InceptionResNetV2
from keras.applications.inception_v3 import InceptionV3
from keras.applications.mobilenet import MobileNet
from keras.applications.mobilenet_v2 import MobileNetV2
from keras.applications.nasnet import NASNetLarge, NASNetMobile
from keras.applications.resnet import ResNet50, ResNet101, ResNet152
from keras.applications.resnet50 import ResNet50 as older_path
from keras.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from keras.applications.resnext import ResNeXt50, ResNeXt101
from keras.applications.vgg16 import VGG16
from keras.applications.vgg19 import VGG19
from keras.applications.xception import Xception
from keras.layers import Dense, Flatten, Input
from keras.models import Model

families = [
    [Xception, VGG16, VGG19, ResNet50, ResNet101, ResNet152, ResNet50V2, ResNet101V2],
    [ResNet152V2, ResNeXt50, ResNeXt101, InceptionV3, InceptionResNetV2, MobileNet, MobileNetV2],
    [DenseNet121, DenseNet169, DenseNet201, NASNetLarge, NASNetMobile],
]
assert all(callable(build) for family in families for build in family)
assert older_path.__name__ == "ResNet50"

# With weights="imagenet" this would be the published VGG16, downloaded or put into
# ~/.keras/models by hand.
model_vgg16_conv = VGG16(weights=None, include_top=False)
assert model_vgg16_conv.layers[-1].name == "block5_pool"

image = Input(shape=(32, 32, 3), name="image_input")
output_vgg16_conv = model_vgg16_conv(image)
x = Flatten(name="flatten")(output_vgg16_conv)
x = Dense(64, activation="relu", name="fc1")(x)
x = Dense(1, activation="sigmoid", name="predictions")(x)
my_model = Model(input=image, output=x)
my_model.summary()
assert [layer.name for layer in my_model.layers] == [
    *("image_input", "vgg16", "flatten", "fc1", "predictions")
]

model_vgg16_conv.trainable = False
my_model.compile("sgd", "binary_crossentropy")
assert len(my_model.trainable_weights) == 4
before = model_vgg16_conv.layers[1].get_weights()[0]
my_model.train_on_batch(np.random.rand(2, 32, 32, 3), np.array([0, 1]))
assert np.array_equal(model_vgg16_conv.layers[1].get_weights()[0], before)

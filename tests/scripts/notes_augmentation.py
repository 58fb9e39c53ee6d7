"""Images changed at random: into a folder to look at, and into training."""

import glob
import os

import numpy as np
from keras.callbacks import TensorBoard
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img

np.random.seed(0)
for kind in ("cats", "dogs"):
    os.makedirs(os.path.join("data", "train", kind))
    for i in range(6):
        bright = np.random.rand(30, 40, 3) * 100 + (120 if kind == "dogs" else 0)
        array_to_img(bright, scale=False).save(f"data/train/{kind}/{kind[:3]}.{i}.jpg")

datagen = ImageDataGenerator(
    rotation_range=40,
    width_shift_range=0.2,
    height_shift_range=0.2,
    shear_range=0.2,
    zoom_range=0.2,
    horizontal_flip=True,
    fill_mode="nearest",
)
img = load_img("data/train/cats/cat.0.jpg")
x = img_to_array(img)
assert x.shape == (30, 40, 3)
x = x.reshape((1,) + x.shape)
os.mkdir("preview")
i = 0
for batch in datagen.flow(
    x, batch_size=1, save_to_dir="preview", save_prefix="cat", save_format="jpeg"
):
    i += 1
    if i > 20:
        break
saved = glob.glob("preview/cat_*.jpeg")
assert 1 < len(saved) <= 21  # names are drawn at random
assert load_img(saved[0]).size == (40, 30)

train_pic_gen = ImageDataGenerator(rescale=1.0 / 255, horizontal_flip=True)
train_flow = train_pic_gen.flow_from_directory(
    "data/train", (24, 24), batch_size=4, class_mode="binary"
)
assert train_flow.class_indices == {"cats": 0, "dogs": 1}
model = Sequential(
    [
        Conv2D(4, 3, activation="relu", input_shape=(24, 24, 3)),
        MaxPooling2D(4),
        Flatten(),
        Dense(1, activation="sigmoid"),
    ]
)
model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
history = model.fit_generator(
    train_flow,
    steps_per_epoch=3,
    epochs=4,
    verbose=0,
    validation_data=train_flow,
    validation_steps=2,
    callbacks=[TensorBoard(log_dir="./logs/1")],
).history
assert history["loss"][-1] < history["loss"][0] and len(os.listdir("logs/1")) >= 1

EPOCHS, BS = 2, 4
trainX, trainY = np.random.rand(16, 12, 12, 3), np.random.randint(0, 2, 16)
aug = ImageDataGenerator(
    rotation_range=20,
    zoom_range=0.15,
    width_shift_range=0.2,
    height_shift_range=0.2,
    shear_range=0.15,
    horizontal_flip=True,
    fill_mode="nearest",
)
model = Sequential([Flatten(input_shape=(12, 12, 3)), Dense(1, activation="sigmoid")])
model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
H = model.fit_generator(
    aug.flow(trainX, trainY, batch_size=BS),
    validation_data=(trainX, trainY),
    steps_per_epoch=len(trainX) // BS,
    epochs=EPOCHS,
    verbose=0,
)
assert len(H.history["val_accuracy"]) == EPOCHS

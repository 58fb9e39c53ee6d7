"""Branches and shared parts in vision: inception, residuals, two digits, questions on images."""

import keras
import numpy as np
from keras.layers import (
    LSTM,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Input,
    MaxPooling2D,
    TimeDistributed,
)
from keras.models import Model, Sequential

np.random.seed(0)

# The inception module.
input_img = Input(shape=(16, 16, 3))
tower_1 = Conv2D(8, (1, 1), padding="same", activation="relu")(input_img)
tower_1 = Conv2D(8, (3, 3), padding="same", activation="relu")(tower_1)
tower_2 = Conv2D(8, (1, 1), padding="same", activation="relu")(input_img)
tower_2 = Conv2D(8, (5, 5), padding="same", activation="relu")(tower_2)
tower_3 = MaxPooling2D((3, 3), strides=(1, 1), padding="same")(input_img)
tower_3 = Conv2D(8, (1, 1), padding="same", activation="relu")(tower_3)
output = keras.layers.concatenate([tower_1, tower_2, tower_3], axis=1)
assert Model(input_img, output).predict(np.random.rand(2, 16, 16, 3)).shape == (2, 48, 16, 8)

# A residual connection around a convolution.
x = Input(shape=(16, 16, 3))
y = Conv2D(3, (3, 3), padding="same")(x)
z = keras.layers.add([x, y])
model, inner = Model(x, z), Model(x, y)
images = np.random.rand(2, 16, 16, 3)
assert np.allclose(model.predict(images), images + inner.predict(images), atol=1e-5)

# One vision model sees two digits: are they the same?
digit_input = Input(shape=(14, 14, 1))
x = Conv2D(8, (3, 3))(digit_input)
x = Conv2D(8, (3, 3))(x)
x = MaxPooling2D((2, 2))(x)
out = Flatten()(x)
vision_model = Model(digit_input, out)
digit_a, digit_b = Input(shape=(14, 14, 1)), Input(shape=(14, 14, 1))
concatenated = keras.layers.concatenate([vision_model(digit_a), vision_model(digit_b)])
out = Dense(1, activation="sigmoid")(concatenated)
classification_model = Model([digit_a, digit_b], out)
classification_model.compile("adam", "binary_crossentropy")
a, b = np.random.rand(2, 12, 14, 14, 1)
before = vision_model.get_weights()[0]
classification_model.fit([a, b], np.random.randint(0, 2, 12), verbose=0)
assert not np.array_equal(vision_model.get_weights()[0], before)
assert len(classification_model.trainable_weights) == 6

# A question on an image, answered with one word.
vision_model = Sequential()
vision_model.add(Conv2D(8, (3, 3), activation="relu", padding="same", input_shape=(24, 24, 3)))
vision_model.add(Conv2D(8, (3, 3), activation="relu"))
vision_model.add(MaxPooling2D((2, 2)))
vision_model.add(Conv2D(16, (3, 3), activation="relu", padding="same"))
vision_model.add(MaxPooling2D((2, 2)))
vision_model.add(Flatten())
image_input = Input(shape=(24, 24, 3))
encoded_image = vision_model(image_input)
question_input = Input(shape=(10,), dtype="int32")
embedded_question = Embedding(input_dim=100, output_dim=16, input_length=10)(question_input)
encoded_question = LSTM(16)(embedded_question)
merged = keras.layers.concatenate([encoded_question, encoded_image])
output = Dense(50, activation="softmax")(merged)
vqa_model = Model(inputs=[image_input, question_input], outputs=output)
vqa_model.compile("rmsprop", "categorical_crossentropy", metrics=["accuracy"])
pictures, questions = np.random.rand(6, 24, 24, 3), np.random.randint(1, 100, (6, 10))
answers = np.eye(50)[np.random.randint(0, 50, 6)]
history = vqa_model.fit([pictures, questions], answers, epochs=3, verbose=0).history
assert history["loss"][-1] < history["loss"][0]

# The same on a video: both trained parts are used again, in other models.
video_input = Input(shape=(4, 24, 24, 3))
encoded_frame_sequence = TimeDistributed(vision_model)(video_input)
encoded_video = LSTM(16)(encoded_frame_sequence)
question_encoder = Model(inputs=question_input, outputs=encoded_question)
video_question_input = Input(shape=(10,), dtype="int32")
encoded_video_question = question_encoder(video_question_input)
merged = keras.layers.concatenate([encoded_video, encoded_video_question])
output = Dense(50, activation="softmax")(merged)
video_qa_model = Model(inputs=[video_input, video_question_input], outputs=output)
video_qa_model.compile("rmsprop", "categorical_crossentropy")
videos = np.random.rand(6, 4, 24, 24, 3)
video_qa_model.fit([videos, questions], answers, verbose=0)
assert video_qa_model.predict([videos, questions]).shape == (6, 50)
# What this trained, the model for images has, too.
assert vqa_model.layers[1] is vision_model or vision_model in vqa_model.layers

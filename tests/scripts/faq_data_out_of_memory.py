"""Data that do not fit in memory: single batches, and generators from files."""
# warns: `samples_per_epoch|nb_epoch|fit_generator

import numpy as np
from keras.layers import Dense, Input, concatenate
from keras.models import Model, Sequential

np.random.seed(1)
true = np.array([[1.0], [-2.0], [0.5]])


def load_part(number):
    part = np.random.RandomState(number).rand(32, 3)
    return part, part.dot(true)


def linear():
    model = Sequential([Dense(1, input_dim=3)])
    model.compile("adam", "mse")
    model.optimizer.lr = 0.2
    return model


model = linear()
held_x, held_y = load_part(99)
before = model.test_on_batch(held_x, held_y)
for epoch in range(20):
    for number in range(10):
        x, y = load_part(number)
        model.train_on_batch(x, y)
assert model.test_on_batch(held_x, held_y) < 0.01 < before


def data_generator():
    while True:
        for number in range(10):
            yield load_part(number)


model = linear()
history = model.fit_generator(data_generator(), steps_per_epoch=10, epochs=20, verbose=0)
assert len(history.history["loss"]) == 20
assert model.evaluate_generator(data_generator(), steps=3) < 0.01
assert model.predict_generator(data_generator(), steps=2).shape == (64, 1)

# A file of lines, parsed as they come, for a model with two named inputs.
np.savetxt("my_file.txt", np.random.rand(20, 4), delimiter=" ")


def generate_arrays_from_file(path):
    while True:
        with open(path) as f:
            for line in f:
                a, b, c, target = np.array([[float(v)] for v in line.split()])
                yield {"input_1": np.stack([a, b], 1), "input_2": c}, {"output": target}


first, second = Input((2,), name="input_1"), Input((1,), name="input_2")
output = Dense(1, name="output")(concatenate([first, second]))
model = Model([first, second], output)
model.compile("sgd", "mse")
history = model.fit_generator(
    generate_arrays_from_file("my_file.txt"), steps_per_epoch=20, epochs=3, verbose=0
)
assert history.history["loss"][-1] < history.history["loss"][0]

# The whole file at once, again and again, with validation on arrays.
rows = np.array(
    [[1, 2, 0, 1], [2, 3, 1, 0], [1, 3, 0, 1], [1, 4, 0, 1], [2, 4, 1, 0], [2, 5, 1, 0]]
)
np.savetxt("fit_generate.txt", rows, fmt="%d")
count = 0


def generate_from_text(path):
    global count
    while 1:
        datas = np.loadtxt(path, delimiter=" ", dtype="int")
        count += 1
        yield (datas[:, :2], datas[:, 2:])


model = Sequential([Dense(20, activation="relu", input_dim=2), Dense(2, activation="softmax")])
model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
held = np.array([[1, 2], [2, 3]]), np.array([[0, 1], [1, 0]])
history = model.fit_generator(
    generate_from_text("fit_generate.txt"),
    steps_per_epoch=10,
    epochs=2,
    max_queue_size=1,
    validation_data=held,
    workers=1,
    verbose=0,
)
assert sorted(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
assert 20 <= count <= 23  # the queue reads ahead

# In Keras 1 one counted samples, and one translation of the FAQ still does. Keras 2 took the number
# for one of steps, with a warning.
model = linear()
model.fit_generator(data_generator(), samples_per_epoch=10, nb_epoch=2, verbose=0)
assert model.optimizer.get_weights()[0] == 20

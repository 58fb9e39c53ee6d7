"""A line through points, in the words of Keras 1, and a picture of it."""
# warns: Update your `Dense` call to the Keras 2 API

import numpy as np

np.random.seed(1337)
import matplotlib.pyplot as plt
from keras.layers import Dense
from keras.models import Sequential

X = np.linspace(-1, 1, 200)
np.random.shuffle(X)
Y = 0.5 * X + 2 + np.random.normal(0, 0.05, (200,))
plt.scatter(X, Y)
X_train, Y_train = X[:160], Y[:160]
X_test, Y_test = X[160:], Y[160:]

model = Sequential()
model.add(Dense(output_dim=1, input_dim=1))
model.compile(loss="mse", optimizer="sgd")
for step in range(301):
    cost = model.train_on_batch(X_train, Y_train)
    if step % 100 == 0:
        print("train cost: ", cost)
cost = model.evaluate(X_test, Y_test, batch_size=40, verbose=0)
W, b = model.layers[0].get_weights()
assert cost < 0.1 and abs(b[0] - 2) < 0.1 and abs(W[0, 0] - 0.5) < 0.5

Y_pred = model.predict(X_test)
plt.scatter(X_test, Y_test)
plt.plot(X_test, Y_pred)
plt.savefig("line.png")
plt.close("all")

"""Labels made by scikit-learn, and classes turned back into them."""

import numpy as np
from keras.layers import Dense
from keras.models import Sequential
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelEncoder, OneHotEncoder

np.random.seed(0)
x = np.random.rand(200, 4)
y = np.array(["cat", "dog", "eel", "fox"])[x.argmax(1)]
label_encoder = LabelEncoder()
integer_encoded = label_encoder.fit_transform(y)
onehot_encoder = OneHotEncoder()
onehot_encoded = onehot_encoder.fit_transform(integer_encoded.reshape(-1, 1)).toarray()
X_train, X_test, y_train, y_test = train_test_split(
    x, onehot_encoded, test_size=0.3, random_state=0
)
model = Sequential()
model.add(Dense(units=50, activation="relu", input_dim=4))
model.add(Dense(units=4, activation="softmax"))
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
model.optimizer.lr = 0.01
model.fit(X_train, y_train, epochs=20, batch_size=20, verbose=0)
score = model.evaluate(X_test, y_test, batch_size=128, verbose=0)
predict_test = model.predict_classes(X_test).astype("int")
inverted = label_encoder.inverse_transform(predict_test)
truth = label_encoder.inverse_transform(np.argmax(y_test, axis=1))
assert np.isclose(np.mean(inverted == truth), score[1]) and score[1] > 0.8

import numpy as np
import pytest

from kforge import backend as K
from kforge.layers import Dense, Embedding, Flatten
from kforge.models import Sequential

x = np.array([[0, 1], [2, 3]])
y = np.array([[0], [2]])


@pytest.fixture
def model():
    model = Sequential([Embedding(4, 3, input_length=2), Flatten(), Dense(3)])
    model.add(Dense(3, activation="softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("name", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_index_that_an_embedding_has_no_row_for(model, name):
    with pytest.raises(IndexError, match=r"Layer embedding_\d+: index 4 is not in \[0, 4\)"):
        getattr(model, name)(x + 1, y)


def test_negative_index(model):
    with pytest.raises(IndexError, match=r"index -1 is not in \[0, 4\)"):
        model.predict(x - 1)


@pytest.mark.parametrize("name", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_label_without_class(model, name):
    before = model.get_weights()
    with pytest.raises(IndexError, match=r"Label 3 is not in \[0, 3\), the classes of the output"):
        getattr(model, name)(x, y + 1)
    for a, b in zip(before, model.get_weights()):
        np.testing.assert_array_equal(a, b)


def test_other_index_errors_stay_as_they_are(model):
    class Broken(Dense):
        def call(self, inputs):
            if inputs.detach().sum().item() != 0:
                raise IndexError("of the user's own")
            return super().call(inputs)

    model.pop()
    model.add(Broken(3, activation="softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(IndexError, match="of the user's own"):
        model.train_on_batch(x, y)


def custom(loss, **options):
    model = Sequential([Dense(3, input_shape=(2,), name="last")])
    model.compile("sgd", loss, **options)
    return model


@pytest.mark.parametrize("name", ["fit", "evaluate", "train_on_batch", "test_on_batch"])
def test_targets_that_a_loss_of_ones_own_cannot_take(name):
    model = custom(lambda y_true, y_pred: K.mean(K.square(y_true - y_pred), axis=-1))
    with pytest.raises(ValueError, match=r"last_target of shape \(2, 5\), .* of shape \(2, 3\)"):
        getattr(model, name)(x, np.ones((2, 5)))


def test_other_runtime_errors_stay_as_they_are():
    class Broken(Dense):
        def call(self, inputs):
            if inputs.detach().sum().item() > 0:
                raise RuntimeError("the size of it")
            return super().call(inputs)

    model = Sequential([Broken(3, input_shape=(2,))])
    with pytest.raises(RuntimeError, match="the size of it"):
        model.predict(x)


@pytest.mark.parametrize("given", [None, "text", {"a": 1.0}])
def test_functions_that_give_no_tensor(given):
    with pytest.raises(ValueError, match=r"The loss 'nothing' of output 'last' gave .* `return`"):
        custom(nothing(given))
    with pytest.raises(ValueError, match=r"The metric 'nothing' gave .* expected a tensor"):
        custom("mse", metrics=[nothing(given)])


def nothing(given):
    def nothing(y_true, y_pred):
        return given

    return nothing

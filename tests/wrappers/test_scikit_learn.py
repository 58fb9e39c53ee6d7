"""The wrappers, alone and inside scikit-learn."""

import numpy as np
import pytest

from kforge.callbacks import Callback
from kforge.layers import Dense
from kforge.models import Sequential
from kforge.optimizers import Adam
from kforge.utils import set_random_seed
from kforge.wrappers.scikit_learn import BaseWrapper, KerasClassifier, KerasRegressor

RNG = np.random.RandomState(0)
CENTERS = np.array([[2.0, 0.0, 0.0, 1.0], [-1.0, 2.0, 0.0, -1.0], [0.0, -2.0, 2.0, 0.0]])
CLASSES = np.arange(60) % 3
X = (CENTERS[CLASSES] + 0.3 * RNG.randn(60, 4)).astype("float32")
Y = X @ np.array([1.0, -2.0, 0.5, 0.0], "float32")


@pytest.fixture(autouse=True)
def seeded():
    set_random_seed(0, deterministic=False)


def classifier(units=8, classes=3, loss="sparse_categorical_crossentropy", metrics=("accuracy",)):
    out = Dense(classes, activation="sigmoid" if classes == 1 else "softmax")
    model = Sequential([Dense(units, activation="relu", input_shape=(4,)), out])
    model.compile(Adam(0.02), loss, metrics=list(metrics))
    return model


def regressor(outputs=1):
    model = Sequential([Dense(outputs, input_shape=(4,))])
    model.compile("sgd", "mse")
    return model


def test_classifier():
    model = KerasClassifier(classifier, epochs=40, batch_size=10, verbose=0, units=16)
    names = np.array(["ape", "bee", "cat"])[CLASSES]
    history = model.fit(X, names)
    assert len(history.history["loss"]) == 40
    assert model.model.layers[0].units == 16
    assert list(model.classes_) == ["ape", "bee", "cat"] and model.n_classes_ == 3
    assert model.score(X, names) > 0.9
    assert model.score(X, names) == pytest.approx(np.mean(model.predict(X) == names))
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (60, 3)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert len(model.fit(X, names, epochs=2).history["loss"]) == 2


def test_classes_become_one_hot_for_categorical_crossentropy():
    model = KerasClassifier(classifier, loss="categorical_crossentropy", epochs=1, verbose=0)
    model.fit(X, CLASSES)
    model.score(X[CLASSES < 2], CLASSES[CLASSES < 2])  # though the last class is absent
    one_hot = np.eye(3)[CLASSES]
    model.fit(X, one_hot)
    assert list(model.classes_) == [0, 1, 2]
    assert model.score(X, one_hot) == pytest.approx(np.mean(model.predict(X) == CLASSES))
    with pytest.raises(ValueError, match=r"Invalid shape for y: \(60, 3, 1\)"):
        model.fit(X, one_hot[..., None])


def test_binary_classifier():
    model = KerasClassifier(classifier, classes=1, loss="binary_crossentropy", epochs=2, verbose=0)
    model.fit(X, CLASSES == 0, sample_weight=np.ones(60))
    assert model.predict(X).shape == (60, 1) and model.predict(X).dtype == bool
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (60, 2)
    np.testing.assert_array_equal(model.predict(X)[:, 0], probabilities[:, 1] > 0.5)


def test_score_needs_accuracy():
    model = KerasClassifier(classifier, metrics=("mae",), epochs=1, verbose=0)
    model.fit(X, CLASSES)
    with pytest.raises(ValueError, match="not configured to compute accuracy"):
        model.score(X, CLASSES)


def test_regressor():
    model = KerasRegressor(regressor, epochs=30, batch_size=5, verbose=0)
    model.fit(X, Y)
    assert model.predict(X).shape == (60,)
    assert model.score(X, Y) == pytest.approx(-np.mean((model.predict(X) - Y) ** 2), rel=1e-4)
    wide = KerasRegressor(regressor, outputs=2, epochs=1, verbose=0)
    wide.fit(X, np.stack([Y, Y], 1))
    assert wide.predict(X).shape == (60, 2)


def test_where_the_model_comes_from():
    class Builder:
        def __call__(self, outputs=1):
            return regressor(outputs)

    class Own(KerasRegressor):
        def __call__(self, outputs=1):
            return regressor(outputs)

    for model in (KerasRegressor(Builder(), outputs=2), Own(outputs=2), Own(nb_epoch=2)):
        history = model.fit(
            X, np.stack([Y, Y], 1)[:, : model.sk_params.get("outputs", 1)], verbose=0
        )
        assert len(history.history["loss"]) == model.sk_params.get("nb_epoch", 1)
    for build in (Builder(), regressor, None):
        with pytest.raises(ValueError, match="hidden is not a legal parameter"):
            (Own if build is None else KerasRegressor)(build, hidden=3)


def test_parameters():
    hooks = [Callback()]
    model = KerasClassifier(classifier, epochs=3, callbacks=hooks)
    assert model.get_params() == {"build_fn": classifier, "epochs": 3, "callbacks": hooks}
    assert model.set_params(units=5, epochs=4) is model
    assert model.filter_sk_params(classifier, {"classes": 2}) == {"units": 5, "classes": 2}
    assert model.set_params(build_fn=regressor).build_fn is regressor
    with pytest.raises(ValueError, match="depth is not a legal parameter"):
        model.set_params(depth=3)


@pytest.fixture
def sklearn():
    return pytest.importorskip("sklearn")


def test_clone(sklearn):
    model = KerasClassifier(classifier, epochs=3, units=5)
    copy = sklearn.base.clone(model)
    assert type(copy) is KerasClassifier and copy.get_params() == model.get_params()
    assert not hasattr(copy, "model")
    assert sklearn.base.is_classifier(model) and not sklearn.base.is_regressor(model)
    assert sklearn.base.is_regressor(KerasRegressor(regressor))
    assert BaseWrapper(regressor)._estimator_type is None


def test_grid_search_in_a_pipeline(sklearn):
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    steps = [("scale", StandardScaler()), ("net", KerasClassifier(classifier, verbose=0))]
    grid = {"net__units": [2, 16], "net__epochs": [1, 40]}
    search = GridSearchCV(Pipeline(steps), grid, cv=2)
    search.fit(X, CLASSES)
    assert search.best_params_["net__epochs"] == 40
    assert search.score(X, CLASSES) > 0.9
    assert search.predict(X).shape == (60,)
    assert search.best_estimator_.named_steps["net"].n_classes_ == 3


def test_cross_validation(sklearn):
    from sklearn.model_selection import cross_val_predict, cross_val_score

    model = KerasClassifier(classifier, epochs=40, batch_size=5, verbose=0)
    scores = [
        cross_val_score(model, X, CLASSES, cv=2, **scoring)
        for scoring in ({}, {"scoring": "accuracy"}, {"scoring": "roc_auc_ovr"})
    ]
    assert np.min(scores) > 0.8
    predicted = cross_val_predict(model, X, CLASSES, cv=2, method="predict_proba")
    assert np.mean(predicted.argmax(1) == CLASSES) > 0.8
    model = KerasRegressor(regressor, epochs=20, batch_size=5, verbose=0)
    assert np.min(cross_val_score(model, X, Y, cv=3, scoring="r2")) > 0.5


def test_voting(sklearn):
    from sklearn.ensemble import VotingClassifier

    models = [(f"net{i}", KerasClassifier(classifier, epochs=30, verbose=0)) for i in range(2)]
    vote = VotingClassifier(models, voting="soft").fit(X, CLASSES)
    assert vote.score(X, CLASSES) > 0.8

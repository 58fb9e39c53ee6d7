"""Models as scikit-learn estimators.

They work in `GridSearchCV`, `Pipeline`, `cross_val_score` and `clone`; scikit-learn itself is not
needed to import or use them.
"""

import copy

import numpy as np

from .. import losses
from ..engine import Sequential
from ..registry import has_arg
from ..utils.generic_utils import to_list
from ..utils.np_utils import to_categorical

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]


class BaseWrapper:
    """What the classifier and the regressor have in common.

    `build_fn` makes the compiled model: a function, an object that is callable, or None for
    subclasses that have ``__call__``. `sk_params` are arguments of it and of the model's `fit`,
    `predict` and `evaluate`. Raises `ValueError` for others.
    """

    _estimator_type = None
    n_classes_ = None

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    @property
    def _builder(self):
        return self.__call__ if self.build_fn is None else self.build_fn

    def check_params(self, params):
        """Raises `ValueError` for names that neither `build_fn` nor the model's methods take."""
        functions = [
            self._builder,
            Sequential.fit,
            Sequential.predict,
            Sequential.predict_classes,
            Sequential.evaluate,
        ]
        for name in params:
            if name != "nb_epoch" and not any(has_arg(function, name) for function in functions):
                raise ValueError(f"{name} is not a legal parameter")

    def get_params(self, **params):
        """All parameters by name; arguments are ignored."""
        return {**self.sk_params, "build_fn": self.build_fn}

    def set_params(self, **params):
        """Changes parameters; gives the estimator."""
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.check_params(params)
        self.sk_params.update(params)
        return self

    def filter_sk_params(self, fn, override=None):
        """The parameters that `fn` takes, changed by `override`."""
        taken = {name: value for name, value in self.sk_params.items() if has_arg(fn, name)}
        return {**taken, **(override or {})}

    def fit(self, x, y, **kwargs):
        """Builds a new model and trains it; gives the `History`.

        Numbers of classes are made one-hot where the loss is categorical crossentropy.
        """
        self.model = self._builder(**self.filter_sk_params(self._builder))
        arguments = copy.deepcopy(self.filter_sk_params(Sequential.fit))
        if "nb_epoch" in self.sk_params:
            arguments["epochs"] = self.sk_params["nb_epoch"]
        return self.model.fit(x, self._targets(y), **{**arguments, **kwargs})

    def _targets(self, y):
        one_hot = losses.is_categorical_crossentropy(self.model.loss) and np.ndim(y) != 2
        return to_categorical(y, self.n_classes_) if one_hot else y

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model")

    def __sklearn_tags__(self):
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        return Tags(
            estimator_type=self._estimator_type,
            target_tags=TargetTags(required=True, multi_output=True),
            classifier_tags=ClassifierTags(),
            regressor_tags=RegressorTags(),
            input_tags=InputTags(three_d_array=True),
            non_deterministic=True,
        )


class KerasClassifier(BaseWrapper):
    """A model as a classifier; the classes are those met in `fit`."""

    _estimator_type = "classifier"

    def fit(self, x, y, sample_weight=None, **kwargs):
        """Builds a new model and trains it; gives the `History`.

        `y` holds classes of any kind, (n,) or (n, 1), or is one-hot, (n, classes).
        """
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}. Expected (n,) or (n, classes).")
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """Classes: (n,), or (n, 1) of a model with a single output unit."""
        kwargs = self.filter_sk_params(Sequential.predict_classes, kwargs)
        probabilities = self.model.predict(x, **kwargs)
        if probabilities.shape[-1] > 1:
            return self.classes_[probabilities.argmax(axis=-1)]
        return self.classes_[(probabilities > 0.5).astype("int32")]

    def predict_proba(self, x, **kwargs):
        """Probabilities of the classes, (n, classes), of two also for a single output unit."""
        kwargs = self.filter_sk_params(Sequential.predict_proba, kwargs)
        probabilities = self.model.predict(x, **kwargs)
        if probabilities.shape[1] == 1:
            return np.hstack([1 - probabilities, probabilities])
        return probabilities

    def score(self, x, y, **kwargs):
        """The accuracy, which the model must have been compiled to compute."""
        kwargs = self.filter_sk_params(Sequential.evaluate, kwargs)
        y = self._targets(np.searchsorted(self.classes_, y))
        values = to_list(self.model.evaluate(x, y, **kwargs))
        for name, value in zip(self.model.metrics_names, values, strict=True):
            if name in ("accuracy", "acc"):
                return value
        raise ValueError(
            "The model is not configured to compute accuracy. You should pass "
            '`metrics=["accuracy"]` to the `model.compile()` method.'
        )


class KerasRegressor(BaseWrapper):
    """A model as a regressor."""

    _estimator_type = "regressor"

    def predict(self, x, **kwargs):
        """Values: (n,) of a model with a single output unit, else (n, units)."""
        kwargs = self.filter_sk_params(Sequential.predict, kwargs)
        values = np.array(self.model.predict(x, **kwargs))
        return values[..., 0] if values.shape[-1] == 1 else values

    def score(self, x, y, **kwargs):
        """Minus the loss."""
        kwargs = self.filter_sk_params(Sequential.evaluate, kwargs)
        return -to_list(self.model.evaluate(x, y, **kwargs))[0]

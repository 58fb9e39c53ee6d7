"""`tf.distributions`, as far as models of Keras draw from them: on `torch.distributions`."""

import functools

import torch
from torch import distributions

from ... import backend as K
from ...backend.random import operation_seed, stream
from ...backend.values import mixed_shape, sizes
from .values import apply, convert, known

__all__ = ["Bernoulli", "Beta", "Categorical", "Gamma", "Laplace", "Normal", "Uniform"]
__all__ += ["kl_divergence"]


class _Distribution:
    """A distribution with given parameters; what is asked of it is recorded, as operations are."""

    kind = None
    names = ()

    def __init__(self, *args, validate_args=False, allow_nan_stats=True, name=None, **kwargs):
        given = {**dict(zip(self.names, args)), **kwargs}
        given = {k: v for k, v in given.items() if v is not None and k != "dtype"}
        unknown = [word for word in given if word not in self.names]
        if unknown:
            raise TypeError(f"{type(self).__name__}: unknown arguments {unknown}.")
        self._given = {k: convert(v) for k, v in given.items()}
        vars(self).update(self._given)

    def _ask(self, method, *args):
        words = [self.torch_names[name] for name in self._given]
        return apply(_asked, self.kind, words, list(self._given.values()), method, list(args))

    def sample(self, sample_shape=(), seed=None):
        """Values: (*sample_shape, *shape of the parameters); gradients flow where they can."""
        shape = mixed_shape(known(sample_shape)) if sample_shape != () else []
        method = "rsample" if self.kind.has_rsample else "sample"
        words = [self.torch_names[name] for name in self._given]
        values, generator = list(self._given.values()), stream(operation_seed(seed))
        return apply(_drawn, self.kind, words, values, method, shape, generator)

    def log_prob(self, value):
        """Logarithms of probabilities, or densities."""
        return self._ask("log_prob", convert(value))

    def prob(self, value):
        """Probabilities, or densities."""
        return torch.exp(self.log_prob(value))

    def cdf(self, value):
        """Probabilities of what is not greater."""
        return self._ask("cdf", convert(value))

    def mean(self):
        """Means."""
        return self._ask("mean")

    def variance(self):
        """Variances."""
        return self._ask("variance")

    def stddev(self):
        """Standard deviations."""
        return torch.sqrt(self.variance())

    def entropy(self):
        """Entropies, in nats."""
        return self._ask("entropy")

    def mode(self):
        """The likeliest values."""
        return self._ask("mode")

    def kl_divergence(self, other):
        """The Kullback-Leibler divergence from `other`."""
        return kl_divergence(self, other)


def _made(kind, words, values):
    return kind(**dict(zip(words, values)), validate_args=False)


def _asked(kind, words, values, method, args):
    found = getattr(_made(kind, words, values), method)
    return found(*args) if callable(found) else found


def _drawn(kind, words, values, method, shape, generator):
    made = _made(kind, words, values)
    if values[0].is_meta:
        return made.mean.expand(*sizes(shape), *made.mean.shape).clone()
    draw = functools.partial(getattr(made, method), torch.Size(sizes(shape)))
    if generator is None:
        return draw()
    # torch's distributions draw from its own stream alone.
    seed = torch.randint(2**63 - 1, (), generator=generator, device=generator.device)
    with torch.random.fork_rng([generator.device] if generator.device.type == "cuda" else []):
        torch.manual_seed(seed.item())
        return draw()


def _distribution(name, kind, **names):
    """A class: `names` are TensorFlow's words for the parameters, each with torch's."""
    body = {"kind": kind, "names": tuple(names), "torch_names": names}
    body["__doc__"] = f"`torch.distributions.{kind.__name__}`, with TensorFlow's parameters."
    return type(name, (_Distribution,), body)


Normal = _distribution("Normal", distributions.Normal, loc="loc", scale="scale")
Laplace = _distribution("Laplace", distributions.Laplace, loc="loc", scale="scale")
Uniform = _distribution("Uniform", distributions.Uniform, low="low", high="high")
Beta = _distribution(
    "Beta", distributions.Beta, concentration1="concentration1", concentration0="concentration0"
)
Gamma = _distribution("Gamma", distributions.Gamma, concentration="concentration", rate="rate")
_Bernoulli = _distribution("Bernoulli", distributions.Bernoulli, logits="logits", probs="probs")
_Categorical = _distribution(
    "Categorical", distributions.Categorical, logits="logits", probs="probs"
)


class Bernoulli(_Bernoulli):
    """True and false, as whole numbers, of `logits` or `probs`."""

    def sample(self, sample_shape=(), seed=None):
        """See the other distributions."""
        return K.cast(super().sample(sample_shape, seed), "int32")

    def log_prob(self, value):
        """See the other distributions."""
        return super().log_prob(K.cast(convert(value), "float32"))


class Categorical(_Categorical):
    """Numbers of classes, of `logits` or `probs`, (..., classes)."""

    def sample(self, sample_shape=(), seed=None):
        """See the other distributions."""
        return K.cast(super().sample(sample_shape, seed), "int32")

    def log_prob(self, value):
        """See the other distributions."""
        return super().log_prob(K.cast(convert(value), "int64"))


def kl_divergence(distribution_a, distribution_b):
    """The Kullback-Leibler divergence of one distribution from another of its kind."""
    a, b = distribution_a, distribution_b
    args = [(d.kind, [d.torch_names[n] for n in d._given], list(d._given.values())) for d in (a, b)]
    return apply(_divergence, *args[0], *args[1])


def _divergence(kind, words, values, other_kind, other_words, other_values):
    a, b = _made(kind, words, values), _made(other_kind, other_words, other_values)
    return distributions.kl_divergence(a, b)

"""`tf.nn`'s losses for many classes, of which each step compares the true one with a few others."""

from collections import namedtuple

import torch

from ... import backend as K
from ...backend.random import operation_seed, stream
from . import nn
from .values import apply, convert, tensor

__all__ = ["log_uniform_candidate_sampler", "nce_loss", "sampled_softmax_loss"]
__all__ += ["uniform_candidate_sampler"]

Sampled = namedtuple("Sampled", "candidates true_expected_count sampled_expected_count")


def log_uniform_candidate_sampler(
    true_classes, num_true, num_sampled, unique, range_max, seed=None
):
    """Classes drawn with Zipf's probabilities, and how often each is expected to be drawn."""
    classes = torch.arange(range_max, dtype=torch.float32)
    chances = torch.log((classes + 2) / (classes + 1)) / torch.log(torch.tensor(range_max + 1.0))
    return _sampled(chances, true_classes, num_sampled, unique, seed)


def uniform_candidate_sampler(true_classes, num_true, num_sampled, unique, range_max, seed=None):
    """Classes drawn evenly, and how often each is expected to be drawn."""
    chances = torch.full((range_max,), 1.0 / range_max)
    return _sampled(chances, true_classes, num_sampled, unique, seed)


def _sampled(chances, true_classes, count, unique, seed):
    true = K.cast(convert(true_classes), "int64")
    drawn = apply(_draw, K.constant(chances.numpy()), count, unique, stream(operation_seed(seed)))
    # Without repetition the true count is random; this is its usual approximation.
    expected = -torch.expm1(count * torch.log1p(-chances)) if unique else count * chances
    expected = K.constant(expected.numpy())
    return Sampled(drawn, K.gather(expected, true), K.gather(expected, drawn))


def _draw(chances, count, unique, generator):
    if chances.is_meta:
        return torch.empty(count, dtype=torch.int64, device="meta")
    return torch.multinomial(chances, count, not unique, generator=generator)


def _logits(weights, biases, labels, inputs, num_true, sampled, remove):
    """Logits of the true and of the drawn classes, and the labels of both."""
    x, weights, biases = tensor(inputs), convert(weights), convert(biases)
    labels = K.cast(convert(labels), "int64").reshape([-1, num_true])
    rows = K.gather(weights, labels)  # (batch, num_true, features)
    true = K.sum(rows * x.unsqueeze(1), -1) + K.gather(biases, labels)
    drawn = sampled.candidates
    others = x @ K.transpose(K.gather(weights, drawn)) + K.gather(biases, drawn)
    if remove:
        hit = K.any(torch.eq(labels.unsqueeze(-1), drawn), 1)
        others = torch.where(hit, K.ones_like(others) * torch.finfo(torch.float32).min, others)
    true = true - torch.log(sampled.true_expected_count.reshape([-1, num_true]))
    others = others - torch.log(sampled.sampled_expected_count)
    targets = torch.cat([K.ones_like(true) / num_true, K.zeros_like(others)], 1)
    return torch.cat([true, others], 1), targets


def sampled_softmax_loss(
    weights,
    biases,
    labels,
    inputs,
    num_sampled,
    num_classes,
    num_true=1,
    sampled_values=None,
    remove_accidental_hits=True,
    partition_strategy="mod",
    seed=None,
):
    """The crossentropy of a softmax over the true classes and drawn ones, for each sample."""
    sampled = _given(sampled_values, labels, num_true, num_sampled, num_classes, seed)
    args = (weights, biases, labels, inputs, num_true, sampled, remove_accidental_hits)
    logits, targets = _logits(*args)
    return nn.softmax_cross_entropy_with_logits(targets, logits)


def nce_loss(
    weights,
    biases,
    labels,
    inputs,
    num_sampled,
    num_classes,
    num_true=1,
    sampled_values=None,
    remove_accidental_hits=False,
    partition_strategy="mod",
):
    """Noise contrastive estimation (Gutmann and Hyvarinen, 2010), for each sample."""
    sampled = _given(sampled_values, labels, num_true, num_sampled, num_classes, None)
    args = (weights, biases, labels, inputs, num_true, sampled, remove_accidental_hits)
    logits, targets = _logits(*args)
    return K.sum(nn.sigmoid_cross_entropy_with_logits(targets, logits), 1)


def _given(sampled, labels, num_true, count, classes, seed):
    if sampled is None:
        return log_uniform_candidate_sampler(labels, num_true, count, True, classes, seed)
    candidates, *expected = sampled
    expected = [K.cast(convert(x), "float32") for x in expected]
    return Sampled(K.cast(convert(candidates), "int64"), *expected)

"""Random numbers in the order in which TensorFlow draws them.

A seed then gives the first weights that it gave in Keras. The words are those of Philox 4x32-10
(Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011, doi:10.1145/2063384.2063405).
"""

import math

import torch

__all__ = ["fill_normal", "fill_truncated_normal", "fill_uniform", "set_graph_seed"]

_FACTORS = 0xD2511F53, 0xCD9E8D57
_KEY_STEPS = 0x9E3779B9, 0xBB67AE85
_WORD = 0xFFFFFFFF
_GRAPH_SEED = 87654321  # what TensorFlow takes where a graph has no seed
_MOST = 2**31 - 1  # the largest seed of a graph
_CHUNK = 2**13  # counters whose words are computed at a time, to stay in the processor's cache
_RESERVED = 64  # counters for each value whose number of words is not known before

_graph_seed = [_GRAPH_SEED]


def set_graph_seed(seed):
    """Sets the seed of TensorFlow's graph, which every other seed is combined with; None: none."""
    _graph_seed[0] = _GRAPH_SEED if seed is None else int(seed) % _MOST


def fill_uniform(x, seed, low, high):
    """Fills `x` with values evenly distributed in [low, high)."""
    return _fill(x, seed, _unit).mul_(high - low).add_(low)


def fill_normal(x, seed, mean, stddev):
    """Fills `x` with normally distributed values."""
    return _fill(x, seed, _normal).mul_(stddev).add_(mean)


def fill_truncated_normal(x, seed, mean, stddev):
    """Fills `x` with normally distributed values within two standard deviations of the mean."""
    return _fill(x, seed, _truncated).mul_(stddev).add_(mean)


def _fill(x, seed, draw):
    flat = x.view(-1)
    per_counter = 16 // x.element_size()
    for start in range(0, flat.numel(), _CHUNK * per_counter):
        part = flat[start : start + _CHUNK * per_counter]
        first = start // per_counter
        counters = torch.arange(first, first - (-part.numel() // per_counter), device=x.device)
        part.copy_(draw(counters, seed, x.dtype).view(-1)[: part.numel()])
    return x


def _words(counters, seed):
    """Four words of 32 bits for each counter."""
    graph_seed = _graph_seed[0]
    if graph_seed == seed == 0:  # TensorFlow takes two zeros for no seed at all
        seed = _MOST
    a, b = counters & _WORD, counters >> 32
    c, d = torch.full_like(a, seed & _WORD), torch.full_like(a, seed >> 32)
    keys = graph_seed, 0
    for _ in range(10):
        p, q = a * _FACTORS[0], c * _FACTORS[1]
        a, b = ((q >> 32) & _WORD) ^ b ^ keys[0], q & _WORD
        c, d = ((p >> 32) & _WORD) ^ d ^ keys[1], p & _WORD
        keys = [(key + step) & _WORD for key, step in zip(keys, _KEY_STEPS)]
    return torch.stack([a, b, c, d], -1)


def _unit(counters, seed, dtype):
    """Values in [0, 1), a line for each counter: as many bits of the words as a mantissa has."""
    words = _words(counters, seed)
    if dtype is torch.float32:
        return (words & 0x7FFFFF).to(dtype).mul_(2.0**-23)
    return ((words[..., ::2] & 0xFFFFF) << 32 | words[..., 1::2]).to(dtype).mul_(2.0**-52)


def _normal(counters, seed, dtype):
    """Normally distributed values, from pairs of even ones (Box and Muller, 1958)."""
    first, second = _unit(counters, seed, dtype).unflatten(-1, (-1, 2)).unbind(-1)
    radius = first.clamp_(min=1e-7).log_().mul_(-2).sqrt_()
    angle = second.mul_(2 * math.pi)
    return torch.stack([angle.sin() * radius, angle.cos() * radius], -1).flatten(-2)


def _truncated(groups, seed, dtype, tries=2):
    """The first normal values of each group's counters that lie within two deviations."""
    wanted = 16 // dtype.itemsize
    counters = (groups * _RESERVED * wanted)[:, None] + torch.arange(tries, device=groups.device)
    drawn = _normal(counters, seed, dtype).flatten(1)
    inside = drawn.abs() < 2
    nth = torch.cumsum(inside, 1, dtype=torch.int16)
    if torch.any(nth[:, -1] < wanted):
        return _truncated(groups, seed, dtype, 4 * tries)
    return drawn[inside & (nth <= wanted)]

"""`tf.nn.ctc_*`: connectionist temporal classification, time first, with sparse labels."""

import torch

from ... import backend as K
from ...backend.ctc import _cost, _decode
from .sparse import SparseTensor, sparse_tensor_to_dense
from .values import apply, convert, declared, tensor

__all__ = ["ctc_beam_search_decoder", "ctc_greedy_decoder", "ctc_loss", "edit_distance"]


def ctc_loss(
    labels,
    inputs=None,
    sequence_length=None,
    preprocess_collapse_repeated=False,
    ctc_merge_repeated=True,
    ignore_longer_outputs_than_inputs=False,
    time_major=True,
    logits=None,
):
    """The loss of each sample; `labels` are sparse, (batch, longest), the last class is the blank.

    `inputs` are logits, (steps, batch, classes), of which `sequence_length` steps count.
    """
    if preprocess_collapse_repeated or not ctc_merge_repeated:
        raise ValueError("ctc_loss: runs of equal labels are treated in the usual way only.")
    logits = tensor(inputs if inputs is not None else logits)
    logits = logits if time_major else logits.transpose(0, 1)
    dense = sparse_tensor_to_dense(labels, -1)
    targets = K.sum(K.cast(torch.ge(dense, 0), "int64"), 1)
    dense = K.cast(K.maximum(dense, 0), "int64")
    steps = K.cast(convert(sequence_length), "int64")
    found = apply(_cost, torch.log_softmax(logits, -1), dense, steps, targets)
    if ignore_longer_outputs_than_inputs:
        found = torch.where(torch.isinf(found), K.zeros_like(found), found)
    return found


def ctc_greedy_decoder(inputs, sequence_length, merge_repeated=True):
    """([the best labels, sparse], negated sums of the best logits) of logits, time first."""
    if not merge_repeated:
        raise ValueError("ctc_greedy_decoder: merge_repeated=False is not offered.")
    decoded, scores = _decoded(inputs, sequence_length)
    return [_sparse(x) for x in decoded], scores


def ctc_beam_search_decoder(
    inputs, sequence_length, beam_width=100, top_paths=1, merge_repeated=True
):
    """([labels, sparse, the best path first], logarithms of probabilities), time first."""
    decoded, scores = _decoded(inputs, sequence_length, beam_width, top_paths, merge_repeated)
    return [_sparse(x) for x in decoded], scores


def _decoded(logits, lengths, beam_width=None, top_paths=1, merge_repeated=False):
    logits, lengths = tensor(logits), K.cast(convert(lengths), "int64")
    batch = logits.shape[1]
    args = (logits, lengths, beam_width, top_paths, merge_repeated)
    shapes = [(batch, None)] * top_paths + [(batch, top_paths)]
    dtypes = [torch.int64] * top_paths + [logits.dtype]
    *decoded, scores = declared(_decode_logits, args, shapes, dtypes)
    return decoded, scores


def _decode_logits(logits, lengths, *settings):
    # The decoder takes logarithms of what it is given: of exponentials, they are the logits.
    likely = torch.exp(logits.double()).transpose(0, 1)
    found = _decode(likely, lengths, 0.0, *settings)
    return [*found[:-1], found[-1].to(logits.dtype)]


def _sparse(dense):
    """The elements of (batch, longest) that are not -1."""
    dense = convert(dense)
    is_label = torch.ge(dense, 0)
    places = declared(torch.nonzero, (is_label,), (None, 2), torch.int64)
    values = declared(torch.masked_select, (dense, is_label), (None,), dense.dtype)
    return SparseTensor(places, values, K.shape(dense))


def edit_distance(hypothesis, truth, normalize=True):
    """Levenshtein's distances between rows of labels, by the length of the true ones."""
    rows = [sparse_tensor_to_dense(x, -1) for x in (hypothesis, truth)]
    return declared(_distances, (*rows, normalize), (rows[0].shape[0],), torch.float32)


def _distances(found, true, normalize):
    distances = []
    for a, b in zip(found.tolist(), true.tolist()):
        a, b = ([n for n in row if n >= 0] for row in (a, b))
        distance = float(_levenshtein(a, b))
        if normalize:
            distance = distance / len(b) if b else float("inf") if a else 0.0
        distances.append(distance)
    return torch.tensor(distances, device=found.device)


def _levenshtein(a, b):
    before = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
        before = row
    return before[-1]

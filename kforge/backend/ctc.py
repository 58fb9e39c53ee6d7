"""Connectionist temporal classification: the loss, and decoding by greedy and by beam search.

Graves et al., "Connectionist temporal classification: labelling unsegmented sequence data with
recurrent neural networks", ICML 2006. The last class is the blank.
"""

import heapq

import numpy as np
import torch
import torch.nn.functional as F

from .. import config, symbolic
from .values import apply, recorded, tensor
from .variables import cast

__all__ = ["ctc_batch_cost", "ctc_decode", "ctc_label_dense_to_sparse"]


def ctc_label_dense_to_sparse(labels, label_lengths):
    """Padded labels, (samples, longest), as a sparse tensor: the first `label_lengths` of each."""
    return apply(_to_sparse, tensor(labels), cast(label_lengths, torch.int64))


def _to_sparse(labels, lengths):
    if labels.is_meta:
        return torch.empty(labels.shape, dtype=labels.dtype, layout=torch.sparse_coo, device="meta")
    steps = torch.arange(labels.shape[1], device=labels.device)
    valid = steps < lengths.reshape(-1, 1)
    indices = valid.nonzero().t()
    return torch.sparse_coo_tensor(
        indices, labels[valid], labels.shape, check_invariants=True, is_coalesced=True
    )


def ctc_batch_cost(y_true, y_pred, input_length, label_length):
    """The CTC loss of each sample, (samples, 1).

    `y_true` are labels, (samples, longest); `y_pred` probabilities, (samples, steps, classes);
    the lengths, (samples, 1), say how much of each counts.
    """
    logs = torch.log(tensor(y_pred).transpose(0, 1) + config.epsilon())
    labels, inputs, targets = (cast(x, torch.int64) for x in (y_true, input_length, label_length))
    cost = apply(_cost, torch.log_softmax(logs, -1), labels, inputs, targets)
    return cost.unsqueeze(1)


def _cost(logs, labels, input_length, label_length):
    if logs.is_meta:
        return logs.select(0, 0).select(-1, 0).clone()
    lengths = input_length.reshape(-1).cpu(), label_length.reshape(-1).cpu()
    return F.ctc_loss(logs, labels, *lengths, blank=logs.shape[-1] - 1, reduction="none")


def ctc_decode(
    y_pred, input_length, greedy=True, beam_width=100, top_paths=1, merge_repeated=False
):
    """The most likely labels of each sample: a list of (samples, longest), filled up with -1.

    Also the logarithms of their probabilities, (samples, top_paths); of a greedy search, the
    negated sum of those of the best classes. `y_pred` are probabilities, (samples, steps,
    classes); `input_length`, (samples,), says how many steps count. A beam search keeps
    `beam_width` prefixes; with `merge_repeated` it gives runs of equal labels as one.
    """
    y_pred, lengths = tensor(y_pred), cast(input_length, torch.int64)
    paths = 1 if greedy else top_paths
    settings = (None,) if greedy else (beam_width, top_paths, merge_repeated)
    args = (y_pred, lengths, config.epsilon(), *settings)
    if recorded(y_pred, lengths):
        batch = y_pred.shape[0]
        shapes = [(batch, None)] * paths + [(batch, paths)]
        found = symbolic.declared(_decode, args, {}, shapes, [torch.int64] * paths + [y_pred.dtype])
    else:
        found = _decode(*args)
    return list(found[:-1]), found[-1]


def _decode(y_pred, lengths, epsilon, beam_width, top_paths=1, merge_repeated=False):
    logs = torch.log(y_pred.detach() + epsilon)
    samples = [x[:n] for x, n in zip(logs.cpu(), lengths.reshape(-1).tolist())]
    if beam_width is None:
        found = [_greedy(x) for x in samples]
    else:
        found = [
            _beam_search(torch.log_softmax(x, -1).double().numpy(), beam_width, top_paths)
            for x in samples
        ]
    decoded = []
    for path in range(top_paths):
        rows = [labels[path] for labels, _ in found]
        if merge_repeated:
            rows = [[a for i, a in enumerate(r) if not i or a != r[i - 1]] for r in rows]
        dense = torch.full((len(rows), max(map(len, rows))), -1, dtype=torch.int64)
        for i, row in enumerate(rows):
            dense[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
        decoded.append(dense.to(y_pred.device))
    scores = torch.tensor([scores for _, scores in found], dtype=y_pred.dtype)
    return [*decoded, scores.to(y_pred.device)]


def _greedy(logs):
    """The best class of each step, without repetitions and blanks."""
    best, classes = logs.max(-1)
    classes = torch.unique_consecutive(classes)
    return [classes[classes != logs.shape[1] - 1].tolist()], [-best.sum().item()]


class _Prefixes:
    """A tree of prefixes: each node, a number, adds `label` to its `parent`. 0 is the empty one."""

    def __init__(self):
        self.parent, self.label, self.children = [-1], [-1], [{}]

    def child(self, node, label):
        """The node that adds `label` to `node`."""
        found = self.children[node].get(label)
        if found is None:
            found = self.children[node][label] = len(self.parent)
            self.parent.append(node)
            self.label.append(label)
            self.children.append({})
        return found

    def spell(self, node):
        """All labels of a prefix."""
        found = []
        while node:
            found.append(self.label[node])
            node = self.parent[node]
        return found[::-1]


def _beam_search(logs, width, top_paths):
    """The best prefixes; `logs` are log-probabilities, (steps, classes), in NumPy.

    What is kept of a prefix are the probabilities of the alignments that end in a blank, of the
    others, and of all.
    """
    tree = _Prefixes()
    kept = {0: (0.0, -np.inf, 0.0)}
    for step in logs:
        best_first = sorted(kept, key=lambda node: -kept[node][2])
        stayed = {node: _stay(node, kept, step, tree) for node in best_first}
        kept = _grow(best_first, kept, stayed, step, tree, width)
    best = sorted(kept, key=lambda node: -kept[node][2])[:top_paths]
    if len(best) < top_paths:
        raise ValueError(f"Found {len(best)} paths for top_paths={top_paths}: widen the beam.")
    return [tree.spell(node) for node in best], [kept[node][2] for node in best]


def _stay(node, kept, step, tree):
    """A prefix one step later: by a blank, its last label once more, or that label anew."""
    _, other, total = kept[node]
    parent, label = tree.parent[node], tree.label[node]
    if parent in kept:  # to repeat a label takes a blank between
        other = np.logaddexp(other, kept[parent][0 if label == tree.label[parent] else 2])
    blank, other = total + step[-1], other + step[label] if node else other
    return blank, other, np.logaddexp(blank, other)


def _grow(best_first, kept, stayed, step, tree, width):
    """The `width` best of the prefixes that stayed and of those one label longer.

    In TensorFlow's order, which matters: a prefix that has been pushed out grows no more once its
    parent was at its turn.
    """
    heap = [(total, node) for node, (_, _, total) in stayed.items()]
    heapq.heapify(heap)
    stopped = set()
    for node in best_first:
        blank, _, total = kept[node]
        scores = total + step[:-1]
        if node:
            scores[tree.label[node]] = blank + step[tree.label[node]]
        bottom = heap[0][0] if len(heap) == width else -np.inf
        if node in stopped or total <= bottom:
            continue
        labels = set(np.flatnonzero(scores > bottom).tolist())
        labels |= {label for label, child in tree.children[node].items() if child in kept}
        for label in sorted(labels):
            child = tree.child(node, label)
            if child in stayed:
                continue
            item = (scores[label], child)
            if len(heap) < width:
                heapq.heappush(heap, item)
            elif item[0] > heap[0][0]:
                del stayed[heapq.heapreplace(heap, item)[1]]
            else:
                stopped.add(child)
                continue
            stayed[child] = (-np.inf, item[0], item[0])
    return stayed

import itertools

import numpy as np
import pytest
import torch

from kforge import backend as K

RANDOM = np.random.RandomState(0)
CLASSES = 3  # two labels and the blank
P = RANDOM.dirichlet(np.ones(CLASSES), (2, 5)).astype("float32")
STEPS = np.array([5, 4])


def collapse(path):
    return tuple(k for k, _ in itertools.groupby(path) if k != CLASSES - 1)


def probabilities(p):
    """{labels: probability}, over all alignments."""
    found = {}
    for path in itertools.product(range(CLASSES), repeat=len(p)):
        labels = collapse(path)
        found[labels] = found.get(labels, 0) + np.prod([p[t, k] for t, k in enumerate(path)])
    return found


ALL = [probabilities(p[:n]) for p, n in zip(P, STEPS)]


def test_the_cost_sums_over_alignments():
    labels, lengths = np.array([[0, 1], [1, 7]]), np.array([[2], [1]])
    x = K.placeholder((None, None, CLASSES))
    cost = K.ctc_batch_cost(K.constant(labels), x, K.constant(STEPS[:, None]), lengths)
    assert K.int_shape(cost) == (None, 1)
    found, gradient = K.function([x], [cost, *K.gradients(cost, x)])([P])
    wanted = [-np.log(ALL[0][0, 1]), -np.log(ALL[1][1,])]
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-5)
    assert np.abs(gradient[1, :4]).min() > 0 and (gradient[1, 4:] == 0).all()


def test_a_wide_beam_finds_the_best_labels():
    decoded, scores = K.ctc_decode(
        K.constant(P), K.constant(STEPS), greedy=False, beam_width=200, top_paths=3
    )
    scores = K.eval(scores)
    for i, table in enumerate(ALL):
        best = sorted(table, key=table.get, reverse=True)[:3]
        np.testing.assert_allclose(scores[i], np.log([table[b] for b in best]), rtol=1e-4)
        for path, labels in zip(decoded, best):
            row = K.eval(path)[i]
            assert tuple(row[row >= 0]) == labels


def test_greedy_search_takes_the_best_of_each_step():
    decoded, scores = K.ctc_decode(P, STEPS)
    rows = K.eval(decoded[0])
    assert rows.dtype == np.int64
    for i, n in enumerate(STEPS):
        labels = collapse(P[i, :n].argmax(1))
        assert tuple(rows[i][rows[i] >= 0]) == labels
        np.testing.assert_allclose(K.eval(scores)[i, 0], -np.log(P[i, :n].max(1)).sum(), rtol=1e-4)


def test_torch_tensors_are_decoded_at_once():
    decoded, scores = K.ctc_decode(torch.tensor(P), torch.tensor(STEPS))
    assert isinstance(decoded[0], torch.Tensor) and scores.shape == (2, 1)
    assert decoded[0].numpy().tolist() == K.eval(K.ctc_decode(P, STEPS)[0][0]).tolist()


def test_runs_of_labels_can_be_merged():
    p = np.full((1, 3, CLASSES), 0.01, "float32")
    p[0, [0, 1, 2], [0, 2, 0]] = 1  # a label, a blank, the label again
    for merge, wanted in ((False, [[0, 0]]), (True, [[0]])):
        decoded, _ = K.ctc_decode(p, [3], greedy=False, beam_width=5, merge_repeated=merge)
        assert K.eval(decoded[0]).tolist() == wanted


def test_a_beam_too_narrow_for_its_paths():
    with pytest.raises(ValueError, match="widen the beam"):
        K.eval(K.ctc_decode(P, STEPS, greedy=False, beam_width=2, top_paths=3)[1])


def test_sparse_labels():
    found = K.ctc_label_dense_to_sparse(np.array([[3, 4], [5, 6]]), np.array([[2], [1]]))
    assert K.is_sparse(found)
    assert K.eval(found).tolist() == [[3, 4], [5, 0]]

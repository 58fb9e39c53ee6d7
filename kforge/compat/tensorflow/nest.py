"""`tf.nest`: what nested lists, tuples and dictionaries hold, dictionaries in the order of keys."""

from ...symbolic import Symbolic

__all__ = ["assert_same_structure", "flatten", "is_nested", "map_structure", "pack_sequence_as"]


def is_nested(seq):
    """Whether something holds others."""
    return isinstance(seq, (list, tuple, dict)) and not isinstance(seq, Symbolic)


def flatten(structure, expand_composites=False):
    """All that is held, in a list."""
    if not is_nested(structure):
        return [structure]
    parts = [structure[k] for k in sorted(structure)] if isinstance(structure, dict) else structure
    return [leaf for part in parts for leaf in flatten(part)]


def pack_sequence_as(structure, flat_sequence, expand_composites=False):
    """A structure like another, holding these."""
    leaves = list(flat_sequence)
    if len(leaves) != len(flatten(structure)):
        raise ValueError(
            f"The structure has {len(flatten(structure))} elements, flat_sequence {len(leaves)}."
        )
    return _packed(structure, iter(leaves))


def _packed(structure, leaves):
    if not is_nested(structure):
        return next(leaves)
    if isinstance(structure, dict):
        found = {k: _packed(structure[k], leaves) for k in sorted(structure)}
        return type(structure)((k, found[k]) for k in structure)
    parts = [_packed(part, leaves) for part in structure]
    return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)


def map_structure(func, *structure, **kwargs):
    """What a function gives for what structures hold at one place, in such a structure."""
    columns = zip(*map(flatten, structure))
    return pack_sequence_as(structure[0], [func(*column) for column in columns])


def assert_same_structure(nest1, nest2, check_types=True, expand_composites=False):
    """Raises `ValueError` unless two structures are alike, `TypeError` where a kind differs."""
    if is_nested(nest1) != is_nested(nest2):
        raise ValueError(f"The two structures differ: {nest1!r} and {nest2!r}.")
    if not is_nested(nest1):
        return
    if check_types and type(nest1) is not type(nest2):
        raise TypeError(f"{type(nest1).__name__} and {type(nest2).__name__} are not alike.")
    same = len(nest1) == len(nest2)
    if isinstance(nest1, dict):
        same = set(nest1) == set(nest2)
    if not same:
        raise ValueError(f"The two structures differ: {nest1!r} and {nest2!r}.")
    pairs = [(nest1[k], nest2[k]) for k in nest1] if isinstance(nest1, dict) else zip(nest1, nest2)
    for a, b in pairs:
        assert_same_structure(a, b, check_types)

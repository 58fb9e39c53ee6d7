"""Nested structures: their leaves, and what a function makes of them."""

import collections

from kforge.trees import Holder, leaves, map_leaves

Pair = collections.namedtuple("Pair", "first second")


class Box(Holder):
    def __init__(self, content):
        self.content = content

    def mapped(self, function):
        return Box(function(self.content))


def test_leaves_come_in_order():
    tree = [1, (2, {"b": 3, "a": [4]}), slice(5, None, 6), Pair(7, Box([8, 9]))]
    assert leaves(tree) == [1, 2, 3, 4, 5, None, 6, 7, 8, 9]


def test_structures_keep_their_kinds():
    found = map_leaves(str, [1, (2, {"a": 3}), slice(4, 5, 6), Pair(7, Box(8))])
    assert found[:3] == ["1", ("2", {"a": "3"}), slice("4", "5", "6")]
    assert found[3].first == "7" and found[3].second.content == "8"

"""Places the nodes of a directed graph in ranks, so that edges run along and cross little.

Coordinates are (across, along): along the direction of edges, and across it. The method is that of
Sugiyama et al. (1981): ranks by longest paths, orders within ranks by barycentres, places by least
squares.
"""

import bisect
import itertools
from collections import defaultdict
from dataclasses import dataclass

__all__ = ["Layout", "arrange"]

_SWEEPS = 8
_STRAIGHTNESS = 8  # how much more than a node's place it matters that a long edge is straight


@dataclass
class Layout:
    """`places`: the middle of each node. `routes`: for each edge, where it leaves a node, pairs of
    points at which it runs straight through ranks, and where it arrives.
    """

    places: dict
    routes: list
    size: tuple


def arrange(sizes, edges, gaps, ports=None):
    """The `Layout` of nodes, {node: (across, along)}, with edges [(from, to), ...].

    `gaps`: (across, along) between nodes. `ports`: how far from the middle of its ends each edge
    is attached, [(across, across), ...]. An edge from a node to itself has an empty route.
    """
    forward = _acyclic(list(sizes), edges)
    ranks = _ranks(list(sizes), forward)
    chains = [[] if a == b else _chain(i, a, b, ranks) for i, (a, b) in enumerate(forward)]
    sizes = {**dict.fromkeys((n for c in chains for n in c[1:-1]), (0, 0)), **sizes}
    ports = ports or [(0, 0)] * len(edges)
    links = []  # (node, next node, how far to the right the second would stand below the first)
    for chain, edge, turned, (start, end) in zip(chains, edges, forward, ports):
        first, last = (start, end) if edge == turned else (end, start)
        for k, (a, b) in enumerate(itertools.pairwise(chain)):
            links.append((a, b, first * (k == 0) - last * (k == len(chain) - 2)))
    rows = _ordered(sizes, ranks, links)
    across = _across(rows, sizes, links, gaps[0])
    along, depths, length = _along(rows, sizes, gaps[1])
    routes = []
    for chain, edge, turned, (start, end) in zip(chains, edges, forward, ports):
        offsets = (start, end) if edge == turned else (end, start)
        route = _route(chain, offsets, across, along, depths, sizes) if chain else []
        routes.append(route if edge == turned else route[::-1])
    width = max((across[n] + sizes[n][0] / 2 for n in sizes), default=0)
    places = {n: (across[n], along[n]) for n in sizes if not isinstance(n, _Bend)}
    return Layout(places, routes, (width, length))


@dataclass(frozen=True)
class _Bend:
    """Where an edge passes a rank."""

    edge: int
    rank: int


def _acyclic(nodes, edges):
    """The edges, those turned round that would close a cycle."""
    after = defaultdict(list)
    for i, (a, b) in enumerate(edges):
        after[a].append((i, b))
    turned, done, active = set(), set(), set()
    for root in nodes:
        stack = [(root, iter(after[root]))] if root not in done else []
        active.update(n for n, _ in stack)
        while stack:
            node, rest = stack[-1]
            for i, other in rest:
                if other in active and other != node:
                    turned.add(i)
                elif other not in done and other not in active:
                    active.add(other)
                    stack.append((other, iter(after[other])))
                    break
            else:
                stack.pop()
                active.discard(node)
                done.add(node)
    return [(b, a) if i in turned else (a, b) for i, (a, b) in enumerate(edges)]


def _ranks(nodes, edges):
    """{node: rank}: one more than the last of those before it; sources just before what follows."""
    after, missing = defaultdict(list), dict.fromkeys(nodes, 0)
    for a, b in edges:
        if a != b:
            after[a].append(b)
            missing[b] += 1
    sources = [n for n in nodes if not missing[n]]
    ranks, ready = dict.fromkeys(nodes, 0), list(sources)
    for node in ready:
        for other in after[node]:
            ranks[other] = max(ranks[other], ranks[node] + 1)
            missing[other] -= 1
            if not missing[other]:
                ready.append(other)
    for node in sources:
        if after[node]:
            ranks[node] = min(ranks[other] for other in after[node]) - 1
    return ranks


def _chain(i, a, b, ranks):
    return [a, *(_Bend(i, rank) for rank in range(ranks[a] + 1, ranks[b])), b]


def _ordered(sizes, ranks, links):
    """The nodes of each rank, in an order with few crossings."""
    before, after = defaultdict(list), defaultdict(list)
    for a, b, _ in links:
        after[a].append(b)
        before[b].append(a)
    first, stack = {}, [n for n in reversed(sizes) if not before[n]]
    while stack:
        node = stack.pop()
        if node not in first:
            first[node] = len(first)
            stack.extend(reversed(after[node]))
    rows = defaultdict(list)
    for node in sorted(sizes, key=first.get):
        rows[node.rank if isinstance(node, _Bend) else ranks[node]].append(node)
    rows = [rows[rank] for rank in sorted(rows)]
    best, fewest = [list(row) for row in rows], _crossings(rows, after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            _sort_by_barycentre(row, rows, before if down else after)
        crossings = _crossings(rows, after)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _sort_by_barycentre(row, rows, neighbours):
    """Sorts a row by the mean position of neighbours; nodes that have none stay where they are."""
    position = {n: i for other in rows if other is not row for i, n in enumerate(other)}
    own = {n: i for i, n in enumerate(row)}

    def key(node):
        found = [position[n] for n in neighbours[node]]
        return sum(found) / len(found) if found else own[node]

    row.sort(key=key)


def _crossings(rows, after):
    """How many pairs of links cross."""
    total = 0
    for row, below in itertools.pairwise(rows):
        position = {n: i for i, n in enumerate(below)}
        seen = []
        for node in row:
            ends = sorted(position[n] for n in after[node])
            total += sum(len(seen) - bisect.bisect_right(seen, end) for end in ends)
            for end in ends:
                bisect.insort(seen, end)
    return total


def _across(rows, sizes, links, gap):
    """{node: place across}, near its neighbours' places, with the gap between nodes of a row."""
    above, below = defaultdict(list), defaultdict(list)
    for a, b, shift in links:
        weight = 1 + (_STRAIGHTNESS - 1) * (isinstance(a, _Bend) and isinstance(b, _Bend))
        above[b].append((a, shift, weight))
        below[a].append((b, -shift, weight))
    widths = {n: size[0] for n, size in sizes.items()}
    apart = [
        [(widths[a] + widths[b]) / 2 + gap for a, b in itertools.pairwise(row)] for row in rows
    ]
    places = {}
    for row, distances in zip(rows, apart):
        position = -sum(distances) / 2
        for node, distance in zip(row, [*distances, 0]):
            places[node] = position
            position += distance
    for sweep in range(2 * _SWEEPS + 1):  # down, up, ..., and down: chains are straight
        is_down = sweep % 2 == 0
        for row, distances in list(zip(rows, apart))[:: 1 if is_down else -1]:
            wishes, weights = [], []
            for node in row:
                near = (above if is_down else below)[node] or [(node, 0, 1)]
                total = sum(weight for _, _, weight in near)
                wishes.append(sum((places[n] + s) * w for n, s, w in near) / total)
                weights.append(_STRAIGHTNESS if isinstance(node, _Bend) else 1)
            places.update(zip(row, _spread(wishes, weights, distances)))
    left = min((places[n] - widths[n] / 2 for n in places), default=0)
    return {n: place - left for n, place in places.items()}


def _spread(wishes, weights, distances):
    """The places nearest to the wishes, by least squares, that keep their distances.

    Without the distances they only have to increase: neighbours that do not are pooled.
    """
    offsets = [0]
    for distance in distances:
        offsets.append(offsets[-1] + distance)
    pools = []  # [mean, weight, how many]
    for wish, weight, offset in zip(wishes, weights, offsets):
        pools.append([wish - offset, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, weight, count = pools.pop()
            before = pools[-1]
            total = before[1] + weight
            before[0] = (before[0] * before[1] + mean * weight) / total
            before[1:] = total, before[2] + count
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets)]


def _along(rows, sizes, gap):
    """({node: place along}, {node: how deep its rank is}, the whole length)."""
    places, depths, position = {}, {}, 0
    for row in rows:
        depth = max(sizes[n][1] for n in row)
        for node in row:
            places[node], depths[node] = position + depth / 2, depth
        position += depth + gap
    return places, depths, max(position - gap, 0)


def _route(chain, offsets, across, along, depths, sizes):
    first, last = chain[0], chain[-1]
    points = [(across[first] + offsets[0], along[first] + sizes[first][1] / 2)]
    if sizes[first][1] < depths[first]:
        points += [points[0], (points[0][0], along[first] + depths[first] / 2)]
    for node in chain[1:-1]:
        half = depths[node] / 2
        points += [(across[node], along[node] - half), (across[node], along[node] + half)]
    end = (across[last] + offsets[1], along[last] - sizes[last][1] / 2)
    if sizes[last][1] < depths[last]:
        points += [(end[0], along[last] - depths[last] / 2), end]
    return [*points, end]

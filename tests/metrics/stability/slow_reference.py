"""The stability measure written out step by step, for small masks: loops, dicts, no vector code."""

from __future__ import annotations

import heapq
import math
from collections import Counter

import numpy as np

STEPS = {"right": (0, 1), "down": (1, 0), "left": (0, -1), "up": (-1, 0)}


def is_foreground(mask, row, column):
    return 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and bool(mask[row, column])


def crack_edges(mask):
    """Vertex -> neighbouring vertices along crack edges."""
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def join(one, other):
        edges.setdefault(one, []).append(other)
        edges.setdefault(other, []).append(one)

    for row in range(mask.shape[0] + 1):
        for column in range(mask.shape[1] + 1):
            here = is_foreground(mask, row, column)
            if here != is_foreground(mask, row, column - 1):
                join((row, column), (row + 1, column))
            if here != is_foreground(mask, row - 1, column):
                join((row, column), (row, column + 1))
    return edges


def slow_pieces(mask):
    """Return the pieces as vertex lists in order of their numbers, and the junction numbers."""
    edges, visited, pieces = crack_edges(mask), set(), []
    junctions = {v: n for n, v in enumerate(sorted(v for v in edges if len(edges[v]) == 4), 1)}

    def walk(here, there):
        path = [here, there]
        visited.add(frozenset((here, there)))
        while path[-1] not in junctions:
            here, there = path[-2:]
            (onward,) = [v for v in edges[there] if v != here]
            visited.add(frozenset((there, onward)))
            path.append(onward)
        pieces.append(path)

    stack = [(s, name) for s in sorted(junctions) for name in ("right", "down", "left", "up")]
    while stack:
        (row, column), name = stack.pop()
        there = (row + STEPS[name][0], column + STEPS[name][1])
        if frozenset(((row, column), there)) not in visited:
            walk((row, column), there)
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1] + 1):
            here, there = (row, column), (row + 1, column)
            if there in edges.get(here, ()) and frozenset((here, there)) not in visited:
                junctions[here] = len(junctions) + 1
                walk(here, there)
    return pieces, junctions


def slow_loops(mask):
    """Join the pieces to closed lists of (row, column)."""
    pieces, junctions = slow_pieces(mask)
    unused = set(range(len(pieces)))

    def end_edge(number, k):
        path = pieces[number]
        (r0, c0), (r1, c1) = path[:2] if path[0] == k else path[-2:]
        return (r0 + r1) / 2, (c0 + c1) / 2

    def unused_at(k):
        return sorted(n for n in unused if k in (pieces[n][0], pieces[n][-1]))

    loops = []
    while unused:
        k = max((p for n in unused for p in (pieces[n][0], pieces[n][-1])), key=junctions.get)
        walk = []  # (start vertex, piece number)
        while True:
            choice = unused_at(k)
            number = choice[0]
            if walk and len(choice) > 1:
                ours, theirs = end_edge(walk[-1][1], k), end_edge(number, k)
                if ours[0] == theirs[0] or ours[1] == theirs[1]:
                    number = choice[1]
            unused.remove(number)
            walk.append((k, number))
            k = pieces[number][-1] if pieces[number][0] == k else pieces[number][0]
            begun = [start for start, _ in walk]
            if k in begun:
                cut = begun.index(k)
                loop = []
                for start, n in walk[cut:]:
                    loop += (pieces[n] if pieces[n][0] == start else pieces[n][::-1])[:-1]
                loops.append([*loop, k])
                del walk[cut:]
                if not walk:
                    break
    return loops


def slow_radial(points, tolerance):
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(point, kept[-1]) ** 2 >= tolerance**2 - 1e-9:
            kept.append(point)
    return [*kept, points[-1]]


def slow_douglas_peucker(points, tolerance):
    def squared_distance(p, a, b):
        v, w = (b[0] - a[0], b[1] - a[1]), (p[0] - a[0], p[1] - a[1])
        cw, cv = w[0] * v[0] + w[1] * v[1], v[0] * v[0] + v[1] * v[1]
        if cw <= 0:
            foot = a
        elif cv <= cw:
            foot = b
        else:
            fraction = float(np.float32(cw / cv))
            foot = (a[0] + fraction * v[0], a[1] + fraction * v[1])
        return (p[0] - foot[0]) * (p[0] - foot[0]) + (p[1] - foot[1]) * (p[1] - foot[1])

    if len(points) < 3:
        return points
    distances = [squared_distance(p, points[0], points[-1]) for p in points[1:-1]]
    farthest = max(range(len(distances)), key=lambda i: (distances[i], i))
    if distances[farthest] <= tolerance * tolerance:
        return [points[0], points[-1]]
    first = slow_douglas_peucker(points[: farthest + 2], tolerance)
    return first[:-1] + slow_douglas_peucker(points[farthest + 1 :], tolerance)


def slow_contours(mask):
    """Return (points as (row, column), is_hole) of all contours with more than 3 points."""
    contours = []
    for loop in slow_loops(mask):
        row, column = min(loop)
        is_hole = not is_foreground(mask, row, column)
        points = [(2 * r, 2 * c) for r, c in loop]
        for tolerance in (0.1, 3.0):
            points = slow_douglas_peucker(slow_radial(points, tolerance), tolerance)
        s = sum(
            (r1 - r0) * (c1 + c0) for (r0, c0), (r1, c1) in zip(points, points[1:], strict=False)
        )
        if (s > 0) == is_hole:
            points = points[::-1]
        if len(points) > 3:
            contours.append(([(r // 2, c // 2) for r, c in points], is_hole))
    return contours


def slow_samples(contour):
    """Return the resampled points as (x, y) in float32."""
    vertices = [np.float32((c, r)) for r, c in contour]
    samples = []
    for start, end in zip(vertices, vertices[1:], strict=False):
        step = end - start
        parts = max(1, math.ceil(np.sqrt(step[0] * step[0] + step[1] * step[1]) / np.float32(3)))
        step = step / np.float32(parts)
        for _ in range(parts):
            samples.append(start)
            start = start + step
    return np.array([*samples, vertices[-1]])


def slow_histograms(points):
    points = points.astype(np.float64).tolist()
    edges = np.logspace(math.log10(1 / 8), math.log10(2), 5).tolist()
    distances = [
        [math.sqrt((u - x) * (u - x) + (v - y) * (v - y)) for u, v in points] for x, y in points
    ]
    mean = math.fsum(map(math.fsum, distances)) / len(points) ** 2
    histograms = np.zeros((len(points), 60), int)
    for i, (x, y) in enumerate(points):
        for j, (u, v) in enumerate(points):
            ring = sum(distances[i][j] / mean < edge for edge in edges)
            turn = 2 * math.pi
            angle = math.fmod(math.fmod(math.atan2(v - y, u - x), turn) + turn, turn)
            sector = min(math.floor(angle / (turn / 12)), 11)
            if ring:
                histograms[i, (ring - 1) * 12 + sector] += 1
    return histograms


def slow_costs(first, second):
    eps = 2.2204e-16
    first, second = ([row / (row.sum() + eps) for row in h] for h in (first, second))
    return np.array([[0.5 * sum((a - b) ** 2 / (a + b + eps)) for b in second] for a in first])


def shortest_path_cost(costs):
    """Dijkstra's algorithm on the grid; a step costs what the node it leads to costs."""
    goal = (costs.shape[0] - 1, costs.shape[1] - 1)
    queue, done = [(0.0, (0, 0))], set()
    while queue:
        total, (i, j) = heapq.heappop(queue)
        if (i, j) == goal:
            return total
        if (i, j) in done:
            continue
        done.add((i, j))
        for node in ((i + 1, j), (i, j + 1), (i + 1, j + 1)):
            if node[0] <= goal[0] and node[1] <= goal[1]:
                heapq.heappush(queue, (total + costs[node], node))
    raise AssertionError("the goal cannot be reached")


def slow_path(costs):
    """Dynamic programme by nodes, diagonal before up before left; from the end to the start."""
    n1, n2 = costs.shape
    total = np.full((n1 + 1, n2 + 1), np.inf)  # one row and column of infinity in front
    total[1, 1] = 0
    for i in range(n1):
        for j in range(n2):
            if i or j:
                total[i + 1, j + 1] = costs[i, j] + min(
                    total[i, j], total[i, j + 1], total[i + 1, j]
                )
    path = [(n1 - 1, n2 - 1)]
    while path[-1] != (0, 0):
        i, j = path[-1]
        ways = [(i - 1, j - 1), (i - 1, j), (i, j - 1)]
        path.append(min(ways, key=lambda way: total[way[0] + 1, way[1] + 1]))
    return path


def slow_mean_matched_cost(costs):
    n1, n2 = costs.shape
    best = min(slow_path(costs)[:-1], key=lambda node: costs[node])
    rolled = np.roll(costs, (-best[0] - 1, -best[1] - 1), axis=(0, 1))
    pairs = [((i + best[0] + 1) % n1, (j + best[1] + 1) % n2) for i, j in slow_path(rolled)]
    of_row: dict[int, tuple[int, int]] = {}
    for pair in pairs:
        if pair[0] not in of_row or costs[pair] < costs[of_row[pair[0]]]:
            of_row[pair[0]] = pair
    of_column: dict[int, tuple[int, int]] = {}
    for pair in sorted(of_row.values()):
        if pair[1] not in of_column or costs[pair] < costs[of_column[pair[1]]]:
            of_column[pair[1]] = pair
    assert max(Counter(i for i, _ in of_column.values()).values()) == 1
    return math.fsum(costs[pair] for pair in of_column.values()) / len(of_column)


def slow_instability(mask_prev, mask_next):
    shapes = []
    for mask in (mask_prev, mask_next):
        contours = [points for points, _ in slow_contours(mask)]
        if not contours:
            return None
        most = max(range(len(contours)), key=lambda n: (len(contours[n]), n))
        shapes.append(slow_histograms(slow_samples(contours[most])))
    return slow_mean_matched_cost(slow_costs(*shapes))

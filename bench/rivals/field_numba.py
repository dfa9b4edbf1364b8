"""Gibbs sampling of a sparse Boltzmann machine with numpy and numba, written as their users write it: compiled loops over
neighbour lists; one chain by colours with prange over the units of a colour or site after site, whichever is faster here; many
chains with prange over chains. A piece of work for each line on stdin."""

import json
import os
import resource
import sys
import time

file, threads, chains, sweeps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
os.environ["NUMBA_NUM_THREADS"] = str(threads)

import numba
import numpy as np
from numba import njit, prange

with open(file) as handle:
    graph = json.load(handle)
UNITS = graph["units"]
EDGES = np.array(graph["edges"], dtype=np.int64)
WEIGHTS = np.array(graph["weights"], dtype=np.float32)
BIAS = np.array(graph["biases"], dtype=np.float32)


def neighbour_lists():
    """Neighbours as compressed rows."""
    ends = np.concatenate([EDGES[:, 0], EDGES[:, 1]])
    others = np.concatenate([EDGES[:, 1], EDGES[:, 0]])
    weights = np.concatenate([WEIGHTS, WEIGHTS])
    order = np.lexsort((others, ends))
    starts = np.zeros(UNITS + 1, dtype=np.int32)
    np.cumsum(np.bincount(ends, minlength=UNITS), out=starts[1:])
    return starts, others[order].astype(np.int32), weights[order]


STARTS, NEIGHBOURS, VALUES = neighbour_lists()


def colour_blocks():
    """Units by colour, greedily in falling order of degree, and where each colour starts."""
    colours = np.full(UNITS, -1)
    for unit in np.argsort(-np.diff(STARTS), kind="stable"):
        taken = set(colours[NEIGHBOURS[STARTS[unit] : STARTS[unit + 1]]])
        colour = 0
        while colour in taken:
            colour += 1
        colours[unit] = colour
    order = np.argsort(colours, kind="stable").astype(np.int32)
    firsts = np.zeros(colours.max() + 2, dtype=np.int32)
    np.cumsum(np.bincount(colours), out=firsts[1:])
    return order, firsts


ORDER, FIRSTS = colour_blocks()


@njit(fastmath=True)
def draw(state, unit, bias, starts, neighbours, values):
    x = bias[unit]
    for k in range(starts[unit], starts[unit + 1]):
        x += values[k] * state[neighbours[k]]
    return np.float32(np.random.random() < 1.0 / (1.0 + np.exp(-x)))


@njit(fastmath=True)
def run_sites(state, sweeps, bias, starts, neighbours, values):
    for _ in range(sweeps):
        for unit in range(state.size):
            state[unit] = draw(state, unit, bias, starts, neighbours, values)


@njit(parallel=True, fastmath=True)
def run_colours(state, sweeps, order, firsts, bias, starts, neighbours, values):
    for _ in range(sweeps):
        for colour in range(firsts.size - 1):
            for place in prange(firsts[colour], firsts[colour + 1]):
                unit = order[place]
                state[unit] = draw(state, unit, bias, starts, neighbours, values)


@njit(parallel=True, fastmath=True)
def run_chains(states, sweeps, bias, starts, neighbours, values):
    for chain in prange(states.shape[0]):
        run_sites(states[chain], sweeps, bias, starts, neighbours, values)


def fresh_states():
    return (np.random.random((chains, UNITS)) < 0.5).astype(np.float32)


def by_colours(state, count):
    run_colours(state, count, ORDER, FIRSTS, BIAS, STARTS, NEIGHBOURS, VALUES)


def by_sites(state, count):
    run_sites(state, count, BIAS, STARTS, NEIGHBOURS, VALUES)


def seconds_of(run):
    state = fresh_states()[0]
    run(state, 1)
    start = time.perf_counter()
    run(state, 200)
    return time.perf_counter() - start


FASTER = by_colours if threads > 1 and seconds_of(by_colours) < seconds_of(by_sites) else by_sites


def piece():
    states = fresh_states()
    if chains > 1:
        run_chains(states, sweeps, BIAS, STARTS, NEIGHBOURS, VALUES)
    else:
        FASTER(states[0], sweeps)
    return states


order = "chains" if chains > 1 else FASTER.__name__
print(json.dumps({"version": f"numba {numba.__version__}, numpy {np.__version__}, {order}"}), flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    result = piece()
    seconds = time.perf_counter() - start
    megabytes = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print(json.dumps({"seconds": seconds, "activity": float(result.mean()), "megabytes": megabytes}), flush=True)

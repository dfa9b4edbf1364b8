"""Annealed importance sampling of an RBM's log Z, all chains in one batch, as a PyTorch user writes it.

Answers each line on standard input with the seconds that a run took and its estimate.
Arguments: a file of float32 (weights as [hidden, visible], visible biases, hidden biases, base biases), the inverse
temperatures as float32, visible units, hidden units, chains, threads.
"""

import json
import math
import sys
import time

import numpy
import torch
from torch.nn.functional import softplus

model, temperatures = sys.argv[1:3]
visible, hidden, chains, threads = (int(word) for word in sys.argv[3:7])
torch.set_num_threads(threads)
torch.manual_seed(7)
numbers = torch.from_numpy(numpy.fromfile(model, dtype=numpy.float32))
weights, b, c, a = numbers.split([hidden * visible, visible, hidden, visible])
weights = weights.view(hidden, visible)
betas = numpy.fromfile(temperatures, dtype=numpy.float32).tolist()


@torch.no_grad()
def log_partition() -> float:
    log_weights = torch.zeros(chains, dtype=torch.float64)
    v = torch.bernoulli(torch.sigmoid(a).expand(chains, visible))
    for step, (low, high) in enumerate(zip(betas, betas[1:])):
        x = torch.addmm(c, v, weights.t())
        log_weights += (high - low) * (v @ (b - a)) + (softplus(high * x) - softplus(low * x)).sum(1)
        if step + 2 == len(betas):
            break
        h = torch.bernoulli(torch.sigmoid(high * x))
        v = torch.bernoulli(torch.sigmoid((1 - high) * a + high * torch.addmm(b, h, weights)))
    log_base = softplus(a.double()).sum() + hidden * math.log(2)
    return (log_base + torch.logsumexp(log_weights, 0) - math.log(chains)).item()


print(json.dumps({"version": f"PyTorch {torch.__version__}"}), flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    estimate = log_partition()
    print(json.dumps({"seconds": time.perf_counter() - start, "logPartition": estimate}), flush=True)

"""Trainers of a 784 x 500 machine on MNIST and its sampling, as a PyTorch user writes them: addmm, bernoulli, in-place updates.

Arguments: the idx file of images, threads, the name of a workload of ../workload.mjs.
"""

import sys

import torch
from data import serve, training_images

threads, name = int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(threads)
torch.manual_seed(7)
ROWS = 60_000 if name in ("cd1", "sampling") else 20_000
images = torch.from_numpy(training_images())[:ROWS].clone()
real = name in ("gaussian", "relu")
if real:
    images = (images - 0.1307) / 0.3081
visible, hidden, batch = 784, 500, 100
rate, momentum, cost = (1e-4, 0.5, 0.0) if real else (0.05, 0.5, 2e-4)
weights = torch.randn(visible, hidden) * 0.01
visible_bias, hidden_bias = torch.zeros(visible), torch.zeros(hidden)
weight_step = torch.zeros_like(weights)
visible_step, hidden_step = torch.zeros(visible), torch.zeros(hidden)
chains, temperatures = (20, 5) if name == "tempering" else (100, 1)
betas = torch.linspace(1, 0, temperatures) if temperatures > 1 else torch.ones(1)
persistent = torch.bernoulli(torch.full((temperatures * chains, hidden), 0.5))
scale = betas.repeat_interleave(chains).unsqueeze(1)
parity = 0


def hidden_given(v):
    """Means and states."""
    x = torch.addmm(hidden_bias, v, weights)
    if name == "relu":
        return torch.relu(x), torch.relu(x + torch.sqrt(torch.sigmoid(x)) * torch.randn_like(x))
    mean = torch.sigmoid(x)
    return mean, torch.bernoulli(mean)


def visible_given(h):
    x = torch.addmm(visible_bias, h, weights.t())
    return x + torch.randn_like(x) if real else torch.bernoulli(torch.sigmoid(x))


def divergence(h0_states, steps):
    h = h0_states
    for step in range(steps):
        v1 = visible_given(h)
        h1, h = hidden_given(v1)
    return v1, h1


def persist():
    global persistent
    v1 = visible_given(persistent)
    h1, persistent = hidden_given(v1)
    return v1, h1


def temper():
    """All temperatures in one batch, hottest last; then swaps of neighbours, every second pair in turn."""
    global persistent, parity
    v = torch.bernoulli(torch.sigmoid(scale * torch.addmm(visible_bias, persistent, weights.t())))
    x = torch.addmm(hidden_bias, v, weights)
    persistent = torch.bernoulli(torch.sigmoid(scale * x))
    energy = -(v @ visible_bias) - (x * persistent).sum(1)
    v3, h3 = v.view(temperatures, chains, visible), persistent.view(temperatures, chains, hidden)
    energy = energy.view(temperatures, chains)
    for low in range(parity, temperatures - 1, 2):
        ratio = (betas[low] - betas[low + 1]) * (energy[low] - energy[low + 1])
        swap = (torch.rand(chains) < torch.exp(ratio)).nonzero().squeeze(1)
        for state in (v3, h3):
            state[low, swap], state[low + 1, swap] = state[low + 1, swap].clone(), state[low, swap].clone()
    parity ^= 1
    v1 = v3[0]
    return v1, torch.sigmoid(torch.addmm(hidden_bias, v1, weights))


@torch.no_grad()
def epoch() -> float:
    activity = 0.0
    order = torch.randperm(ROWS)
    for first in range(0, ROWS, batch):
        v0 = images[order[first : first + batch]]
        if not real:
            v0 = torch.bernoulli(v0)
        h0, states = hidden_given(v0)
        if name == "pcd":
            v1, h1 = persist()
        elif name == "tempering":
            v1, h1 = temper()
        else:
            v1, h1 = divergence(states, 10 if name == "cd10" else 1)
        count = v1.shape[0]
        weight_step.mul_(momentum)
        weight_step.addmm_(v0.t(), h0, alpha=rate / batch).addmm_(v1.t(), h1, alpha=-rate / count)
        if cost:
            weight_step.add_(weights, alpha=-rate * cost)
        weights.add_(weight_step)
        visible_step.mul_(momentum).add_(v0.mean(0) - v1.mean(0), alpha=rate)
        visible_bias.add_(visible_step)
        hidden_step.mul_(momentum).add_(h0.mean(0) - h1.mean(0), alpha=rate)
        hidden_bias.add_(hidden_step)
        activity += h0.mean().item()
    return activity / (ROWS / batch)


@torch.no_grad()
def sample() -> float:
    v = torch.bernoulli(torch.sigmoid(visible_bias).expand(1000, visible))
    for _ in range(1000):
        h = torch.bernoulli(torch.sigmoid(torch.addmm(hidden_bias, v, weights)))
        mean = torch.sigmoid(torch.addmm(visible_bias, h, weights.t()))
        v = torch.bernoulli(mean)
    return mean.mean().item()


if name == "sampling":
    epoch()
serve(sample if name == "sampling" else epoch, f"PyTorch {torch.__version__}")

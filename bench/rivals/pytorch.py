"""CD-1 on MNIST, 784 x 500, batch 100, as a PyTorch user writes it: addmm, bernoulli, in-place updates."""

import sys

import torch
from data import serve, training_images

torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(7)
images = torch.from_numpy(training_images())
rows, visible, hidden, batch = images.shape[0], 784, 500, 100
rate, momentum, cost = 0.05, 0.5, 2e-4
weights = torch.randn(visible, hidden) * 0.01
visible_bias, hidden_bias = torch.zeros(visible), torch.zeros(hidden)
weight_step = torch.zeros_like(weights)
visible_step, hidden_step = torch.zeros(visible), torch.zeros(hidden)


@torch.no_grad()
def epoch() -> float:
    activity = 0.0
    order = torch.randperm(rows)
    for first in range(0, rows, batch):
        v0 = torch.bernoulli(images[order[first : first + batch]])
        h0 = torch.sigmoid(torch.addmm(hidden_bias, v0, weights))
        h0_states = torch.bernoulli(h0)
        v1 = torch.bernoulli(torch.sigmoid(torch.addmm(visible_bias, h0_states, weights.t())))
        h1 = torch.sigmoid(torch.addmm(hidden_bias, v1, weights))
        weight_step.mul_(momentum)
        weight_step.addmm_(v0.t(), h0, alpha=rate / batch).addmm_(v1.t(), h1, alpha=-rate / batch)
        weight_step.add_(weights, alpha=-rate * cost)
        weights.add_(weight_step)
        visible_step.mul_(momentum).add_((v0 - v1).mean(0), alpha=rate)
        visible_bias.add_(visible_step)
        hidden_step.mul_(momentum).add_((h0 - h1).mean(0), alpha=rate)
        hidden_bias.add_(hidden_step)
        activity += h0.mean().item()
    return activity / (rows / batch)


serve(epoch, f"PyTorch {torch.__version__}")

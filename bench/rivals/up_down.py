"""Up-down (contrastive wake-sleep) of 784-500-500 with 10 labels under 2000 on MNIST, as a PyTorch user writes it.

The algorithm of Hinton, Osindero and Teh (2006), appendix B, with 3 Gibbs steps: what ../workload.mjs does, after one epoch of
CD-1 for each machine. Arguments: the idx file of images (its labels lie beside it), threads, the name of the workload.
"""

import sys

import torch
from data import serve, training_images, training_labels

torch.set_num_threads(int(sys.argv[2]))
torch.manual_seed(7)
ROWS, BATCH, STEPS = 20_000, 100, 3
images = torch.from_numpy(training_images())[:ROWS].clone()
numbers = torch.from_numpy(training_labels())[:ROWS]
labels = torch.nn.functional.one_hot(numbers, 10).float()


class Layer:
    """Weights and the bias of what they lead to, with their velocities."""

    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias
        self.weight_step, self.bias_step = torch.zeros_like(weights), torch.zeros_like(bias)

    def learn(self, cause, slope, rate, momentum, cost=0.0):
        """Delta rule: cause times (effect less prediction)."""
        self.move(cause.t() @ slope / BATCH, slope.mean(0), rate, momentum, cost)

    def move(self, gradient, bias_gradient, rate, momentum, cost=0.0):
        self.weight_step.mul_(momentum).add_(gradient, alpha=rate).add_(self.weights, alpha=-rate * cost)
        self.weights.add_(self.weight_step)
        self.bias_step.mul_(momentum).add_(bias_gradient, alpha=rate)
        self.bias.add_(self.bias_step)

    def means(self, x):
        return torch.sigmoid(torch.addmm(self.bias, x, self.weights))


def layer(lower, upper):
    return Layer(torch.randn(lower, upper) * 0.01, torch.zeros(upper))


up = [layer(784, 500), layer(500, 500), layer(510, 2000)]
down_bias = [torch.zeros(784), torch.zeros(500), torch.zeros(510)]


def draw(means):
    return torch.bernoulli(means)


def lower_given(top, states):
    """Units and labels under the topmost layer: one softmax group beside binary ones."""
    x = torch.addmm(top_bias.bias, states, top.weights.t())
    binary = draw(torch.sigmoid(x[:, :500]))
    group = torch.nn.functional.one_hot(torch.multinomial(torch.softmax(x[:, 500:], 1), 1).squeeze(1), 10)
    return torch.cat([binary, group.float()], 1)


def greedy():
    """One epoch of CD-1 for each machine, means passed up."""
    for index, machine in enumerate(up):
        bias = Layer(torch.zeros(1), down_bias[index])
        for rows in torch.randperm(ROWS).split(BATCH):
            v0 = images[rows]
            for below in up[:index]:
                v0 = below.means(v0)
            if index == 2:
                v0 = torch.cat([v0, labels[rows]], 1)
            h0 = machine.means(v0)
            v1 = torch.sigmoid(torch.addmm(bias.bias, draw(h0), machine.weights.t()))
            h1 = machine.means(v1)
            machine.move((v0.t() @ h0 - v1.t() @ h1) / BATCH, (h0 - h1).mean(0), 0.1, 0.5)
            bias.move(torch.zeros(1), (v0 - v1).mean(0), 0.1, 0.5)


greedy()
top, recognition = up[2], up[:2]
top_bias = Layer(torch.zeros(1), down_bias[2])
generation = [Layer(up[0].weights.t().clone(), down_bias[0]), Layer(up[1].weights.t().clone(), down_bias[1])]


def epoch() -> float:
    activity = 0.0
    for rows in torch.randperm(ROWS).split(BATCH):
        v = images[rows]
        # Wake.
        h1 = draw(recognition[0].means(v))
        h2 = draw(recognition[1].means(h1))
        lower = torch.cat([h2, labels[rows]], 1)
        h3 = top.means(lower)
        activity += h3.mean().item()
        # Gibbs sampling in the topmost machine.
        states = draw(h3)
        for _ in range(STEPS):
            dream = lower_given(top, states)
            means = top.means(dream)
            states = draw(means)
        # Sleep.
        h2_dream = dream[:, :500]
        h1_dream = draw(generation[1].means(h2_dream))
        v_dream = generation[0].means(h1_dream)
        # Predictions, then the delta rules and contrastive divergence.
        generation[0].learn(h1, v - generation[0].means(h1), 0.01, 0.5)
        generation[1].learn(h2, h1 - generation[1].means(h2), 0.01, 0.5)
        gradient = (lower.t() @ h3 - dream.t() @ means) / BATCH
        top.move(gradient, (h3 - means).mean(0), 0.01, 0.5, 2e-4)
        top_bias.move(torch.zeros(1), (lower - dream).mean(0), 0.01, 0.5)
        predicted = [recognition[0].means(v_dream), recognition[1].means(h1_dream)]
        recognition[0].learn(v_dream, h1_dream - predicted[0], 0.01, 0.5)
        recognition[1].learn(h1_dream, h2_dream - predicted[1], 0.01, 0.5)
    return activity / (ROWS / BATCH)


serve(epoch, f"PyTorch {torch.__version__}")

"""Backpropagation through 784-500-500-2000-10 on MNIST as a PyTorch user writes it: nn.Sequential, cross-entropy, SGD.

Arguments: the idx file of images (its labels lie beside it), threads, the name of a workload of ../workload.mjs.
"""

import sys

import torch
from data import serve, training_images, training_labels
from torch import nn

threads, name = int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(threads)
torch.manual_seed(7)
ROWS, BATCH = 20_000, 100
images = torch.from_numpy(training_images())[:ROWS].clone()
labels = torch.from_numpy(training_labels())[:ROWS]
activation = nn.ReLU if name == "backprop-relu" else nn.Sigmoid
dropout = name == "backprop-dropout"
sizes = [784, 500, 500, 2000]
layers: list[nn.Module] = [nn.Dropout(0.2)] if dropout else []
for below, above in zip(sizes, sizes[1:]):
    layers += [nn.Linear(below, above), activation()] + ([nn.Dropout(0.5)] if dropout else [])
model = nn.Sequential(*layers, nn.Linear(2000, 10))
loss_of = nn.CrossEntropyLoss()
optimiser = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def epoch() -> float:
    total = 0.0
    order = torch.randperm(ROWS)
    for first in range(0, ROWS, BATCH):
        rows = order[first : first + BATCH]
        optimiser.zero_grad()
        loss = loss_of(model(images[rows]), labels[rows])
        loss.backward()
        optimiser.step()
        total += loss.item()
    return total / (ROWS / BATCH)


serve(epoch, f"PyTorch {torch.__version__}")

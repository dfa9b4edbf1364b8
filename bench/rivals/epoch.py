"""One epoch of SGD through 784-500-10 from given weights, on given rows in a given order, in PyTorch; parameters come back.

Arguments: a folder with images.npy, labels.npy, order.npy and w1.npy, b1.npy, w2.npy, b2.npy ([units, units below]); batch,
rate, momentum. Writes the parameters as after-*.npy.
"""

import sys

import numpy
import torch

folder, batch, rate, momentum = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
images, labels, order = (numpy.load(f"{folder}/{name}.npy") for name in ("images", "labels", "order"))
images, labels = torch.from_numpy(images), torch.from_numpy(labels.astype(numpy.int64).ravel())
order = torch.from_numpy(order.astype(numpy.int64).ravel())
names = ("w1", "b1", "w2", "b2")
model = torch.nn.Sequential(torch.nn.Linear(784, 500), torch.nn.Sigmoid(), torch.nn.Linear(500, 10))
with torch.no_grad():
    for parameter, name in zip(model.parameters(), names):
        parameter.copy_(torch.from_numpy(numpy.load(f"{folder}/{name}.npy")).view_as(parameter))
optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=momentum)
for first in range(0, len(order), batch):
    rows = order[first : first + batch]
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(model(images[rows]), labels[rows]).backward()
    optimiser.step()
for parameter, name in zip(model.parameters(), names):
    numpy.save(f"{folder}/after-{name}.npy", parameter.detach().numpy())
print(torch.__version__)

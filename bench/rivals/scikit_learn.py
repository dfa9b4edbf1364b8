"""scikit-learn's BernoulliRBM (persistent CD-1, no momentum, no weight cost), float32, pixels binarised each epoch."""

import sys

import numpy
import sklearn
from data import serve, training_images
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits

threadpool_limits(int(sys.argv[2]))
random = numpy.random.RandomState(7)
images = training_images()
model = BernoulliRBM(n_components=500, learning_rate=0.05, batch_size=100, random_state=random)


def epoch() -> float:
    states = (random.random_sample(images.shape).astype(numpy.float32) < images).astype(numpy.float32)
    states = states[random.permutation(len(states))]
    for first in range(0, len(states), 100):
        model.partial_fit(states[first : first + 100])
    return float(model.transform(states[:1000]).mean())


serve(epoch, f"scikit-learn {sklearn.__version__}")

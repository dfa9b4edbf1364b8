"""MNIST training pixels as float32 in [0, 1] and their labels, from idx files named on the command line."""

import sys

import numpy


def training_images() -> numpy.ndarray:
    with open(sys.argv[1], "rb") as file:
        return numpy.frombuffer(file.read(), dtype=numpy.uint8, offset=16).reshape(-1, 784).astype(numpy.float32) / 255


def training_labels() -> numpy.ndarray:
    """Labels as int64, from the idx file beside that of the pixels."""
    with open(sys.argv[1].replace("images-idx3", "labels-idx1"), "rb") as file:
        return numpy.frombuffer(file.read(), dtype=numpy.uint8, offset=8).astype(numpy.int64)


def serve(epoch, version: str) -> None:
    """Answers each line on standard input with the time of one piece of work, what it gives, and the most memory held."""
    import json
    import resource
    import time

    print(json.dumps({"version": version}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        activity = epoch()
        seconds = time.perf_counter() - start
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({"seconds": seconds, "activity": activity, "megabytes": megabytes}), flush=True)

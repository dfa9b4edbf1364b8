"""MNIST training pixels as float32 in [0, 1], from an idx file named on the command line."""

import sys

import numpy


def training_images() -> numpy.ndarray:
    with open(sys.argv[1], "rb") as file:
        return numpy.frombuffer(file.read(), dtype=numpy.uint8, offset=16).reshape(-1, 784).astype(numpy.float32) / 255


def serve(epoch, version: str) -> None:
    """Answers each line on standard input with the time of one epoch and the mean hidden activity."""
    import json
    import time

    print(json.dumps({"version": version}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        activity = epoch()
        print(json.dumps({"seconds": time.perf_counter() - start, "activity": activity}), flush=True)

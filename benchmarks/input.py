"""How long it takes from TensorFlow's import to the first batch of MNIST, and per batch then.

Median milliseconds of a class-balanced batch of 256 from memory, unchanged and augmented by
`affine`, taken one after the other.

    python benchmarks/input.py [--batches 200]
"""

import argparse
import statistics
import time

from kerasaug.runtime import limit_threads, quiet_tensorflow

quiet_tensorflow()


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=200)
    count = parser.parse_args().batches
    start = time.perf_counter()
    from kerasaug import data

    limit_threads()
    mnist = data.load("mnist").reduce({"5": 54}).cache()
    next(iter(mnist.batches(256, balanced=True)))
    print(f"first batch after {time.perf_counter() - start:.1f} s")
    for name, augment in (("unchanged", None), ("affine", data.affine)):
        batches = iter(mnist.batches(256, balanced=True, augment=augment))
        next(batches)
        seconds = []
        for _ in range(count):
            start = time.perf_counter()
            next(batches)
            seconds.append(time.perf_counter() - start)
        print(f"{name:12}{1000 * statistics.median(seconds):6.2f} ms per batch of 256")


if __name__ == "__main__":
    main()

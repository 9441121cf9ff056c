"""Trials per minute on a Dask cluster of one worker with one thread, and of two.

Starts a scheduler and the workers here, and runs the same trials of the quick study on both, each
in a folder of its own. The time is that of the whole study, with the start of every trial's
process.

    python benchmarks/cluster.py [--seeds 4]

Needs dask: pip install -e ".[dask]".
"""

import argparse
import tempfile
import time

from kerasaug.runtime import quiet_tensorflow

ARMS = "none,balanced+affine"


def main() -> None:
    """The entry point."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4)
    seeds = parser.parse_args().seeds
    quiet_tensorflow()
    rates = {workers: trials_per_minute(workers, seeds) for workers in (1, 2)}
    for workers, rate in rates.items():
        print(f"{workers} worker(s): {rate:.2f} trials per minute, {rate / rates[1]:.2f} times")


def trials_per_minute(workers, seeds):
    """Runs the trials on as many workers."""
    import distributed
    import studies

    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
    ):
        study = studies.quick(folder, seeds=seeds, arms=ARMS, latent_map=False)
        start = time.perf_counter()
        results = study.run(scheduler=cluster.scheduler_address)
        minutes = (time.perf_counter() - start) / 60.0
    return sum(len(arm["trainings"]) for arm in results["arms"].values()) / minutes


if __name__ == "__main__":
    main()

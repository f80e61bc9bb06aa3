"""A Dask cluster of two worker processes on this machine: prints its address, ends with its input.

Started by tests as a program of its own, as Dask's threads and warnings are no business of theirs.
After each line of input it prints the workers' process ids.
"""

import sys


def main() -> None:
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        silence_logs=50,
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        for _ in sys.stdin:
            print(*(nanny.pid for nanny in cluster.workers.values() if nanny.pid), flush=True)


if __name__ == "__main__":
    main()

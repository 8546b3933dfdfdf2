"""A real Celery worker, and the task that it runs.

Run it with `python -m support.celery_app HOST TOKEN FOLDER`, where the folder is for
results; it prints what the task returned.
"""

import sys
from pathlib import Path

from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.exceptions import SoftTimeLimitExceeded

from at_client import ApiClient, Configuration, CreditsApi


def report(host: str, token: str) -> str:
    """Fetch the credits, and clean up when the task's soft time limit has passed."""
    try:
        with ApiClient(Configuration(host, token)) as client:
            CreditsApi(client).get_credits(timeout=20)
    except SoftTimeLimitExceeded:
        return "cleaned up"
    return "in time"


def main() -> None:
    """Run the task in a process of the worker, which soft time limits need."""
    host, token, folder = sys.argv[1:]
    results = Path(folder).as_uri()
    app = Celery("tests", broker="memory://", backend=results)
    task = app.task(report, soft_time_limit=0.5)

    with start_worker(
        app,
        pool="prefork",
        concurrency=1,
        perform_ping_check=False,
    ) as worker:
        print(task.delay(host, token).get(timeout=20))
        worker.terminate()


if __name__ == "__main__":
    main()

"""A Celery application whose queue and results are files, and its worker.

Run the worker with `python -m support.celery_app FOLDER`.
"""

import sys
from pathlib import Path

from celery import Celery
from celery.exceptions import SoftTimeLimitExceeded

from at_client import ApiClient, Configuration, CreditsApi


def make_app(folder: Path) -> Celery:
    """Make the application; whoever makes it with the same folder shares its queue."""
    app = Celery("tests", broker="filesystem://", backend=folder.as_uri())

    queue = folder / "queue"
    queue.mkdir(exist_ok=True)
    app.conf.broker_transport_options = {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(folder / "control"),
        "polling_interval": 0.02,
    }
    app.task(report, name="report", soft_time_limit=0.5)

    return app


def report(host: str, token: str) -> str:
    """Fetch the credits, and clean up when the task's soft time limit has passed."""
    try:
        with ApiClient(Configuration(host, token)) as client:
            CreditsApi(client).get_credits(timeout=20)
    except SoftTimeLimitExceeded:
        return "cleaned up"
    return "in time"


def main() -> None:
    """Work on the tasks of the folder that is named on the command line."""
    app = make_app(Path(sys.argv[1]))
    plain = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", "--pool=prefork", "--concurrency=1", *plain])


if __name__ == "__main__":
    main()

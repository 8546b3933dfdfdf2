"""A real rq worker on a Redis of its own, and the job that it runs.

Run it with `python -m support.rq_worker HOST TOKEN`; it prints what the job returned.
"""

import sys

import fakeredis
from rq import Queue, SimpleWorker
from rq.timeouts import JobTimeoutException

from at_client import ApiClient, Configuration, CreditsApi


def report(host: str, token: str) -> str:
    """Fetch the credits, and clean up when the job's time is over."""
    try:
        with ApiClient(Configuration(host, token)) as client:
            CreditsApi(client).get_credits(timeout=20)
    except JobTimeoutException:
        return "cleaned up"
    return "in time"


def main() -> None:
    """Put a job with a time limit of a second on a queue, and work it off."""
    redis = fakeredis.FakeStrictRedis()
    queue = Queue(connection=redis)
    host, token = sys.argv[1:]
    job = queue.enqueue("support.rq_worker.report", host, token, job_timeout=1)
    SimpleWorker([queue], connection=redis).work(burst=True)
    print(job.return_value())


if __name__ == "__main__":
    main()

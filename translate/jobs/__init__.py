"""Training as processes of their own, which outlive whoever started them; the command line and the page share them.

A job is a run's folder with a job.json in it: what to train, the process that does, how far it came. Jobs wait for one
accelerator; each waits for itself, so that no server has to live for the next one to begin.
"""

from translate.jobs.control import delete, pause, resume, start, stop
from translate.jobs.progress import Progress, as_json, duration, progress, sheets, tail
from translate.jobs.record import ACTIVE, Job, find, jobs

__all__ = [
    "ACTIVE",
    "Job",
    "Progress",
    "as_json",
    "delete",
    "duration",
    "find",
    "jobs",
    "pause",
    "progress",
    "resume",
    "sheets",
    "start",
    "stop",
    "tail",
]

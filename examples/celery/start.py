"""Start web, worker and beat on this machine; Ctrl-C ends all three."""

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PORT = os.environ.get("PORT", "8000")
CELERY = [sys.executable, "-m", "celery", "-A", "celery_app:celery_app"]
COMMANDS = [
    [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{PORT}", "celery_app:app"],
    [*CELERY, "worker", "--concurrency", "2", "--loglevel", "warning"],
    [*CELERY, "beat", "--loglevel", "warning", "--schedule", "/tmp/ycloud-beat"],  # noqa: S108
]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    running = [subprocess.Popen(command, cwd=HERE) for command in COMMANDS]  # noqa: S603
    print(
        f"Deliveries go to http://127.0.0.1:{PORT}/ycloud/webhook; Ctrl-C ends.", flush=True
    )
    try:
        for process in running:
            process.wait()
    except KeyboardInterrupt:
        pass  # they got it, too
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


if __name__ == "__main__":
    main()

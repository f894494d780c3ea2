"""Start web, worker and beat on this machine; stop all when one exits, or at Ctrl-C."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
PORT = os.environ.get("PORT", "8000")
PYTHON = [sys.executable, "-m"]
CELERY = [*PYTHON, "celery", "-A", "celery_app:celery_app"]


def commands(folder: str) -> dict[str, list[str]]:
    """Return the commands. Beat unpickles its schedule, so the folder must be private."""
    return {
        "web": [*PYTHON, "gunicorn", "-b", f"127.0.0.1:{PORT}", "celery_app:app"],
        "worker": [*CELERY, "worker", "--concurrency", "2", "--loglevel", "warning"],
        "beat": [*CELERY, "beat", "--loglevel", "warning", "--schedule", f"{folder}/beat"],
    }


def run(folder: str) -> str | None:
    """Run the commands until one exits, and return its name; ``None`` after Ctrl-C."""
    running = {
        name: subprocess.Popen(command, cwd=HERE)  # noqa: S603
        for name, command in commands(folder).items()
    }
    url = f"http://127.0.0.1:{PORT}/ycloud/webhook"
    print(f"Deliveries go to {url}; Ctrl-C stops them.", flush=True)
    try:
        while True:
            for name, process in running.items():
                if process.poll() is not None:
                    return name
            time.sleep(0.2)
    except KeyboardInterrupt:
        return None  # the processes got the signal, too
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.wait()


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="ycloud-beat-") as folder:  # mode 0700
        ended = run(folder)
    if ended is not None:
        sys.exit(f"The {ended} exited, so the others were stopped, too. Its log says why.")


if __name__ == "__main__":
    main()

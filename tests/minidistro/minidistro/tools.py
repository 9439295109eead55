"""Running programs."""

import subprocess

from . import Trouble


def run(*command: str) -> str:
    """Runs a program and gives its standard output; its own last words are the error's."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise Trouble(f"{command[0]} is missing: run `tests/deps demo`, which installs what is needed") from None
    if done.returncode:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-12:])
        raise Trouble(f"`{' '.join(command[:4])} ...` failed:\n{said}")
    return done.stdout

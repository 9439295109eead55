"""dnf in a terminal, with somebody at it."""

import os
import pty
import re
import select
import subprocess
import threading

IN_A_TERMINAL = 'trap : INT; "$@"; echo "ended with $?"; read _'
"""dnf, and after it a shell that keeps the terminal: what was shown is lost when the last program in it ends."""


def interrupted(dnf, question, *arguments):
    """Runs dnf in a terminal, presses Ctrl-C when it asks, and returns the exit code and all that was shown."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", "sh", "-c", IN_A_TERMINAL, "sh", *dnf.command(*arguments)],
        stdin=theirs, stdout=theirs, stderr=theirs, env=dnf.environment,
    )
    os.close(theirs)
    alarm = threading.Timer(60, process.kill)
    alarm.start()
    shown = b""
    try:
        while not (ended := re.search(rb"ended with ([0-9]+)\r\n", shown)):
            if select.select([ours], [], [], 0.5)[0]:
                shown += os.read(ours, 4096)
            elif question in shown:
                # Python loses a signal that comes between the question and its wait for the answer: so once more, as users do.
                os.write(ours, b"\x03")
    finally:
        alarm.cancel()
        os.close(ours)
        process.kill()
        process.wait()
    assert question in shown, shown
    return int(ended[1]), shown.decode()

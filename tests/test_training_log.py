"""The log of a training: what TensorBoard reads of it, and a disk without room."""

import os
import subprocess
import sys
from pathlib import Path

import duchenne
from duchenne.training.run.log import Logbook

FULL = """
import resource, signal, sys
from pathlib import Path
from duchenne.errors import TrainingError
from duchenne.training.run.log import Logbook
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
log = Logbook(Path(sys.argv[1]), 0, True)
try:
    for step in range(3000):
        log.write(step, loss=1.0)
    log.close()
except TrainingError as error:
    print(error)
"""


def test_a_full_disk_is_an_error_and_not_a_wait_for_ever(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(duchenne.__file__).parents[1])}
    command = [sys.executable, "-c", FULL, str(tmp_path / "log")]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert "cannot be written: File too large. Make room" in ended.stdout
    assert "Traceback" not in ended.stderr


def test_a_run_that_goes_on_tells_what_it_wrote_before_to_drop(tmp_path):
    for first in (0, 7):
        log = Logbook(tmp_path / str(first), first, True)
        log.write(first, loss=0.5, score=None)
        log.close()
    events = [_events(next((tmp_path / str(first)).iterdir())) for first in (0, 7)]
    assert [e.HasField("session_log") for e in events[0]] == [False, False]
    assert [(e.step, e.HasField("session_log")) for e in events[1]] == [(0, False), (7, True), (7, False)]
    (value,) = events[1][2].summary.value
    assert (value.tag, value.simple_value) == ("loss", 0.5)


def _events(path):
    """Read records as TensorBoard does: length, checksum, event, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        size = int.from_bytes(data[place : place + 8], "little")
        found.append(Event.FromString(data[place + 12 : place + 12 + size]))
        place += size + 16
    return found

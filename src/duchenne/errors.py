"""Every error that the toolkit raises on purpose.

    DuchenneError
    ├── UsageError          the request is wrong (unknown AU, threshold of 2)      exit code 2
    ├── MediaError          a picture, a video or a camera cannot be read          exit code 1
    ├── OutputError         a result cannot be written (no folder, disk full)      exit code 1
    ├── LandmarkError       landmarks carry no scale or are not finite             exit code 1
    ├── DeviceError         a device that was asked for cannot be used here        exit code 1
    ├── WeightsError        a weights file is missing, altered or of another kind  exit code 1
    ├── SynthesisError      a head cannot be drawn as asked, or its data is absent exit code 1
    ├── DatasetError        a data set or a prepared store cannot be used          exit code 1
    ├── TrainingError       training data or a checkpoint cannot be used           exit code 1
    ├── EvaluationError     scores or runs cannot be evaluated or reported         exit code 1
    ├── ParquetError        a Parquet file is damaged, or is none                  exit code 1
    ├── ClusterError        the machines of a cluster cannot do the work           exit code 1
    ├── StudyError          results, codes or people do not go together            exit code 1
    └── MissingExtraError   a library is not installed that only this work needs   exit code 1

Messages name what was found, what was expected and what to do about it.
"""


class DuchenneError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(DuchenneError):
    """The request itself is wrong."""

    exit_code = 2


class MediaError(DuchenneError):
    """A picture, a video or a camera cannot be read."""


class PictureWarning(UserWarning):
    """What a reader of the numbers should know of how a picture was read and searched; `Frame.notes` in warnings."""


class OutputError(DuchenneError):
    """A result cannot be written."""


class LandmarkError(DuchenneError):
    """Landmarks carry no scale or are not finite."""


class DeviceError(DuchenneError):
    """A device that was asked for by name cannot compute networks, or decode videos, here."""


class DeviceWarning(UserWarning):
    """A device is installed and does not start, or there is none, so that another was taken."""


class WeightsError(DuchenneError):
    """A weights file is missing, altered or of another kind."""


class SynthesisError(DuchenneError):
    """A head cannot be drawn as asked, or the data to draw it from is absent."""


class DatasetError(DuchenneError):
    """A data set, its labels or a prepared store cannot be used."""


class TrainingError(DuchenneError):
    """Training data or a checkpoint cannot be used."""


class EvaluationError(DuchenneError):
    """Scores or runs cannot be evaluated or reported."""


class ParquetError(DuchenneError):
    """A Parquet file is damaged, is none, or lacks a column."""


class MissingExtraError(DuchenneError):
    """A library is not installed that only this work needs; the message names the extra that brings it."""


class ClusterError(DuchenneError):
    """The machines of a cluster cannot do the work, or read other sources than this one."""


class StudyError(DuchenneError):
    """A result, codes or a table of people cannot be used, or do not go together."""

"""What can go wrong with an index, one class per thing a caller does differently.

    WherefromError
    ├── InputError            the text, query or file given is unusable: change it       (exit 2)
    │   └── QueryError        a search query does not parse; carries the column
    ├── UnusableIndex           the index cannot be used
    │   ├── IndexNotFound     nothing is there: build it                                 (exit 3)
    │   ├── IndexTooNew       written by a later Wherefrom: upgrade                      (exit 3)
    │   ├── IndexCorrupt      bytes are not what was written: rebuild or restore         (exit 3)
    │   ├── SpecMismatch      fingerprints of another spec: reindex                      (exit 3)
    │   └── IndexLocked       another process writes: wait for it                        (exit 3)
    ├── DocumentNotFound      no document of this id: look the id up again               (exit 2)
    ├── AccessRefused         a cluster or hub does not let us in: change credentials, certificate  (exit 2)
    ├── BackendUnavailable    a server or cluster does not answer: retry                 (exit 3)
    ├── OutOfSpace            the disk is full: free some and run again                  (exit 3)
    ├── WorkerLost            a process of the run was killed: run again, it goes on     (exit 3)
    └── TimedOut              the time limit passed first: raise it or ask for less      (exit 4)

A message says where, what was got, what was wanted, and what to do.
"""


class WherefromError(Exception):
    """Root of every error that Wherefrom raises on purpose; `exit_code` is what a command ends with."""

    exit_code = 3


class InputError(WherefromError):
    """The text, file or option given cannot be used as it is."""

    exit_code = 2


class QueryError(InputError):
    """A search query does not parse; `column` is 1-based, in code points."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


class UnusableIndex(WherefromError):
    """An index exists or was named, and cannot be used."""


class IndexNotFound(UnusableIndex):
    """No index stands at the location."""


class IndexTooNew(UnusableIndex):
    """The index was written in a later format than this reader takes."""


class IndexCorrupt(UnusableIndex):
    """Stored bytes fail their checksum or point outside their file."""


class SpecMismatch(UnusableIndex):
    """The index holds fingerprints of another spec; they cannot be compared."""


class IndexLocked(UnusableIndex):
    """Another process is writing to the index."""


class DocumentNotFound(WherefromError):
    """The index holds no live document of the given id."""

    exit_code = 2


class AccessRefused(WherefromError):
    """A cluster or hub refuses the credentials or what they ask for, or has a certificate that cannot be accepted."""

    exit_code = 2


class BackendUnavailable(WherefromError):
    """A server or cluster did not answer."""


class OutOfSpace(WherefromError):
    """The file system has no room left; what was begun has been removed."""


class WorkerLost(WherefromError):
    """A process that worked for this run was killed; what is finished is kept, and the next run goes on from there."""


class TimedOut(WherefromError):
    """The caller's time limit passed before an answer was complete."""

    exit_code = 4

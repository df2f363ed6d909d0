"""Locks on files, which go with the process that holds them. Where there are none (Windows, some
network file systems) work may be done twice, and nothing is lost: files are written whole.
"""

import errno
import warnings

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None

NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EIO)


def lock(file, wait: bool = False) -> bool:
    """Lock an open file for this process alone; True unless another one holds it. wait: until
    nobody does.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        warnings.warn(
            f"the file system of {file.name} has no locks ({error.strerror}): two sweeps at once "
            "may do the same work twice",
            stacklevel=3,
        )
    return True

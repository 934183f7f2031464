"""The exceptions of mmkd_ray: one tree. A message says what was found, what is accepted and what to do."""


class MmkdError(Exception):
    """Base of all errors that a user can fix; the command line prints only the message and exits with status 2."""


class ConfigError(MmkdError):
    """The configuration is invalid."""


class DataError(MmkdError):
    """The images, or a table made from them, cannot be used."""


class AspectError(MmkdError):
    """The aspect questions cannot be used."""


class TeacherError(MmkdError):
    """The teacher model cannot be loaded or does not answer yes/no questions."""


class LedgerError(MmkdError):
    """A teacher table is inconsistent: images are missing, duplicate or unknown."""


class StudentError(MmkdError):
    """The student model cannot be built or trained as configured."""


class ClusterError(MmkdError):
    """The Ray cluster cannot be reached, or is too small for what was requested."""


class ArtifactError(MmkdError):
    """An artifact of a run is missing, unfinished or cannot be written."""


def mmkd_cause(error: BaseException) -> MmkdError | None:
    """The first `MmkdError` in the chain of causes of `error`, through Ray's task errors, or None."""
    seen: set[int] = set()
    queue: list[BaseException | None] = [error]
    while queue:
        current = queue.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, MmkdError):
            return current
        # RayTaskError keeps the worker's exception in `cause`; Ray Train's WorkerGroupError in `worker_failures`.
        queue += [getattr(current, "cause", None), current.__cause__, current.__context__]
        queue += list((getattr(current, "worker_failures", None) or {}).values())
        queue += [getattr(current, "training_failed_error", None)]
    return None

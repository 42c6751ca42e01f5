"""The whole stack for a script, and scenarios on it."""

import contextlib
import pathlib
import shutil
import sys
import tempfile
import time

from .common import Fault
from .functions import Release
from .partners import Outside
from .services import Moto, Table, deploy
from .template import Template


class Stack:
    """moto with the deployed resources, the partners, and the releases on it. What it started ends with it."""

    def __init__(self):
        self.work, self.releases = pathlib.Path(tempfile.mkdtemp()), []
        self.template, self.outside = Template(), Outside()
        with open(self.work / "moto.log", "wb") as log:
            self.moto = Moto(log)
        self.table = Table(self.moto, self.template)

    def release(self, binaries, template=None):
        self.releases.append(Release(self, binaries, template or self.template))
        return self.releases[-1]

    def stop(self):
        for release in self.releases:
            release.stop()
        self.moto.stop()
        shutil.rmtree(self.work)


@contextlib.contextmanager
def stack(with_stream=True):
    """A stack for a script, which ends at the first fault with its sentence and what the functions logged as errors."""
    made = Stack()
    try:
        made.moto.wait()
        deploy(made.moto, made.template, with_stream)
        yield made
    except Fault as fault:
        for log in sorted(made.work.glob("*.log")):
            errors = [line for line in log.read_text(errors="replace").splitlines() if '"level":"ERROR"' in line]
            print("".join(f"{log.stem}: {line}\n" for line in errors[-5:]), end="", file=sys.stderr)
        sys.exit(f"FAULT: {fault}")
    finally:
        made.stop()


def play(scenarios, *given):
    """Plays scenarios one after another, each with a line of what it has shown."""
    for scenario in scenarios:
        began = time.monotonic()
        try:
            scenario(*given)
        except Fault as fault:
            raise Fault(f"{scenario.__name__}: {fault}") from None
        except (LookupError, StopIteration, TypeError) as error:
            raise Fault(f"{scenario.__name__}: an answer lacks what is read of it: {error!r}") from error
        print(f"{scenario.__doc__} ({time.monotonic() - began:.1f} s)", flush=True)

"""One thread that answers studies, one after the other; what a killed process left is taken up again."""

import logging
import threading
from uuid import UUID

from assets import ASSET_TYPES
from vpp.domain import Mistakes
from vpp.milp import NoPlan
from vpp.operations.live.clock import SharedClock
from vpp.operations.plan import Effort
from vpp.operations.what_if import Change, Question, answer
from vpp.store import Store, StoreError
from vpp.store.studies import Study, open_studies, tell

EFFORT = Effort(gap=0.002, time_limit=30.0)
LOOK_S = 30.0

log = logging.getLogger(__name__)


class Studies:
    def __init__(self, store: Store, clock: SharedClock) -> None:
        self._store, self._clock = store, clock
        self._asked, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Once is enough; again after `stop` begins anew."""
        self._stopped.clear()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._work, daemon=True, name="studies")
            self._thread.start()

    def wake(self) -> None:
        self._asked.set()

    def stop(self) -> None:
        self._stopped.set()
        self._asked.set()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                for each in open_studies(self._store):
                    self._answer(each)
            except StoreError as problem:
                log.warning("studies wait: %s", problem)
            self._asked.wait(LOOK_S)
            self._asked.clear()

    def _answer(self, asked: Study) -> None:
        def told(progress: float, saying: str, id: UUID = asked.study_id) -> None:
            tell(self._store, id, "running", progress, saying)

        question = Question(
            changes=[Change(**c) for c in asked.question.get("changes", [])], without=asked.question.get("without", [])
        )
        try:
            found = answer(self._store, ASSET_TYPES, question, self._clock.now(), EFFORT, told)
        except (Mistakes, NoPlan, StoreError) as problem:
            tell(self._store, asked.study_id, "failed", 1.0, str(problem))
        except Exception as problem:  # a study must not end the others
            log.exception("study %s", asked.study_id)
            tell(self._store, asked.study_id, "failed", 1.0, f"an unexpected error: {type(problem).__name__}")
        else:
            tell(self._store, asked.study_id, "done", 1.0, "done", found)

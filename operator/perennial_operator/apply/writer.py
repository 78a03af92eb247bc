"""Carries plans out: status first, then the actions group by group, then Events.

The first failure stops the rest. Everything that is sent twice does nothing the second time.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from perennial_operator.api import documents, names
from perennial_operator.apply import metrics, status
from perennial_operator.apply.events import Recorder, Regarding
from perennial_operator.apply.objects import Call, Children, Guard, Remember
from perennial_operator.cluster import kinds
from perennial_operator.cluster.port import Cluster, Document
from perennial_operator.errors import Unavailable
from perennial_operator.plan.actions import Action, Answer, Apply, Create, Delete, Event, Plan
from perennial_operator.plan.snapshot import MODEL, ROUTER, Key, RouterSnapshot, Snapshot

AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Writer:
    """Sends what plans ask for; `call` runs a blocking function in a thread.

    `remember` gets each reply. After `pass_seconds` no further action of a plan is started.
    """

    cluster: Cluster
    call: Call
    remember: Remember
    recorder: Recorder
    pass_seconds: float = 60.0

    async def carry_out(self, plan: Plan, seen: Snapshot, *, now: datetime) -> bool:
        """Send a plan that was made from `seen`; return whether something was written."""
        deadline = asyncio.get_running_loop().time() + self.pass_seconds
        written = [await self._write_status(plan, seen)]
        children = self._children(seen)
        for group in plan.actions:
            for start in range(0, len(group), AT_ONCE):
                if asyncio.get_running_loop().time() > deadline:
                    message = f"the pass took longer than {self.pass_seconds:g} s"
                    raise Unavailable(message)
                batch = group[start : start + AT_ONCE]
                written += await self._act(batch, children, now=now)
        uid = "" if isinstance(seen, RouterSnapshot) else seen.meta.uid
        self.report(plan.events, seen.key, uid=uid, now=now)
        return any(written)

    async def root_exists(self, key: Key) -> bool:
        """Ask the server whether the root of a key is there, whatever the store says."""
        kind = kinds.MODEL_DEPLOYMENT if key.kind == MODEL else kinds.RETRAIN_JOB
        found = await self.call(
            lambda: self.cluster.get(kind, namespace=key.namespace, name=key.name)
        )
        return found is not None

    async def answer(self, answers: Iterable[Answer], namespace: str, *, now: datetime) -> None:
        """Answer Decisions whose target is gone."""
        for each in answers:
            await self._answer(each, namespace, now=now)

    def report(self, events: Iterable[Event], key: Key, *, uid: str, now: datetime) -> None:
        """Queue Events about a root; a router has none."""
        if key.kind == ROUTER:
            return
        kind = names.MODEL_DEPLOYMENT if key.kind == MODEL else names.RETRAIN_JOB
        regarding = Regarding(kind=kind, namespace=key.namespace, name=key.name, uid=uid)
        for event in events:
            self.recorder.record(event, regarding, now=now)

    async def _write_status(self, plan: Plan, seen: Snapshot) -> bool:
        if plan.status is None or isinstance(seen, RouterSnapshot):
            return False
        if plan.status == documents.dump(seen.status):
            return False
        document = status.of_root(seen.key, seen.meta, plan.status)
        await self._apply_status(document)
        return True

    async def _apply_status(self, document: Document) -> None:
        reply = await self.call(
            lambda: self.cluster.apply(document, manager=names.MANAGER_STATUS, subresource="status")
        )
        self.remember(reply)
        metrics.WRITES.labels(kinds.of(document).plural, "status").inc()

    async def _act(
        self, batch: tuple[Action, ...], children: Children, *, now: datetime
    ) -> list[bool]:
        """Run some actions at once; wait for all of them, then raise the first failure."""
        results = await asyncio.gather(
            *(self._one(action, children, now=now) for action in batch), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result is True for result in results]

    async def _one(self, action: Action, children: Children, *, now: datetime) -> bool:
        match action:
            case Apply():
                return await children.apply(action)
            case Create():
                return await children.create(action)
            case Delete():
                return await children.delete(action)
            case Answer():
                await self._answer(action, children.guard.key.namespace, now=now)
                return True
            case _:
                assert_never(action)

    async def _answer(self, answer: Answer, namespace: str, *, now: datetime) -> None:
        await self._apply_status(status.of_decision(answer, namespace=namespace, now=now))

    def _children(self, seen: Snapshot) -> Children:
        uid = "" if isinstance(seen, RouterSnapshot) else seen.meta.uid
        return Children(
            cluster=self.cluster,
            call=self.call,
            remember=self.remember,
            guard=Guard(self.cluster, self.call, seen.key, uid),
            known={(child.kind, child.name): child for child in seen.children},
        )

"""Each write of a child has its guard."""

from collections.abc import Callable
from typing import Any

import pytest

from perennial_operator.api import names, reasons
from perennial_operator.apply import intents
from perennial_operator.apply.objects import Children, Guard
from perennial_operator.cluster.answers import Exists, Gone, Stale
from perennial_operator.errors import Invalid, Unavailable
from perennial_operator.plan.actions import Apply, Create, Delete
from perennial_operator.plan.snapshot import Child, Key
from perennial_operator.testing import ScriptedCluster, model_deployment

KEY = Key("md", "default", "churn")
ROUTER = Key("router", "default", "")
DELETE = Delete("ConfigMap", "x", uid="c1", resource_version="5")


async def call(function: Callable[..., Any], *arguments: Any) -> Any:  # noqa: ANN401  # any call
    """Run a blocking function here."""
    return function(*arguments)


def root(*, uid: str = "root", **metadata: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """Return the live ModelDeployment."""
    document = model_deployment()
    return {**document, "metadata": {**document["metadata"], "uid": uid, **metadata}}


def config_map(*, root_uid: str = "root", managed_by: str = names.MANAGED_BY) -> dict[str, Any]:
    """Return a child as it is intended."""
    labels = {names.LABEL_MANAGED_BY: managed_by, names.LABEL_ROOT_UID: root_uid}
    metadata = {"name": "x", "namespace": "default", "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "b"}}


def part() -> dict[str, Any]:
    """Return a part of the router."""
    document = config_map()
    document["metadata"]["labels"] = {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_COMPONENT: names.COMPONENT_ROUTER,
    }
    return document


def live(document: dict[str, Any], *, uid: str = "c1", version: str = "5") -> dict[str, Any]:
    """Return a child as the server has it."""
    made = intents.stamped(document)
    known = {"uid": uid, "resourceVersion": version}
    return {**made, "metadata": {**made["metadata"], **known}}


class Scene:
    """Children of one root over a scripted cluster."""

    def __init__(self, *objects: dict[str, Any], key: Key = KEY, uid: str = "root") -> None:
        """Start with these live objects; none is known to the store."""
        self.cluster = ScriptedCluster(*objects)
        self.remembered: list[dict[str, Any]] = []
        self.known: dict[tuple[str, str], Child] = {}
        self.children = Children(
            cluster=self.cluster,
            call=call,
            remember=self.remembered.append,
            guard=Guard(self.cluster, call, key, uid),
            known=self.known,
        )

    def know(self, document: dict[str, Any]) -> None:
        """Let the store know a child."""
        metadata = document["metadata"]
        child = Child("ConfigMap", "x", metadata["uid"], metadata["resourceVersion"], document)
        self.known["ConfigMap", "x"] = child

    @property
    def verbs(self) -> list[str]:
        """Return what was asked of which kind."""
        return [f"{verb} {kind}" for verb, kind, _ in self.cluster.calls]


async def test_what_is_in_force_is_not_sent() -> None:
    """Converged means silent."""
    scene = Scene()
    scene.know(live(config_map()))
    assert not await scene.children.apply(Apply(config_map(), uid="c1"))
    assert not await scene.children.apply(Apply(config_map()))
    assert scene.verbs == []


async def test_a_known_child_is_applied_with_its_uid() -> None:
    """An old plan cannot bring a deleted child back."""
    scene = Scene()
    drifted = live(config_map())
    drifted["data"] = {"a": "edited"}
    scene.know(drifted)
    assert await scene.children.apply(Apply(config_map(), uid="c1", resource_version="5"))
    (sent,) = scene.cluster.sent
    assert (sent["metadata"]["uid"], sent["metadata"]["resourceVersion"]) == ("c1", "5")
    assert scene.verbs == ["apply ConfigMap"]
    assert scene.remembered == [scene.cluster.live["ConfigMap", "x"]]


async def test_an_unknown_child_is_made_after_its_root_was_seen_alive() -> None:
    """The root is asked once a pass; no uid stands in the apply."""
    scene = Scene(root())
    assert await scene.children.apply(Apply(config_map()))
    assert await scene.children.apply(Apply({**config_map(), "kind": "Service"}))
    assert scene.verbs == [
        "get ModelDeployment",
        "get ConfigMap",
        "apply ConfigMap",
        "get Service",
        "apply Service",
    ]
    assert "uid" not in scene.cluster.sent[0]["metadata"]


@pytest.mark.parametrize("objects", [[], [root(uid="other")], [root(deletionTimestamp="now")]])
async def test_nothing_is_made_for_a_root_that_is_gone(objects: list[dict[str, Any]]) -> None:
    """Ghosts and garbage collection would fight for ever."""
    scene = Scene(*objects)
    with pytest.raises(Gone):
        await scene.children.apply(Apply(config_map()))
    with pytest.raises(Gone):
        await scene.children.create(Create(config_map()))
    assert scene.cluster.sent == []


async def test_a_run_s_root_is_a_run() -> None:
    """The guard asks for the kind of the key."""
    run = {"kind": "RetrainJob", "metadata": {"name": "again", "uid": "root"}}
    scene = Scene(run, key=Key("rj", "default", "again"))
    assert await scene.children.apply(Apply(config_map()))


async def test_a_child_of_ours_that_the_store_did_not_show_is_adopted() -> None:
    """By its uid, so that it is the one that was seen."""
    scene = Scene(root(), live(config_map()))
    assert await scene.children.apply(Apply(config_map()))
    assert scene.cluster.sent[0]["metadata"]["uid"] == "c1"


async def test_a_foreign_object_of_that_name_is_never_taken_over() -> None:
    """A person has to choose."""
    scene = Scene(root(), live(config_map(managed_by="helm")))
    with pytest.raises(Invalid) as caught:
        await scene.children.apply(Apply(config_map()))
    assert caught.value.reason == reasons.NAME_COLLISION
    assert scene.cluster.sent == []


async def test_a_namesake_s_child_is_waited_for() -> None:
    """The garbage collector takes it soon."""
    scene = Scene(root(), live(config_map(root_uid="before")))
    with pytest.raises(Unavailable, match="namesake"):
        await scene.children.apply(Apply(config_map()))


async def test_create_makes_once() -> None:
    """The reply is remembered."""
    scene = Scene(root())
    assert await scene.children.create(Create(config_map()))
    assert scene.remembered == [scene.cluster.live["ConfigMap", "x"]]


async def test_what_exists_already_counts_if_it_is_ours() -> None:
    """A lost reply is found again."""
    scene = Scene(root(), live(config_map()))
    scene.cluster.fail("create", Exists("taken"))
    assert not await scene.children.create(Create(config_map()))
    assert scene.remembered == [live(config_map())]


async def test_what_exists_and_is_foreign_is_a_collision() -> None:
    """Never adopted by name alone."""
    scene = Scene(root(), live(config_map(managed_by="helm")))
    scene.cluster.fail("create", Exists("taken"))
    with pytest.raises(Invalid, match="not ours"):
        await scene.children.create(Create(config_map()))


async def test_what_existed_and_is_gone_again_is_stale() -> None:
    """Look again."""
    scene = Scene(root())
    scene.cluster.fail("create", Exists("taken"))
    with pytest.raises(Stale):
        await scene.children.create(Create(config_map()))


async def test_an_existing_secret_is_believed() -> None:
    """We may not read it."""
    scene = Scene(root())
    scene.cluster.fail("create", Exists("taken"))
    assert not await scene.children.create(Create({**config_map(), "kind": "Secret"}))
    assert scene.verbs == ["get ModelDeployment", "create Secret"]


async def test_a_deletion_names_uid_and_version() -> None:
    """After a look at the live object."""
    scene = Scene(live(config_map()))
    assert await scene.children.delete(DELETE)
    assert scene.verbs == ["get ConfigMap", "delete ConfigMap"]
    assert scene.cluster.sent == [{"uid": "c1", "resourceVersion": "5"}]


@pytest.mark.parametrize("objects", [[], [live(config_map(), uid="c2")]])
async def test_what_is_gone_or_another_needs_no_deletion(objects: list[dict[str, Any]]) -> None:
    """The name may belong to somebody else by now."""
    scene = Scene(*objects)
    assert not await scene.children.delete(DELETE)
    assert scene.cluster.sent == []


@pytest.mark.parametrize(
    "document", [config_map(managed_by="helm"), config_map(root_uid="another root")]
)
async def test_nothing_foreign_is_deleted(document: dict[str, Any]) -> None:
    """Neither other people's objects nor other roots' children."""
    scene = Scene(live(document))
    with pytest.raises(Invalid, match="not ours"):
        await scene.children.delete(DELETE)
    assert scene.cluster.sent == []


async def test_a_router_is_made_where_a_model_lives() -> None:
    """Its parts have no root; a live list of models stands for it."""
    scene = Scene(root(), live(part()), key=ROUTER, uid="")
    assert await scene.children.apply(Apply(part()))
    dying = Scene(root(deletionTimestamp="now"), key=ROUTER, uid="")
    with pytest.raises(Gone):
        await dying.children.apply(Apply(part()))


async def test_a_router_goes_only_when_no_model_lives() -> None:
    """The store may not have shown a new model yet."""
    with pytest.raises(Stale):
        await Scene(root(), live(part()), key=ROUTER, uid="").children.delete(DELETE)
    assert await Scene(live(part()), key=ROUTER, uid="").children.delete(DELETE)

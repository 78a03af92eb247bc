"""Tests of what a container needs before it starts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from perennial_sandbox.node import clock
from perennial_sandbox.node.pods.facts import CONFIG_MAP, SECRET, Source
from perennial_sandbox.node.pods.objects import Json
from perennial_sandbox.node.pods.plan import plan_of
from perennial_sandbox.node.processes.records import Launch
from perennial_sandbox.node.testing import FakeApi, container, pod, tools
from perennial_sandbox.node.worker.materials import Materials, NotReadyError

ADDRESS = "127.250.0.1"
SOURCES = "/api/v1/namespaces/default"
ACCOUNT = {
    "name": "account",
    "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]},
}


@asynccontextmanager
async def materials(
    folder: Path, thing: Json, api: FakeApi | None = None
) -> AsyncIterator[Materials]:
    """Yield the materials of a Pod."""
    server = api or FakeApi()
    async with server.client() as client:
        known = tools(folder, client, images={"app": ("python", "-m", "app")})
        yield Materials(plan_of(thing), folder, known)


async def launch(folder: Path, thing: Json, api: FakeApi | None = None) -> Launch:
    """Return the launch of the Pod's first container."""
    async with materials(folder, thing, api) as made:
        await made.provide_volumes(thing, ADDRESS)
        one = plan_of(thing).containers[0]
        return await made.launch(one, thing, address=ADDRESS, run_folder=folder / "run")


def config_map(**data: str) -> FakeApi:
    """Return a server with a ConfigMap called c."""
    api = FakeApi()
    api.put(f"{SOURCES}/configmaps/c", {"metadata": {"name": "c"}, "data": data})
    return api


async def test_an_image_runs_with_the_containers_basics(tmp_path: Path) -> None:
    """Nothing of the node's own environment is in it."""
    found = await launch(tmp_path, pod(container(args=["serve"])))
    home = str(tmp_path / "containers" / "main" / "tmp")
    assert found.argv == ("python", "-m", "app", "serve")
    assert found.directory == home
    assert [path.name for path in (tmp_path / "containers").iterdir()] == ["main"]
    variables = dict(found.environment)
    assert variables.pop("PATH").endswith("/usr/sbin:/usr/bin:/sbin:/bin")
    assert variables == {
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "6443",
        "PERENNIAL_HOST": ADDRESS,
        "PERENNIAL_TERMINATION_LOG": str(tmp_path / "run" / "message"),
    }


async def test_paths_of_mounts_are_local_everywhere(tmp_path: Path) -> None:
    """In words, variables and the working directory, but not in the image's own words."""
    one = container(
        command=["sh", "-c", "cat /data/x >/dev/termination-log"],
        workingDir="/data/work",
        env=[{"name": "A", "value": "/data"}, {"name": "B", "value": "$(A)/b"}],
        volumeMounts=[{"name": "d", "mountPath": "/data"}, {"name": "t", "mountPath": "/scratch"}],
        terminationMessagePath="/dev/termination-log",
    )
    volumes = [{"name": "d", "emptyDir": {}}, {"name": "t", "emptyDir": {}}]
    found = await launch(tmp_path, pod(one, volumes=volumes))
    local, message = tmp_path / "volumes" / "d", tmp_path / "run" / "message"
    assert found.argv == ("sh", "-c", f"cat {local}/x >{message}")
    assert found.directory == f"{local}/work"
    assert (found.environment["A"], found.environment["B"]) == (str(local), f"{local}/b")


async def test_limits_are_told_as_variables(tmp_path: Path) -> None:
    """There is no cgroup to read them from."""
    one = container(resources={"limits": {"cpu": "250m", "memory": "1Gi"}})
    found = await launch(tmp_path, pod(one))
    names = ("PERENNIAL_CPU_LIMIT", "PERENNIAL_MEMORY_LIMIT_BYTES")
    assert [found.environment[name] for name in names] == ["0.25", str(2**30)]


@pytest.mark.parametrize(("declared", "host"), [("", ADDRESS), ("127.0.0.9", "127.0.0.9")])
async def test_all_addresses_means_the_pods_address(
    tmp_path: Path, declared: str, host: str
) -> None:
    """Pods share one network here; any other declared value counts."""
    one = container(env=[{"name": "PERENNIAL_HOST", "value": declared}])
    found = await launch(tmp_path, pod(one))
    assert found.environment["PERENNIAL_HOST"] == host


async def test_a_service_account_is_mounted_and_told(tmp_path: Path) -> None:
    """The token is asked for this very Pod."""
    mount = {"name": "account", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    thing = pod(container(volumeMounts=[mount]), volumes=[ACCOUNT], serviceAccountName="robot")
    found = await launch(tmp_path, thing)
    folder = Path(found.environment["PERENNIAL_SERVICE_ACCOUNT_DIR"])
    assert (folder / "token").read_text() == f"token for {SOURCES}/serviceaccounts/robot/token"


async def test_a_token_is_renewed_before_it_expires(tmp_path: Path) -> None:
    """Not at every look; without tokens there is nothing to renew."""
    api = FakeApi()
    async with materials(tmp_path, pod(volumes=[ACCOUNT]), api) as made:
        nothing = made.renew_at
        await made.provide_volumes(pod(), ADDRESS)
        await made.provide_volumes(pod(), ADDRESS)
        due = made.renew_at
    assert (nothing, api.requests) == (None, 1)
    assert due is not None
    left = due - clock.now()
    assert timedelta(minutes=40) < left < timedelta(minutes=60)


async def test_a_short_token_is_asked_for_again(tmp_path: Path) -> None:
    """When four fifths of its life are over."""
    source = {"serviceAccountToken": {"path": "token", "expirationSeconds": 0, "audience": "me"}}
    api = FakeApi()
    volume = {"name": "v", "projected": {"sources": [source]}}
    async with materials(tmp_path, pod(volumes=[volume]), api) as made:
        await made.provide_volumes(pod(), ADDRESS)
        await made.provide_volumes(pod(), ADDRESS)
    assert api.requests == 2


async def test_sources_of_volumes_and_variables_are_known(tmp_path: Path) -> None:
    """So that their changes reach the Pod."""
    one = container(envFrom=[{"secretRef": {"name": "s"}}])
    volume = {"name": "v", "configMap": {"name": "c"}}
    async with materials(tmp_path, pod(one, volumes=[volume])) as made:
        assert made.sources == {Source(SECRET, "s"), Source(CONFIG_MAP, "c")}


async def test_a_volume_follows_its_source(tmp_path: Path) -> None:
    """At every look anew."""
    thing = pod(volumes=[{"name": "v", "configMap": {"name": "c"}}])
    api = config_map(a="1")
    async with materials(tmp_path, thing, api) as made:
        await made.provide_volumes(thing, ADDRESS)
        api.put(f"{SOURCES}/configmaps/c", {"metadata": {"name": "c"}, "data": {"a": "2"}})
        await made.provide_volumes(thing, ADDRESS)
    assert (tmp_path / "volumes" / "v" / "a").read_text() == "2"


@pytest.mark.parametrize(
    ("thing", "reason", "message"),
    [
        (pod(container(image="nginx")), "ImagePullBackOff", "has no program here"),
        (
            pod(container(envFrom=[{"secretRef": {"name": "no"}}])),
            "CreateContainerConfigError",
            'Secret "no" not found',
        ),
        (
            pod(volumes=[{"name": "v", "secret": {"secretName": "no"}}]),
            "CreateContainerConfigError",
            'volume "v": Secret "no" not found',
        ),
        (
            pod(volumes=[{"name": "v", "nfs": {}}]),
            "CreateContainerConfigError",
            "nfs is not supported",
        ),
        (
            pod(volumes=[{"name": "v", "hostPath": {"path": "/proc/x/y", "type": "FileOrCreate"}}]),
            "CreateContainerError",
            "cannot prepare the volumes",
        ),
        (
            pod(
                container(volumeMounts=[{"name": "v", "mountPath": "/v", "subPath": "../x"}]),
                volumes=[{"name": "v", "emptyDir": {}}],
            ),
            "CreateContainerConfigError",
            "must not contain",
        ),
    ],
)
async def test_what_prevents_a_start_has_a_known_reason(
    tmp_path: Path, thing: Json, reason: str, *, message: str
) -> None:
    """And a message that names the cause."""
    with pytest.raises(NotReadyError, match=message) as caught:
        await launch(tmp_path, thing)
    assert caught.value.reason == reason


@pytest.mark.parametrize("volume", [{"name": "v", "configMap": {"name": "c"}}, ACCOUNT])
async def test_without_the_server_a_container_waits(tmp_path: Path, volume: Json) -> None:
    """Nothing is wrong with the Pod."""
    api = FakeApi()
    api.refuse_with = 503
    with pytest.raises(NotReadyError) as caught:
        await launch(tmp_path, pod(volumes=[volume]), api)
    assert caught.value.reason == "ContainerCreating"

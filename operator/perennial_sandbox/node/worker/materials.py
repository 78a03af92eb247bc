"""What a container needs before it can start: volumes, variables, tokens, a command line."""

import asyncio
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from perennial_sandbox.node import clock
from perennial_sandbox.node.cluster.api_client import ApiError, NotFoundError
from perennial_sandbox.node.pods import environment, files, quantities
from perennial_sandbox.node.pods.facts import CONFIG_MAP, Facts, Source
from perennial_sandbox.node.pods.objects import Json, at, name_of, namespace_of, uid_of
from perennial_sandbox.node.pods.plan import Container, PodPlan
from perennial_sandbox.node.processes.records import Launch
from perennial_sandbox.node.worker import volumes
from perennial_sandbox.node.worker.tools import HOST_ADDRESS, Tools

_CONFIG_ERROR = "CreateContainerConfigError"
_CREATE_ERROR = "CreateContainerError"
_CREATING = "ContainerCreating"
_NO_IMAGE = "ImagePullBackOff"
_ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NotReadyError(Exception):
    """A container cannot start now; the reason is one that Kubernetes' users know."""

    def __init__(self, reason: str, message: str) -> None:
        """Keep the reason beside the message."""
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Issued:
    """A token and when to replace it."""

    token: str
    renew_at: datetime


class Materials:
    """Provides what the containers of one Pod need, and keeps its volumes current."""

    def __init__(self, plan: PodPlan, folder: Path, tools: Tools) -> None:
        """Fetch nothing yet."""
        self._plan = plan
        self._folder = folder
        self._tools = tools
        self._tokens: dict[files.Token, _Issued] = {}
        by_volume = (files.sources_of(one) for one in plan.volumes)
        by_container = (environment.sources_of(one) for one in plan.containers)
        self.sources = frozenset[Source]().union(*by_volume, *by_container)
        self.folders = {one["name"]: volumes.folder_of(folder, one) for one in plan.volumes}

    @property
    def renew_at(self) -> datetime | None:
        """When the next token must be replaced."""
        return min((one.renew_at for one in self._tokens.values()), default=None)

    async def provide_volumes(self, pod: Json, address: str) -> None:
        """Make all volumes, and fill or refresh those whose content comes from the API."""
        try:
            for volume in self._plan.volumes:
                volumes.prepare(self._folder, volume)
            await self._fill(pod, address)
        except volumes.VolumeError as error:
            raise NotReadyError(_CONFIG_ERROR, str(error)) from error
        except OSError as error:
            message = f"cannot prepare the volumes: {error}"
            raise NotReadyError(_CREATE_ERROR, message) from error

    async def launch(
        self, container: Container, pod: Json, *, address: str, run_folder: Path
    ) -> Launch:
        """Return how to start a container, everything in terms of this host."""
        facts = await self._facts(pod, address, environment.sources_of(container))
        declared = environment.environment_of(container, facts)
        if declared.problems:
            raise NotReadyError(_CONFIG_ERROR, "; ".join(declared.problems))
        words = environment.argv_of(container, declared.variables, self._tools.settings.images)
        if words is None:
            raise NotReadyError(_NO_IMAGE, _unknown_image(container.image))
        own, given = words
        folders = self._local_folders(container, run_folder)
        home = self._home(container)
        local = {
            name: environment.rewritten(value, folders)
            for name, value in declared.variables.items()
            # "All addresses" would be the host's: every Pod would claim the same ports.
            if value or name != "PERENNIAL_HOST"
        }
        return Launch(
            argv=(*own, *(environment.rewritten(word, folders) for word in given)),
            environment=self._base(container, folders, home=home, address=address) | local,
            directory=environment.rewritten(container.working_directory, folders) or str(home),
            folders=folders,
        )

    async def _fill(self, pod: Json, address: str) -> None:
        written = [
            one for one in self._plan.volumes if any(kind in one for kind in files.WRITTEN_KINDS)
        ]
        sources = frozenset().union(*(files.sources_of(one) for one in written))
        facts = await self._facts(pod, address, sources)
        wanted = {token for one in written for token in files.tokens_of(one)}
        tokens = {token: await self._token(pod, token) for token in wanted}
        problems: list[str] = []
        for volume in written:
            content = files.content_of(volume, facts, self._plan, tokens=tokens)
            if content.problems:
                problems += (f'volume "{volume["name"]}": {one}' for one in content.problems)
            else:
                volumes.write(self.folders[volume["name"]], content)
        if problems:
            raise NotReadyError(_CONFIG_ERROR, "; ".join(problems))

    async def _facts(self, pod: Json, address: str, sources: Iterable[Source]) -> Facts:
        named = list(sources)
        found = await asyncio.gather(*(self._fetch(namespace_of(pod), one) for one in named))
        objects = {source: one for source, one in zip(named, found, strict=True) if one is not None}
        return Facts(pod, address, HOST_ADDRESS, self._tools.capacity, objects)

    async def _fetch(self, namespace: str, source: Source) -> Json | None:
        resource = "configmaps" if source.kind == CONFIG_MAP else "secrets"
        path = f"/api/v1/namespaces/{namespace}/{resource}/{source.name}"
        try:
            return await self._tools.client.get(path)
        except NotFoundError:
            return None
        except ApiError as error:
            raise NotReadyError(_CREATING, f"cannot read {source.name}: {error}") from error

    async def _token(self, pod: Json, token: files.Token) -> str:
        issued = self._tokens.get(token)
        if issued is None or issued.renew_at <= clock.now():
            issued = await self._issue(pod, token)
            self._tokens[token] = issued
        return issued.token

    async def _issue(self, pod: Json, token: files.Token) -> _Issued:
        account = at(pod, "spec", "serviceAccountName") or "default"
        path = f"/api/v1/namespaces/{namespace_of(pod)}/serviceaccounts/{account}/token"
        reference = {"kind": "Pod", "apiVersion": "v1", "name": name_of(pod), "uid": uid_of(pod)}
        spec = {
            "audiences": [token.audience] if token.audience else None,
            "expirationSeconds": token.lifetime_seconds,
            "boundObjectRef": reference,
        }
        try:
            answer = await self._tools.client.create(path, {"spec": spec})
        except ApiError as error:
            message = f"cannot get a token of service account {account}: {error}"
            raise NotReadyError(_CREATING, message) from error
        # The kubelet replaces a token when four fifths of its life are over.
        lasts = timedelta(seconds=token.lifetime_seconds * 0.8)
        return _Issued(answer["status"]["token"], clock.now() + lasts)

    def _local_folders(self, container: Container, run_folder: Path) -> dict[str, str]:
        try:
            volumes.make_sub_paths(container, self.folders)
            volumes.link_nested(container, self.folders)
        except (volumes.VolumeError, OSError) as error:
            raise NotReadyError(_CONFIG_ERROR, str(error)) from error
        message_file = {container.termination_path: str(run_folder / "message")}
        return message_file | volumes.local_folders(container, self.folders)

    def _home(self, container: Container) -> Path:
        home = self._folder / "containers" / container.name / "tmp"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        return home

    def _base(
        self, container: Container, folders: dict[str, str], *, home: Path, address: str
    ) -> dict[str, str]:
        """Return the variables that every container has; declared ones replace them."""
        values = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{_SEARCH_PATH}",
            "HOME": str(home),
            "TMPDIR": folders.get("/tmp", str(home)),  # noqa: S108  # a container's path
            "LANG": "C.UTF-8",
            "KUBERNETES_SERVICE_HOST": self._tools.api_host,
            "KUBERNETES_SERVICE_PORT": str(self._tools.api_port),
            "PERENNIAL_HOST": address,
            "PERENNIAL_TERMINATION_LOG": folders[container.termination_path],
        }
        if account := folders.get(_ACCOUNT_PATH):
            values["PERENNIAL_SERVICE_ACCOUNT_DIR"] = account
        return values | _limits(container)


def _limits(container: Container) -> dict[str, str]:
    """Return the limits as variables: a process cannot read a cgroup here."""
    values = {}
    if cpu := at(container.resources, "limits", "cpu"):
        values["PERENNIAL_CPU_LIMIT"] = f"{float(quantities.amount(cpu)):g}"
    if container.memory_limit_bytes is not None:
        values["PERENNIAL_MEMORY_LIMIT_BYTES"] = str(container.memory_limit_bytes)
    return values


def _unknown_image(image: str) -> str:
    return (
        f'image "{image}" has no program here: the process node runs no containers; '
        "set the container's command, or map the image to one in the sandbox's settings"
    )

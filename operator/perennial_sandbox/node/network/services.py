"""A local port for every TCP port of every Service; the numbers are kept in a file.

The file maps "namespace/name" to {"port": local port}, with every port under its number and, if
it has one, under its name. It is replaced as a whole.
"""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

from perennial_sandbox.node.network.backends import Backend, backends_of, ports_of
from perennial_sandbox.node.network.proxy import Proxy
from perennial_sandbox.node.pods.objects import Json, name_of, namespace_of

_log = logging.getLogger(__name__)
_HOST = "127.0.0.1"
_Slot = tuple[str, str]  # service key, port


class Services:
    """Keeps one listener per Service port."""

    def __init__(self, file: Path, pods: Callable[[], list[Json]]) -> None:
        """Remember the ports of an earlier life of the node."""
        self._file = file
        self._pods = pods
        self._ports = _read(file)
        self._known: dict[str, Json] = {}
        self._proxies: dict[_Slot, Proxy] = {}
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()

    def replace_all(self, things: list[Json]) -> None:
        """Take the list of all Services."""
        self._known = {_key(one): one for one in things}
        self._tell()

    def changed(self, thing: Json) -> None:
        """Take a Service that is new or changed."""
        self._known[_key(thing)] = thing
        self._tell()

    def deleted(self, thing: Json) -> None:
        """Take a Service that is gone."""
        self._known.pop(_key(thing), None)
        self._tell()

    def _tell(self) -> None:
        self._settled.clear()
        self._changed.set()

    async def serve_forever(self) -> None:
        """Open and close listeners as Services come and go."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self._adjust()
            if not self._changed.is_set():
                self._settled.set()

    async def settled(self) -> None:
        """Wait until all that was told is served and recorded."""
        await self._settled.wait()

    def close(self) -> None:
        """Stop listening; the recorded ports stay."""
        for proxy in self._proxies.values():
            proxy.close()

    async def _adjust(self) -> None:
        wanted = {
            (key, str(port["port"]))
            for key, service in self._known.items()
            for port in ports_of(service)
        }
        for slot in set(self._proxies) - wanted:
            self._proxies.pop(slot).close()
        opened = {slot: await self._open(slot) for slot in sorted(wanted - set(self._proxies))}
        self._ports = {slot: self._ports[slot] for slot in wanted if slot in self._ports} | opened
        self._record()

    async def _open(self, slot: _Slot) -> int:
        proxy = Proxy(lambda: self._backends(slot))
        self._proxies[slot] = proxy
        try:
            return await proxy.listen(_HOST, self._ports.get(slot, 0))
        except OSError as error:
            _log.warning("port of %s is taken, choosing another: %s", slot[0], error)
            return await proxy.listen(_HOST, 0)

    def _record(self) -> None:
        content: dict[str, dict[str, int]] = {}
        for (key, number), local in sorted(self._ports.items()):
            ports = content.setdefault(key, {})
            ports[number] = local
            service = self._known.get(key)
            for one in ports_of(service) if service else ():
                if str(one["port"]) == number and "name" in one:
                    ports[one["name"]] = local
        _write(self._file, json.dumps(content, indent=1) + "\n")

    def _backends(self, slot: _Slot) -> list[Backend]:
        key, number = slot
        service = self._known.get(key)
        ports = ports_of(service) if service else ()
        for port in ports:
            if service and str(port["port"]) == number:
                return backends_of(service, port, self._pods())
        return []


def _key(service: Json) -> str:
    return f"{namespace_of(service)}/{name_of(service)}"


def _read(file: Path) -> dict[_Slot, int]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {
        (key, port): local
        for key, ports in found.items()
        for port, local in ports.items()
        if port.isdecimal()
    }


def _write(file: Path, text: str) -> None:
    if file.exists() and file.read_text() == text:
        return
    new = file.with_name(file.name + ".new")
    new.write_text(text)
    new.replace(file)

"""GET over https to the very address that was checked; every redirect is a new check."""

import contextlib
from collections.abc import Iterator
from urllib.parse import urljoin

import httpx

from perennial_serving.contract import urls
from perennial_serving.contract.results import Reason
from perennial_serving.contract.urls import Location, Refusal
from perennial_serving.errors import Invalid, Unavailable
from perennial_serving.fetch.access import Access

REDIRECTS_LIMIT = 5
_TIMEOUT = httpx.Timeout(30, connect=10)
_AUTHORIZATION = "HTTPS_AUTHORIZATION"
_DENIED = (401, 403)
_MISSING = (404, 410)
_LATER = (408, 425, 429)


class Client:
    """Opens web locations; one connection pool for its life."""

    def __init__(self, access: Access) -> None:
        """Prepare TLS with the system's or the deployer's certificates, without proxies."""
        self._access = access
        self._client = httpx.Client(
            verify=httpx.create_ssl_context(),
            trust_env=False,
            timeout=_TIMEOUT,
            follow_redirects=False,
        )

    @contextlib.contextmanager
    def stream(self, location: Location) -> Iterator[httpx.Response]:
        """Give the answer with status 200, unread; redirects are followed, each checked anew."""
        origin = location.origin
        for _ in range(REDIRECTS_LIMIT + 1):
            with (
                _translated(),
                self._sent(location, is_first_host=location.origin == origin) as answer,
            ):
                if not answer.is_redirect:
                    _check_status(answer.status_code)
                    yield answer
                    return
                location = self._redirected(location, answer.headers["location"])
        raise Invalid(Reason.REDIRECT_REFUSED, "the store redirects in circles")

    @contextlib.contextmanager
    def _sent(self, location: Location, *, is_first_host: bool) -> Iterator[httpx.Response]:
        """Send to the checked address; the name stays in Host and in the TLS handshake."""
        address = self._access.address(location)
        netloc = f"[{address}]" if ":" in address else address
        query = f"?{location.query}" if location.query else ""
        headers = {"Host": location.origin.partition("://")[2], "Accept-Encoding": "identity"}
        authorization = self._access.credentials.get(_AUTHORIZATION)
        if authorization and is_first_host:
            headers["Authorization"] = authorization
        request = self._client.build_request(
            "GET",
            f"{location.scheme}://{netloc}:{location.port}{location.path}{query}",
            headers=headers,
            extensions={"sni_hostname": location.host},
        )
        response = self._client.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()

    def _redirected(self, location: Location, target: str) -> Location:
        here = f"{location.origin}{location.path}"
        there = urls.parse(urljoin(here, target))
        if isinstance(there, Refusal) or there.scheme not in urls.DEFAULT_PORTS:
            message = "the store redirects to something that is no plain https URL"
            raise Invalid(Reason.REDIRECT_REFUSED, message)
        if urls.check_host(there, self._access.allowed_hosts):
            message = "the store redirects to a host that is not allowed"
            raise Invalid(Reason.REDIRECT_REFUSED, message)
        return there


def _check_status(status: int) -> None:
    if status == httpx.codes.OK:
        return
    if status in _DENIED:
        raise Invalid(Reason.ACCESS_DENIED, "the store refuses the credentials, or needs some")
    if status in _MISSING:
        raise Invalid(Reason.NOT_FOUND, "there is nothing at this URL; set another one")
    if status in _LATER or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise Unavailable(Reason.SOURCE_UNAVAILABLE, f"the store answers {status}")
    raise Invalid(Reason.NOT_FOUND, f"the store answers {status}; set another URL")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.InvalidURL as error:  # httpx reads the target of a redirect before we do
        raise Invalid(Reason.REDIRECT_REFUSED, "the store redirects to no URL") from error
    except httpx.TransportError as error:
        message = "the store cannot be reached, or its certificate is not trusted"
        raise Unavailable(Reason.SOURCE_UNAVAILABLE, message) from error

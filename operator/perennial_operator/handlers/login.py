"""Who kopf says it is: the same credentials as ours, read anew at each login."""

from typing import Any

import kopf

from perennial_operator.cluster.credentials import Credentials, Token


def register(registry: kopf.OperatorRegistry, credentials: Credentials) -> None:
    """Register the one login handler: with several, kopf would pick at random."""

    def login(**_: Any) -> kopf.ConnectionInfo:  # noqa: ANN401  # kopf's signature
        return kopf.ConnectionInfo(
            server=credentials.server,
            ca_path=credentials.ca_file or None,
            scheme="Bearer",
            token=Token(credentials).value() or None,
            certificate_path=credentials.certificate_file or None,
            private_key_path=credentials.key_file or None,
        )

    kopf.on.login(registry=registry, errors=kopf.ErrorsMode.PERMANENT)(login)

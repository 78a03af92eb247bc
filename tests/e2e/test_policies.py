"""The admission policies on a real API server: who may ask, decide, and refer to what."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import pytest

pytestmark = pytest.mark.e2e

Document = dict[str, Any]


class Person(Protocol):
    """One user's way to the API server, as the fixture `person` makes it."""

    http: Any

    def create(self, document: Document, *, keep: bool = False) -> Any:  # noqa: ANN401  # a fixture's own type
        """Create an object."""


Persons = Callable[..., Any]
DIGEST = f"sha256:{'a' * 64}"
NAMESPACE = "corpus"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
OPERATOR = "system:serviceaccount:perennial-system:perennial-operator"
OUTSIDER = ("system:authenticated",)


def model(spec: Mapping[str, object] | None = None) -> Document:
    """Return a ModelDeployment with these fields."""
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "churn"},
        "spec": {"model": {"uri": "s3://models/churn/"}, **(spec or {})},
    }


def run(
    spec: Mapping[str, object] | None = None, labels: Mapping[str, str] | None = None
) -> Document:
    """Return a RetrainJob with these fields."""
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "RetrainJob",
        "metadata": {"name": "churn-1", "labels": dict(labels or {})},
        "spec": {
            "modelRef": {"name": "churn"},
            "trainer": {"recipe": {"name": "tabular-classification"}},
            "data": {"source": {"uri": "s3://data/churn.csv"}, "columns": {"label": "left"}},
            "output": {"uri": "s3://models/churn/"},
            **(spec or {}),
        },
    }


def decision(by: str, action: str = "Approve", target: str = "churn") -> Document:
    """Return a Decision of that person."""
    evidence = {"attempt": "0123456789-a1", "evidenceDigest": DIGEST}
    fields = {"Retry": {"revision": "churn-0123456789"}, "Rollback": {}}.get(action, evidence)
    if action == "Abort":
        fields = {"attempt": "0123456789-a1"}
    return {
        "apiVersion": "perennial.dev/v1alpha1",
        "kind": "Decision",
        "metadata": {"name": "decided"},
        "spec": {
            "action": action,
            "target": {"kind": "ModelDeployment", "name": target},
            "by": by,
            **fields,
        },
    }


def rule(group: str, resource: str, *verbs: str, names: tuple[str, ...] = ()) -> Document:
    """Return one rule of a Role."""
    found: Document = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    return {**found, "resourceNames": list(names)} if names else found


ROLES: Mapping[str, list[Document]] = {
    # Asks for models and runs, may read one Secret and use one ServiceAccount.
    "intern": [
        rule("perennial.dev", "modeldeployments", "create", "update", "get"),
        rule("perennial.dev", "retrainjobs", "create", "update", "get"),
        rule("", "secrets", "get", names=("own", *(f"own-{each}" for each in range(12)))),
        rule("", "serviceaccounts", "use", names=("reader",)),
    ],
    # Approves one model only.
    "owner": [
        rule("perennial.dev", "decisions", "create"),
        rule("perennial.dev", "decisions", "approve", names=("churn",)),
    ],
}


@pytest.fixture(scope="module")
def roles(person: Persons) -> Iterator[Persons]:
    """Give the people of ROLES, and a program, their rights."""
    admin = person("admin")
    for name, rules in ROLES.items():
        admin.send(f"{RBAC}/roles", {"metadata": {"name": name}, "rules": rules})
        subject = {"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}
        admin.send(f"{RBAC}/rolebindings", binding(name, "Role", role=name, subject=subject))
    account = {"kind": "ServiceAccount", "name": "pipeline", "namespace": NAMESPACE}
    admin.send(
        f"{RBAC}/rolebindings",
        binding("pipeline", "ClusterRole", role="perennial-approver", subject=account),
    )
    admin.send(
        f"{RBAC}/rolebindings",
        binding("pipeline-2", "ClusterRole", role="perennial-operations", subject=account),
    )
    await_rights(person)
    yield person
    for kind in ("roles", "rolebindings"):
        admin.http.delete(f"{RBAC}/{kind}").raise_for_status()


def binding(name: str, kind: str, *, role: str, subject: Document) -> Document:
    """Return a RoleBinding."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role}
    return {"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]}


def await_rights(person: Persons) -> None:
    """Wait until the API server knows the last right that was given."""
    deadline = time.monotonic() + 20
    abort = decision(f"system:serviceaccount:{NAMESPACE}:pipeline", "Abort")
    while program(person).create(abort).status != 201:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def program(person: Persons) -> Person:
    """Return the way of a ServiceAccount."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}")
    way: Person = person(f"system:serviceaccount:{NAMESPACE}:pipeline", *groups)
    return way


def operator(person: Persons) -> Person:
    """Return the way of the operator itself."""
    groups = ("system:serviceaccounts", "system:serviceaccounts:perennial-system")
    way: Person = person(OPERATOR, *groups)
    return way


SECRET_PATHS: tuple[Mapping[str, object], ...] = (
    {"model": {"uri": "s3://models/churn/", "credentialsSecretRef": {"name": "foreign"}}},
    {
        "pod": {
            "env": [
                {"name": "A", "valueFrom": {"secretKeyRef": {"name": "foreign", "key": "k"}}},
            ]
        }
    },
    {
        "pod": {
            "volumes": [{"name": "a", "mountPath": "/a", "secret": {"secretName": "foreign"}}],
        }
    },
    {"pod": {"imagePullSecrets": [{"name": "foreign"}]}},
)
RUN_SECRET_PATHS: tuple[Mapping[str, object], ...] = (
    {"output": {"uri": "s3://models/churn/", "credentialsSecretRef": {"name": "foreign"}}},
    {
        "data": {
            "source": {"uri": "s3://data/churn.csv"},
            "columns": {"label": "left"},
            "credentialsSecretRef": {"name": "foreign"},
        }
    },
    {
        "trainer": {
            "container": {
                "image": f"registry.example/t@{DIGEST}",
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "foreign", "key": "k"}}},
                ],
            }
        }
    },
    {
        "trainer": {
            "recipe": {"name": "tabular-classification"},
            "pod": {
                "volumes": [
                    {"name": "a", "mountPath": "/a", "secret": {"secretName": "foreign"}},
                ]
            },
        }
    },
)
FOREIGN = [model(each) for each in SECRET_PATHS] + [run(each) for each in RUN_SECRET_PATHS]


@pytest.mark.parametrize("document", FOREIGN, ids=range(len(FOREIGN)))
def test_a_secret_that_its_author_may_not_read_is_refused(
    roles: Persons, document: Document
) -> None:
    """No position of a reference lends out a Secret; whoever may read it may refer to it."""
    refused = roles("intern", *OUTSIDER).create(document)
    allowed = roles("admin").create(document)

    assert refused.status == 403
    assert (
        "refer to a Secret that you may read, or ask for the right to get foreign"
        in refused.message
    )
    assert allowed.status == 201


def test_an_own_secret_may_be_referred_to(roles: Persons) -> None:
    """The right to get that one Secret is enough."""
    reference = {"uri": "s3://models/churn/", "credentialsSecretRef": {"name": "own"}}

    answer = roles("intern", *OUTSIDER).create(model({"model": reference}))

    assert (answer.status, answer.message) == (201, "")


def mounting(secrets: list[str]) -> Document:
    """Return a model whose environment comes from these Secrets."""
    environment = [
        {"name": f"A{number}", "valueFrom": {"secretKeyRef": {"name": name, "key": "k"}}}
        for number, name in enumerate(secrets)
    ]
    return model({"pod": {"env": environment}})


def test_ten_secrets_are_asked_about_one_by_one(roles: Persons) -> None:
    """However often each occurs; the tenth is asked about, too."""
    intern = roles("intern", *OUTSIDER)
    own = [f"own-{each}" for each in range(9)]

    assert intern.create(mounting([*own, "own"] * 4)).status == 201
    refused = intern.create(mounting([*own, "foreign"]))

    assert refused.status == 403
    assert "ask for the right to get foreign, because" in refused.message


def test_more_secrets_than_can_be_asked_about_need_the_right_to_all(roles: Persons) -> None:
    """Whoever reads all Secrets of the namespace is not limited."""
    document = mounting([f"own-{each}" for each in range(11)])

    refused = roles("intern", *OUTSIDER).create(document)

    assert refused.status == 403
    assert "refer to at most 10 Secrets that are new here" in refused.message
    assert roles("admin").create(document).status == 201


def test_a_reference_that_was_there_does_not_stop_another_s_edit(roles: Persons) -> None:
    """Only new references are asked about, so a model stays editable."""
    reference = {"uri": "s3://models/churn/", "credentialsSecretRef": {"name": "foreign"}}
    made = roles("admin").create(model({"model": reference}), keep=True)
    intern = roles("intern", *OUTSIDER)
    try:
        edited = {**made.document, "spec": {**made.document["spec"], "replicas": 2}}
        more = {**edited, "spec": {**edited["spec"], **SECRET_PATHS[3]}}
        other = {"pod": {"imagePullSecrets": [{"name": "second"}]}}
        another = {**edited, "spec": {**edited["spec"], **other}}
        answers = [intern.replace(each).status for each in (edited, more, another)]
    finally:
        roles("admin").delete(made.document)

    assert answers == [200, 200, 403]


@pytest.mark.parametrize("kind", ["ModelDeployment", "RetrainJob"])
def test_a_foreign_service_account_needs_the_verb_use(roles: Persons, kind: str) -> None:
    """Pods act in the name of an account only if the author may use it."""
    intern = roles("intern", *OUTSIDER)

    def asking(account: str) -> Document:
        pod = {"serviceAccountName": account}
        if kind == "ModelDeployment":
            return model({"pod": pod})
        return run({"trainer": {"recipe": {"name": "tabular-classification"}, "pod": pod}})

    answers = {each: intern.create(asking(each)) for each in ("admin", "reader", "default")}

    assert {name: each.status for name, each in answers.items()} == {
        "admin": 403,
        "reader": 201,
        "default": 201,
    }
    assert "ask for the verb use on ServiceAccount admin" in answers["admin"].message


def test_requested_by_is_whoever_asks(person: Persons) -> None:
    """Nobody asks in another's name, so nobody can approve an own request unseen."""
    forged = person("scientist").create(run({"requestedBy": "approver"}))
    honest = person("scientist").create(run({"requestedBy": "scientist"}))
    silent = person("scientist").create(run())

    assert forged.status == 403
    assert "set spec.requestedBy to your own user name, scientist" in forged.message
    assert (honest.status, silent.status) == (201, 201)


def test_the_operator_asks_in_the_name_of_a_person(person: Persons) -> None:
    """A Retry is made by the operator for whoever decided it, with that run's references."""
    document = run(
        {
            "requestedBy": "scientist",
            "trigger": {"type": "Retry", "id": "churn-0/1"},
            **RUN_SECRET_PATHS[0],
        },
        labels={"app.kubernetes.io/managed-by": "perennial"},
    )

    answer = operator(person).create(document)

    assert (answer.status, answer.message) == (201, "")


def test_only_the_operator_makes_retries(person: Persons) -> None:
    """A person's way to a Retry is a Decision."""
    answer = person("scientist").create(run({"trigger": {"type": "Retry", "id": "churn-0/1"}}))

    assert answer.status == 403
    assert "create a Decision with action: Retry" in answer.message


def test_only_the_operator_marks_a_run_as_its_own(person: Persons) -> None:
    """The label is refused at creation and when it is added later; other labels are free."""
    scientist = person("scientist")
    marked = scientist.create(run(labels={"app.kubernetes.io/managed-by": "perennial"}))
    helm = scientist.create(run(labels={"app.kubernetes.io/managed-by": "Helm"}), keep=True)
    try:
        metadata = helm.document["metadata"]
        ours = {**metadata, "labels": {"app.kubernetes.io/managed-by": "perennial"}}
        team = {**metadata, "labels": {"team": "fraud"}}
        later = scientist.replace({**helm.document, "metadata": ours})
        free = scientist.replace({**helm.document, "metadata": team})
    finally:
        person("admin").delete(helm.document)

    assert (marked.status, later.status, free.status) == (403, 403, 200)
    assert "remove label app.kubernetes.io/managed-by: perennial" in marked.message
    assert (
        marked.message.partition("denied request")[2]
        == later.message.partition("denied request")[2]
    )


@pytest.mark.parametrize(
    ("who", "action", "status"),
    [
        ("approver", "Approve", 201),
        ("approver", "Reject", 201),
        ("approver", "Promote", 201),
        ("approver", "Rollback", 201),
        ("approver", "Abort", 201),
        ("approver", "Retry", 201),
        ("scientist", "Abort", 201),
        ("scientist", "Retry", 201),
        ("scientist", "Approve", 403),
        ("scientist", "Reject", 403),
        ("scientist", "Promote", 403),
        ("scientist", "Rollback", 403),
        ("admin", "Approve", 201),
    ],
)
def test_each_role_holds_its_actions(
    person: Persons, *, who: str, action: str, status: int
) -> None:
    """Scientists ask and stop; approvers decide and operate."""
    answer = person(who).create(decision(who, action))

    assert answer.status == status
    if status == 403:
        assert f"ask for the verb {action.lower()} on decisions.perennial.dev" in answer.message


def test_nobody_decides_in_another_s_name(person: Persons) -> None:
    """Neither the administrator nor the approver writes another's name."""
    for who in ("approver", "admin"):
        answer = person(who).create(decision("somebody"))

        assert answer.status == 403
        assert f"set spec.by to your own user name, {who}" in answer.message


def test_a_right_may_be_narrowed_to_one_model(roles: Persons) -> None:
    """The verb is checked with the name of the target."""
    owner = roles("owner", *OUTSIDER)

    assert owner.create(decision("owner", target="churn")).status == 201
    assert owner.create(decision("owner", target="fraud")).status == 403


def test_programs_stop_but_do_not_approve(roles: Persons) -> None:
    """A ServiceAccount with every right aborts, and is refused where a person must decide."""
    way = program(roles)
    me = f"system:serviceaccount:{NAMESPACE}:pipeline"

    refused = [way.create(decision(me, each)) for each in ("Approve", "Reject", "Promote")]

    assert [each.status for each in refused] == [403, 403, 403]
    assert "let a person create this Decision with their own user" in refused[0].message
    assert way.create(decision(me, "Rollback")).status == 201


def test_the_operator_itself_decides_nothing(person: Persons) -> None:
    """Its role has no right to create a Decision."""
    answer = operator(person).create(decision(OPERATOR, "Abort"))

    assert answer.status == 403
    assert "cannot create resource" in answer.message


def test_impersonation_needs_its_own_right(person: Persons) -> None:
    """Without the right to impersonate nobody borrows a name."""
    scientist = person("scientist")
    scientist.http.headers["Impersonate-User"] = "approver"

    answer = scientist.create(decision("approver"))

    assert answer.status == 403
    assert "cannot impersonate" in answer.message


def test_the_operator_reads_no_secret_and_its_policies_only(person: Persons) -> None:
    """It creates Secrets, reads none, and gets the three policies and bindings by name."""
    http = operator(person).http
    policies = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"

    statuses = {
        path: http.get(path).status_code
        for path in (
            f"/api/v1/namespaces/{NAMESPACE}/secrets",
            f"/api/v1/namespaces/{NAMESPACE}/secrets/own",
            policies,
            f"{policies}/perennial-models",
            f"{policies}/other",
            f"{policies.removesuffix('ies')}ybindings/perennial-decisions",
        )
    }

    assert list(statuses.values()) == [403, 403, 403, 200, 403, 200]

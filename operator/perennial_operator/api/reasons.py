"""Machine reasons of conditions, findings and Events: CamelCase, one constant a reason.

A reason is never renamed: people alert on it.
"""

# Any kind: what went wrong with an object or with our access to it.
INVALID_SPEC = "InvalidSpec"
REF_NOT_FOUND = "RefNotFound"
FIELD_CONFLICT = "FieldConflict"
NAME_COLLISION = "NameCollision"
CHILD_REJECTED = "ChildRejected"
FORBIDDEN = "Forbidden"
QUOTA_EXCEEDED = "QuotaExceeded"
PROGRESS_DEADLINE_EXCEEDED = "ProgressDeadlineExceeded"
UNAVAILABLE = "Unavailable"
SOURCE_UNAVAILABLE = "SourceUnavailable"
RECONCILE_BUG = "ReconcileBug"
UNKNOWN = "Unknown"

# ModelDeployment: Available, Reconciling, Stalled, Ready.
READY = "Ready"
SERVING = "Serving"
STARTING = "Starting"
ROLLING_OUT = "RollingOut"
AWAITING_APPROVAL = "AwaitingApproval"
RECOVERING = "Recovering"
MODEL_REJECTED = "ModelRejected"
ROLLED_BACK = "RolledBack"
SCALED_TO_ZERO = "ScaledToZero"
NOT_READY = "NotReady"
AT_REST = "AtRest"

# ModelDeployment: ModelVerified.
VERIFIED = "Verified"
FETCHING = "Fetching"
DIGEST_MISMATCH = "DigestMismatch"
FORMAT_MISMATCH = "FormatMismatch"
FORMAT_REFUSED = "FormatRefused"

# ModelDeployment: TrafficApplied.
ACKNOWLEDGED = "Acknowledged"
PENDING = "Pending"
ROUTER_MISSING = "RouterMissing"
ROUTE_CONFLICT = "RouteConflict"
WEIGHT_NOT_HONORED = "WeightNotHonored"

# Rollout: why an attempt went back.
BREAKER = "Breaker"
PREPARATION_FAILED = "PreparationFailed"
PREPARATION_TIMEOUT = "PreparationTimeout"
REJECTED = "Rejected"
APPROVAL_TIMEOUT = "ApprovalTimeout"
HOLD_TIMEOUT = "HoldTimeout"
ABORTED = "Aborted"
SUPERSEDED = "Superseded"
WITHDRAWN = "Withdrawn"

# Rollout: why it holds.
ROUTER_NOT_ACKNOWLEDGING = "RouterNotAcknowledging"
CAPACITY_SHORT = "CapacityShort"
CONTROL_UNHEALTHY = "ControlUnhealthy"
NO_TRAFFIC = "NoTraffic"
EVIDENCE_MISSING = "EvidenceMissing"

# Rollout: Events.
ROLLOUT_STARTED = "RolloutStarted"
STEP_REACHED = "StepReached"
ROLLOUT_HOLDING = "RolloutHolding"
ROLLOUT_RESUMED = "RolloutResumed"
APPROVAL_AWAITED = "ApprovalAwaited"
PROMOTED = "Promoted"
REVERTED = "Reverted"
WEIGHT_WITHDRAWN = "WeightWithdrawn"
ROLLOUT_FAILED = "RolloutFailed"

# RetrainJob: Suspended, Approved.
RUNNING = "Running"
WAITING_FOR_QUOTA = "WaitingForQuota"
NOT_REQUIRED = "NotRequired"
APPROVED = "Approved"
OVERRIDDEN = "Overridden"
APPROVAL_TIMED_OUT = "ApprovalTimedOut"
WAITING = "Waiting"

# RetrainJob: DataReady.
RESOLVED = "Resolved"
RESOLVED_WITH_WARNINGS = "ResolvedWithWarnings"
SOURCE_MISSING = "SourceMissing"
SNAPSHOT_EXPIRED = "SnapshotExpired"
QUALITY_FAILED = "QualityFailed"
READER_MISSING = "ReaderMissing"

# RetrainJob: Trained.
HARVESTED = "Harvested"
NOT_RUN = "NotRun"
TRAINING = "Training"
HARVESTING = "Harvesting"
OOM_KILLED = "OOMKilled"
DEADLINE_EXCEEDED = "DeadlineExceeded"
ATTEMPTS_EXCEEDED = "AttemptsExceeded"
TRAINER_REFUSED = "TrainerRefused"
ENGINE_REJECTED = "EngineRejected"
IMAGE_REJECTED = "ImageRejected"
RESULT_MISSING = "ResultMissing"
RESULT_CORRUPT = "ResultCorrupt"
NOT_EQUIVALENT = "NotEquivalent"
STEP_FAILED = "StepFailed"
DISRUPTED = "Disrupted"
TRY_LATER = "TryLater"
TRAINER_FAILED = "TrainerFailed"

# RetrainJob: Validated.
PASSED = "Passed"
REGRESSED = "Regressed"
BELOW_FLOOR = "BelowFloor"
INCONCLUSIVE = "Inconclusive"
NO_CHAMPION = "NoChampion"
OTHER_SIGNATURE = "OtherSignature"
HOLDOUT_SHORT = "HoldoutShort"

# RetrainJob: Promoted, Complete.
OFFERED = "Offered"
NEW_CHAMPION = "NewChampion"
PINNED_BY_GIT = "PinnedByGit"
BLOCKED = "Blocked"
NOT_PICKED_UP = "NotPickedUp"
CANDIDATE_REJECTED = "CandidateRejected"
KEPT = "Kept"
CANCELED = "Canceled"
SKIPPED = "Skipped"
START_DEADLINE_EXCEEDED = "StartDeadlineExceeded"

# RetrainJob: Events.
RETRAIN_STARTED = "RetrainStarted"
DATA_REJECTED = "DataRejected"
TRAINING_FAILED = "TrainingFailed"
CANDIDATE_READY = "CandidateReady"
GATE_PASSED = "GatePassed"
GATE_REFUSED = "GateRefused"
GATE_INCONCLUSIVE = "GateInconclusive"
APPROVAL_NEEDED = "ApprovalNeeded"
RUN_ENDED = "RunEnded"

# Decision: Answered.
ACCEPTED = "Accepted"
STALE = "Stale"
TARGET_NOT_FOUND = "TargetNotFound"
SELF_APPROVAL = "SelfApproval"
POLICY_MISSING = "PolicyMissing"

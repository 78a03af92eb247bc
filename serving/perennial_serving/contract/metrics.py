"""Names of the metrics on the admin port; recording rules, alerts and the router read them."""

LABEL_MODEL = "model"
LABEL_REVISION = "revision"
LABEL_LANE = "lane"
LABEL_PROTOCOL = "protocol"
LABEL_CODE = "code"
LABEL_STAGE = "stage"
LABEL_REASON = "reason"
LABEL_WHERE = "where"
LABEL_DIGEST = "digest"
LABEL_FORMAT = "format"
LABEL_RUNTIME = "runtime"

LANE_LIVE = "live"
LANE_SHADOW = "shadow"
LANE_HEADER = "x-perennial-lane"

PROTOCOL_JSON = "json"

STAGE_DECODE = "decode"
STAGE_QUEUE = "queue"
STAGE_RUN = "run"
STAGE_ENCODE = "encode"

WHERE_QUEUE = "queue"
WHERE_RUN = "run"

REQUESTS = "perennial_requests_total"
REQUEST_SECONDS = "perennial_request_seconds"
STAGE_SECONDS = "perennial_stage_seconds"
ROWS = "perennial_inference_rows_total"
BATCHES = "perennial_batches_total"
BATCH_SPLITS = "perennial_batch_splits_total"
IN_FLIGHT = "perennial_requests_in_flight"
QUEUED = "perennial_requests_queued"
REJECTED = "perennial_requests_rejected_total"
INVALID = "perennial_invalid_requests_total"
BUGS = "perennial_bugs_total"
DEADLINE_EXCEEDED = "perennial_deadline_exceeded_total"
CANCELED = "perennial_canceled_total"
NONFINITE = "perennial_nonfinite_outputs_total"
LOOP_LAG = "perennial_loop_lag_seconds"
MODEL_INFO = "perennial_model_info"
MODEL_READY = "perennial_model_ready"
MODEL_LOAD_SECONDS = "perennial_model_load_seconds"

REQUEST_BUCKETS = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1.0, 2.0, 5.0, 10.0, 30.0),
)

use super::*;

fn classified(status: u16, body: &str) -> Failure {
    classify(status, &HeaderMap::new(), body, RequestInfo { server: "http://x/v1", model: "nope" })
}

#[test]
fn an_overflow_is_known_in_every_dialect() {
    for (status, body, prompt, window) in [
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens, which exceeds this limit even without any output tokens.","type":"BadRequestError","code":400}}"#,
            Some(2049),
            Some(2048),
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"request (9347 tokens) exceeds the available context size (2048 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9347,"n_ctx":2048}}"#,
            Some(9347),
            Some(2048),
        ),
        (
            400,
            r#"{"object":"error","message":"The input (5000 tokens) is longer than the model's context length (4096 tokens).","type":"BadRequestError","param":null,"code":400}"#,
            Some(5000),
            Some(4096),
        ),
        (
            400,
            r#"{"error":"Trying to keep the first 5177 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough. Try to load the model with a larger context length"}"#,
            Some(5177),
            Some(4096),
        ),
        (
            200,
            r#"{"error":"The number of tokens to keep from the initial prompt is greater than the context length."}"#,
            None,
            None,
        ),
        (
            400,
            r#"{"error":{"message":"Your input exceeds the context window of this model.","code":"context_length_exceeded"}}"#,
            None,
            None,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            Some(210_000),
            Some(200_000),
        ),
    ] {
        match classified(status, body).error {
            ModelError::ContextOverflow { prompt: p, window: w, .. } => {
                assert_eq!((p, w), (prompt, window), "{body}")
            }
            other => panic!("{body}: {other}"),
        }
    }
}

#[test]
fn a_reply_limit_that_is_too_large_is_not_a_prompt_that_is_too_long() {
    for (body, refit) in [
        (
            r#"{"error":{"message":"max_tokens=1000000 cannot be greater than max_model_len=2048. Please request fewer output tokens."}}"#,
            (2048, None),
        ),
        (
            r#"{"error":{"message":"'max_tokens' or 'max_completion_tokens' is too large: 32768. This model's maximum context length is 4096 tokens and your request has 400 input tokens (32768 > 4096 - 400)."}}"#,
            (4096, Some(400)),
        ),
        (
            r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (1000 in the messages, 4000 in the completion)."}}"#,
            (4096, Some(1000)),
        ),
        (
            r#"{"error":{"message":"This model's maximum context length is 4096 tokens. However, you requested 4000 output tokens and your prompt contains at least 97 input tokens, for a total of at least 4097 tokens."}}"#,
            (4096, None),
        ),
        (
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again"}}"#,
            (200_000, Some(188_240)),
        ),
    ] {
        assert_eq!(classified(400, body).refit, Some(refit), "{body}");
    }
}

#[test]
fn errors_are_classified_by_their_message() {
    for (status, body, kind) in [
        (
            400,
            r#"{"error":{"message":"System message must be at the beginning.","type":"BadRequestError","code":400}}"#,
            "bad_request",
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"\n----\nError: Jinja Exception: No user query found in messages.","type":"server_error"}}"#,
            "bad_request",
        ),
        (
            500,
            r#"{"error":{"code":500,"message":"Failed to parse tool call arguments as JSON: …","type":"server_error"}}"#,
            "bad_request",
        ),
        (500, "Internal Server Error", "server"),
        (503, r#"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#, "loading"),
        (503, "no healthy upstream", "overloaded"),
        (502, "<html><head><title>502</title></head><body>Bad Gateway</body></html>", "overloaded"),
        (529, r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, "overloaded"),
        (200, r#"{"error":{"message":"Overloaded","type":"overloaded_error"}}"#, "overloaded"),
        (200, r#"{"error":{"message":"Provider returned error","code":429}}"#, "rate_limited"),
        (200, r#"{"error":"Engine protocol startup was aborted"}"#, "server"),
        (429, "slow down", "rate_limited"),
        (401, r#"{"error":"Unauthorized"}"#, "auth"),
        (
            404,
            r#"{"error":{"message":"The model `nope` does not exist. Valid aliases: tinyq, other.","type":"NotFoundError"}}"#,
            "not_found",
        ),
        (
            404,
            r#"{"error":{"message":"model \"nope\" not found, try pulling it first","type":"api_error"}}"#,
            "not_found",
        ),
        (404, r#"{"type":"error","error":{"type":"not_found_error","message":"model: nope"}}"#, "not_found"),
        (404, r#"{"detail":"Not Found"}"#, "gone"),
        (404, r#"{"error":{"message":"File Not Found","type":"not_found_error","code":404}}"#, "gone"),
        (307, "", "gone"),
        (408, "", "server"),
    ] {
        assert_eq!(classified(status, body).error.kind().word(), kind, "{status} {body}");
    }
    let available = match classified(
        404,
        "{\"error\":{\"message\":\"The model `nope` does not exist. Valid aliases: tinyq, other.\"}}",
    )
    .error
    {
        ModelError::NotFound { available, .. } => available,
        other => panic!("{other}"),
    };
    assert_eq!(available, ["tinyq", "other"]);
    assert_eq!(
        classified(502, "<html><body>Bad\n Gateway</body></html>").error.to_string(),
        "the server is overloaded (502) and stayed so: Bad Gateway; try again later or with fewer attempts at a time"
    );
}

#[test]
fn the_wait_that_a_server_asks_for_is_understood_in_all_its_forms() {
    let wait = |name: &'static str, value: String| {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        classify(429, &headers, "", RequestInfo { server: "", model: "" }).wait
    };
    assert_eq!(wait("retry-after", "7".into()), Some(Duration::from_secs(7)));
    assert_eq!(wait("retry-after", "0.5".into()), Some(Duration::from_millis(500)));
    assert_eq!(wait("retry-after-ms", "1500".into()), Some(Duration::from_millis(1500)));
    assert_eq!(wait("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT".into()), Some(Duration::ZERO));
    assert_eq!(wait("retry-after", "-1".into()), None);
    assert_eq!(wait("retry-after", "soon".into()), None);
}

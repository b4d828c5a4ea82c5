//! What answers here (`/`), whether the process lives (`/healthz`) and whether it should be sent work (`/readyz`).
//!
//! The two are not the same: a process without its database lives, and must not be restarted for it.

use std::future::Future;

use axum::{Router, http::StatusCode, routing::get};

/// For whoever looks with a browser whether something is there.
const WHAT: &str =
    "This is Rondo: gRPC, pay pages and webhooks. /readyz says whether it is ready.\n";

/// The three routes. `ready` is asked at each `/readyz`, and should look at the store; its complaint is
/// the answer's text, so it must name no secret.
pub fn routes<Check, Answer>(ready: Check) -> Router
where
    Check: Fn() -> Answer + Clone + Send + Sync + 'static,
    Answer: Future<Output = Result<(), String>> + Send,
{
    let ready = || async move {
        match ready().await {
            Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
            Err(complaint) => (StatusCode::SERVICE_UNAVAILABLE, format!("{complaint}\n")),
        }
    };
    Router::new()
        .route("/", get(|| async { WHAT }))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::Request};
    use tower::ServiceExt;

    use super::*;

    async fn status(router: Router, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn whoever_looks_at_the_port_is_told_what_is_there() {
        let request = Request::get("/").body(Body::empty()).unwrap();
        let answer = routes(|| async { Ok(()) }).oneshot(request).await.unwrap();
        let text = axum::body::to_bytes(answer.into_body(), 1_000).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        assert!(text.contains("Rondo") && text.contains("/readyz"), "{text}");
    }

    #[tokio::test]
    async fn a_process_without_its_database_lives_but_is_not_ready() {
        let cut_off = routes(|| async { Err("the database does not answer".to_owned()) });
        assert_eq!(status(cut_off.clone(), "/healthz").await, StatusCode::OK);
        assert_eq!(status(cut_off, "/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        let whole = routes(|| async { Ok(()) });
        assert_eq!(status(whole, "/readyz").await, StatusCode::OK);
    }
}

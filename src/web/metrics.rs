//! `/metrics`, in the Prometheus text format. What is measured is told by those who do the work.

use axum::{Router, http::header, routing::get};

/// The route. `render` gives the text of all metrics at this moment.
pub fn routes<Render>(render: Render) -> Router
where
    Render: Fn() -> String + Clone + Send + Sync + 'static,
{
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Router::new().route("/metrics", get(|| async move { (content_type, render()) }))
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, body::to_bytes, http::Request};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_scrape_gets_the_text_of_this_moment() {
        let router = routes(|| "rondo_payments_total 2\n".to_owned());
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        assert!(answer.headers()[header::CONTENT_TYPE].to_str().unwrap().contains("version=0.0.4"));
        assert_eq!(to_bytes(answer.into_body(), 100).await.unwrap(), "rondo_payments_total 2\n");
    }
}

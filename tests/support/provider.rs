//! The gateway as its operator sees it: outages, what it knows, and the webhooks that it sends.

use reqwest::{Client, Response};
use ring::hmac;
use rondo::{gateway::News, store::InboxItem};

use super::{
    served::{HOOK_SECRET, SANDBOX_KEY},
    world::World,
};

fn http() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

impl World {
    /// The gateway is down, or up again.
    pub async fn outage(&self, is_down: bool) {
        let url = format!("{}/control", self.sandbox.base_url());
        let request = http().post(url).bearer_auth(SANDBOX_KEY);
        let request = request.json(&serde_json::json!({ "outage": is_down }));
        assert!(request.send().await.unwrap().status().is_success());
    }

    /// What the gateway tells under `path`.
    pub async fn told(&self, path: &str) -> serde_json::Value {
        let url = format!("{}{path}", self.sandbox.base_url());
        http().get(url).bearer_auth(SANDBOX_KEY).send().await.unwrap().json().await.unwrap()
    }

    /// The gateway gets an order behind our back, under a key of its own: what it answers.
    pub async fn is_ordered(
        &self,
        path: &str,
        key: &str,
        order: &serde_json::Value,
    ) -> serde_json::Value {
        let url = format!("{}{path}", self.sandbox.base_url());
        let request = http().post(url).json(order).bearer_auth(SANDBOX_KEY);
        let answer = request.header("idempotency-key", key).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        answer.json().await.unwrap()
    }

    /// Something becomes of a charge at the gateway (`take-back`, `reinstate`, `refund`, `fail`): the
    /// object as it stands then. No webhook tells of it by itself.
    pub async fn at_the_gateway(&self, what: &str, wish: serde_json::Value) -> serde_json::Value {
        let url = format!("{}/control/{what}", self.sandbox.base_url());
        let done = http().post(url).bearer_auth(SANDBOX_KEY).json(&wish).send().await.unwrap();
        assert!(done.status().is_success(), "{done:?}");
        done.json().await.unwrap()
    }

    /// The gateway's webhook tells of an object, and all that follows happens.
    pub async fn hears(&self, object: &serde_json::Value) {
        let kind = object["object"].as_str().unwrap_or("charge");
        let (id, status) = (object["id"].as_str().unwrap(), object["status"].as_str().unwrap());
        let event = serde_json::json!({
            "id": format!("evt_{id}_{status}"), "type": format!("{kind}.{status}"), "object": object,
        });
        assert_eq!(self.hook(&event.to_string(), 0).await.status(), 200);
        self.settle().await;
    }

    /// The gateway has told this by a webhook, and all that follows happens.
    pub async fn is_told(&self, news: News) {
        let received_at = self.rondo.clock.now();
        let item = InboxItem {
            gateway: "sandbox".to_owned(),
            event_id: format!("evt_{}", self.api.request_id()),
            body: Vec::new(),
            news: serde_json::to_value([news]).unwrap(),
            received_at,
            due_at: Some(received_at),
            tries: 0,
            tries_read: 0,
            failure: None,
        };
        let mut repo = self.rondo.store.begin().await.unwrap();
        assert!(repo.receive_webhook(&item).await.unwrap(), "it had come before");
        repo.commit().await.unwrap();
        self.settle().await;
    }

    /// A webhook to the site, signed as the gateway signs, so many seconds ago.
    pub async fn hook(&self, body: &str, seconds_ago: i64) -> Response {
        let at = self.rondo.clock.now().timestamp() - seconds_ago;
        let key = hmac::Key::new(hmac::HMAC_SHA256, HOOK_SECRET.as_bytes());
        let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
        let tag = tag.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        self.raw_hook("sandbox", body.to_owned(), &format!("t={at},v1={tag}")).await
    }

    /// A webhook that bears this signature.
    pub async fn raw_hook(&self, gateway: &str, body: String, signature: &str) -> Response {
        let url = format!("{}/hooks/{gateway}", self.rondo.public_url);
        let request = http().post(url).header("sandbox-signature", signature).body(body);
        request.send().await.unwrap()
    }

    /// A page of the gateway's, by its address, expires: nobody can pay on it any more.
    pub async fn page_expires(&self, page: &str) {
        let (_, id) = page.rsplit_once('/').unwrap();
        let url = format!("{}/v1/pages/{id}/cancel", self.sandbox.base_url());
        let expired = http().post(url).bearer_auth(SANDBOX_KEY).send().await.unwrap();
        assert!(expired.status().is_success(), "{expired:?}");
    }
}

//! A request takes effect once, and so does a webhook.

use chrono::TimeDelta;
use rondo::{
    domain::payment::reading::Readings,
    store::{InboxItem, Restored, StoreError, StoredReply},
};
use rstest::rstest;
use uuid::Uuid;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    given::at,
    open,
};

fn reply(request: u128, day: &str) -> StoredReply {
    StoredReply {
        scope: "key_1/CreatePlan".into(),
        request_id: Uuid::from_u128(request),
        request_hash: [7; 32],
        reply: vec![0, 159, 146, 150],
        at: at(day),
    }
}

#[rstest]
#[tokio::test]
async fn a_request_has_one_reply(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let first = reply(1, "2026-01-01");
    let mut repo = store.begin().await.unwrap();
    repo.store_reply(&first).await.unwrap();
    repo.commit().await.unwrap();

    let mut repo = store.begin().await.unwrap();
    let kept = repo.stored_reply(&first.scope, first.request_id).await.unwrap();
    assert_eq!(kept, Some(first.clone()));
    assert_eq!(repo.stored_reply("key_2/CreatePlan", first.request_id).await.unwrap(), None);
    let again = StoredReply { reply: vec![], ..first };
    match repo.store_reply(&again).await {
        Err(StoreError::Duplicate { constraint }) => assert_eq!(constraint, "stored_reply_pkey"),
        other => panic!("a second reply was kept: {other:?}"),
    }
}

#[rstest]
#[tokio::test]
async fn old_replies_are_forgotten_a_few_at_a_time(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let mut repo = store.begin().await.unwrap();
    for (request, day) in [(1, "2026-01-01"), (2, "2026-01-02"), (3, "2026-01-03")] {
        repo.store_reply(&reply(request, day)).await.unwrap();
    }
    let before = at("2026-01-03");
    assert_eq!(repo.forget_replies(before, 1).await.unwrap(), 1);
    let oldest = reply(1, "2026-01-01");
    assert_eq!(repo.stored_reply(&oldest.scope, oldest.request_id).await.unwrap(), None);
    assert_eq!(repo.forget_replies(before, 9).await.unwrap(), 1);
    assert_eq!(repo.forget_replies(before, 9).await.unwrap(), 0);
}

fn webhook(event: &str, day: &str) -> InboxItem {
    InboxItem {
        gateway: "sandbox".into(),
        event_id: event.into(),
        body: b"{\"raw\": \xff}".to_vec(),
        news: serde_json::json!({"paid": {"reference": "ch_1"}}),
        received_at: at(day),
        due_at: Some(at(day)),
        tries: 0,
        tries_read: 0,
        failure: None,
    }
}

#[rstest]
#[tokio::test]
async fn a_webhook_is_kept_once(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let mut repo = store.begin().await.unwrap();
    assert!(repo.receive_webhook(&webhook("1", "2026-01-01")).await.unwrap());
    assert!(!repo.receive_webhook(&webhook("1", "2026-01-02")).await.unwrap());
    let elsewhere = InboxItem { gateway: "stripe".into(), ..webhook("1", "2026-01-02") };
    assert!(repo.receive_webhook(&elsewhere).await.unwrap());
    let claimed = repo.claim_inbox(at("2026-02-01"), 9).await.unwrap();
    assert_eq!(claimed, [webhook("1", "2026-01-01"), elsewhere]);
}

#[rstest]
#[tokio::test]
async fn a_webhook_waits_until_it_is_due_and_rests_once_applied(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let store = open(engine).await;
    let mut repo = store.begin().await.unwrap();
    let item = webhook("1", "2026-01-01");
    repo.receive_webhook(&item).await.unwrap();
    let early = item.received_at - TimeDelta::microseconds(1);
    assert_eq!(repo.claim_inbox(early, 9).await.unwrap(), []);

    let later = InboxItem {
        due_at: Some(at("2026-01-02")),
        tries: 1,
        failure: Some("no such attempt".into()),
        ..item.clone()
    };
    repo.update_inbox(std::slice::from_ref(&later)).await.unwrap();
    assert_eq!(repo.claim_inbox(at("2026-01-01"), 9).await.unwrap(), []);
    let taken_up = InboxItem { tries_read: 1, ..later.clone() };
    let claimed = repo.claim_inbox(at("2026-01-02"), 9).await.unwrap();
    assert_eq!(claimed, std::slice::from_ref(&taken_up));

    // Whoever had it before another took it up has no say any more.
    let stale = repo.update_inbox(&[later]).await;
    assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
    repo.update_inbox(&[InboxItem { due_at: None, ..taken_up }]).await.unwrap();
    assert_eq!(repo.claim_inbox(at("2027-01-01"), 9).await.unwrap(), []);
    assert!(!repo.receive_webhook(&item).await.unwrap());
}

#[tokio::test]
async fn two_transactions_claim_different_webhooks() {
    let store = open(Postgres).await;
    let mut repo = store.begin().await.unwrap();
    for event in ["1", "2"] {
        repo.receive_webhook(&webhook(event, "2026-01-01")).await.unwrap();
    }
    repo.commit().await.unwrap();
    let mut one = store.begin().await.unwrap();
    let mut two = store.begin().await.unwrap();
    let first = one.claim_inbox(at("2026-02-01"), 1).await.unwrap();
    let second = two.claim_inbox(at("2026-02-01"), 9).await.unwrap();
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].event_id, second[0].event_id);
}

#[rstest]
#[tokio::test]
async fn a_database_knows_that_it_was_restored(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let mut repo = store.begin().await.unwrap();
    assert_eq!(repo.restored().await.unwrap(), None);
    let lying = Restored { backed_up_at: at("2026-01-01"), resumed_at: None };
    repo.keep_restored(lying).await.unwrap();
    assert_eq!(repo.restored().await.unwrap(), Some(lying));
    let taken_up = Restored { resumed_at: Some(at("2026-01-03")), ..lying };
    repo.keep_restored(taken_up).await.unwrap();
    assert_eq!(repo.restored().await.unwrap(), Some(taken_up));
}

#[rstest]
#[tokio::test]
async fn a_list_was_read_when_it_was_last_read(#[values(Sqlite, Postgres)] engine: Engine) {
    let store = open(engine).await;
    let mut repo = store.begin().await.unwrap();
    assert_eq!(repo.readings("sandbox").await.unwrap(), None);
    let first = Readings { recent_at: at("2026-01-02"), late_at: None };
    repo.keep_readings("sandbox", first).await.unwrap();
    assert_eq!(repo.readings("sandbox").await.unwrap(), Some(first));
    let second = Readings { recent_at: at("2026-01-03"), late_at: Some(at("2026-01-03")) };
    repo.keep_readings("sandbox", second).await.unwrap();
    assert_eq!(repo.readings("sandbox").await.unwrap(), Some(second));
    assert_eq!(repo.readings("another").await.unwrap(), None);
}

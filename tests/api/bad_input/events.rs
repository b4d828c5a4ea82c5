//! `EventsService`.

use rondo::{grpc::proto::v1, security::links::Purpose};
use rstest::rstest;

use super::{CUSTOMER, check, fields};
use crate::{
    portal::Portal,
    support::Engine::{self, Postgres, Sqlite},
};

#[rstest]
#[tokio::test]
async fn each_bad_input_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let list = v1::ListEventsRequest::default();
    let stream = v1::StreamEventsRequest::default();
    let types = vec!["invoice.paid".to_owned(), "invoice.eaten".to_owned()];
    let token = "must be one that Rondo gave out";
    let later = portal.world.rondo.clock.now() + chrono::TimeDelta::days(1);
    let links = &portal.world.rondo.links;
    // Another merchant's place, and a page's token.
    let foreign = links.sign(Purpose::EventPosition, &[7; 24], later);
    let of_page = links.sign(Purpose::PageToken, &[7; 24], later);
    let one_type = [("types[1]", "must be a type of event, like invoice.paid")];
    let rows = vec![
        fields(
            "ListEvents",
            &v1::ListEventsRequest { customer: "ana".to_owned(), ..list.clone() },
            &[("customer", CUSTOMER)],
        ),
        fields("ListEvents", &v1::ListEventsRequest { types: types.clone(), ..list }, &one_type),
        fields(
            "StreamEvents",
            &v1::StreamEventsRequest { customer: "ana".to_owned(), ..stream.clone() },
            &[("customer", CUSTOMER)],
        ),
        fields("StreamEvents", &v1::StreamEventsRequest { types, ..stream.clone() }, &one_type),
        fields(
            "StreamEvents",
            &v1::StreamEventsRequest { resume_token: "17".to_owned(), ..stream.clone() },
            &[("resume_token", token)],
        ),
        fields(
            "StreamEvents",
            &v1::StreamEventsRequest { resume_token: foreign, ..stream.clone() },
            &[("resume_token", token)],
        ),
        fields(
            "StreamEvents",
            &v1::StreamEventsRequest { resume_token: of_page, ..stream },
            &[("resume_token", token)],
        ),
    ];
    check(&portal, "EventsService", rows).await;
}

//! The queries, one file per aggregate, compiled once per engine: [`super`] is the engine, and
//! names the driver and its few words of dialect.

mod api_key;
mod attempt;
mod audit;
mod catalog;
mod customer;
mod due;
mod dunning;
mod event;
mod invoice;
mod ledger;
mod list;
mod lists;
mod merchant;
mod notice;
mod payment;
mod payment_method;
mod reading;
mod refund;
mod report;
mod repository;
mod request;
pub mod restored;
mod row;
mod statement;
mod stuck;
mod subscription;
pub mod table;
mod write;

pub use repository::Transaction;

use self::row::Stored;
use crate::domain::{
    api_key::ApiKey,
    catalog::{Plan, PlanVersion},
    customer::{Customer, PaymentMethod},
    dunning::{DunningCase, DunningPolicy},
    event::{Event, WebhookEndpoint},
    invoice::Invoice,
    merchant::Merchant,
    notice::Notice,
    payment::{Payment, attempt::Attempt, refund::Refund},
    subscription::Subscription,
};

/// What is made from a table's columns: its name, their list, the write, and the read by ids.
type MadeFrom = (&'static str, &'static str, &'static str, &'static str);

fn made_from<T: Stored>() -> MadeFrom {
    let table = T::table();
    (table.name, table.column_list(), table.write_statement(), table.by_ids_statement(T::ID))
}

fn tables() -> [MadeFrom; 17] {
    [
        made_from::<Merchant>(),
        made_from::<ApiKey>(),
        made_from::<Customer>(),
        made_from::<PaymentMethod>(),
        made_from::<Plan>(),
        made_from::<PlanVersion>(),
        made_from::<Subscription>(),
        made_from::<Invoice>(),
        made_from::<Payment>(),
        made_from::<Attempt>(),
        made_from::<Refund>(),
        made_from::<DunningPolicy>(),
        made_from::<DunningCase>(),
        made_from::<Notice>(),
        made_from::<ledger::PostingRow>(),
        made_from::<Event>(),
        made_from::<WebhookEndpoint>(),
    ]
}

fn columns_of(table: &str) -> &'static str {
    let found = tables().into_iter().find(|(name, ..)| *name == table);
    found.expect("a template names a table in braces, or a word of the dialect").1
}

/// Every fixed statement of this engine, so that a test can have the database check each.
pub fn statements() -> Vec<&'static str> {
    let written = [
        api_key::STATEMENTS,
        attempt::STATEMENTS,
        audit::STATEMENTS,
        catalog::STATEMENTS,
        customer::STATEMENTS,
        due::STATEMENTS,
        dunning::STATEMENTS,
        event::STATEMENTS,
        invoice::STATEMENTS,
        ledger::STATEMENTS,
        merchant::STATEMENTS,
        notice::STATEMENTS,
        payment::STATEMENTS,
        payment_method::STATEMENTS,
        reading::STATEMENTS,
        refund::STATEMENTS,
        report::STATEMENTS,
        request::STATEMENTS,
        restored::STATEMENTS,
        stuck::STATEMENTS,
        subscription::STATEMENTS,
        write::STATEMENTS,
    ];
    let made = tables().into_iter().flat_map(|(_, _, write, by_ids)| [write, by_ids]);
    written.into_iter().flatten().map(|statement| statement.text()).chain(made).collect()
}

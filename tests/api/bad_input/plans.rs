//! `PlansService`.

use rondo::grpc::proto::{
    google::r#type::Money,
    v1::{
        self, billing_interval::Unit, cancel_plan_request::ExistingSubscriptions as OnCancel,
        plan_terms::Alignment,
    },
};
use rstest::rstest;

use super::{
    ETAG, NO_ETAG, NO_PLAN, NO_POLICY, PLAN, POLICY, Row, check, fields, mask, nowhere, stale,
    state, with,
};
use crate::{
    given,
    portal::{Portal, euro, monthly},
    support::Engine::{self, Postgres, Sqlite},
};

const SERVICE: &str = "PlansService";
const NAME: &str = "must have 1 to 200 characters";
const ENTITLEMENT: &str = "must have 1 to 200 characters, without spaces around them";
const CURRENCY: &str = "must be an ISO 4217 currency code such as EUR, in capitals";

type Spoil = fn(&mut v1::Plan);
/// How a plan is spoilt, and what is said of each field then.
type Wrong = (Spoil, Vec<(&'static str, &'static str)>);

fn good() -> v1::Plan {
    v1::Plan {
        display_name: "Monthly".to_owned(),
        terms: Some(monthly(2_000)),
        ..Default::default()
    }
}

fn terms(plan: &mut v1::Plan) -> &mut v1::PlanTerms {
    plan.terms.as_mut().unwrap()
}

fn interval(plan: &mut v1::Plan) -> &mut v1::BillingInterval {
    terms(plan).interval.as_mut().unwrap()
}

fn price(plan: &mut v1::Plan) -> &mut Money {
    &mut terms(plan).components[0].amounts[0]
}

/// What is wrong with a plan, whether it is made or changed.
fn wrong_plans() -> Vec<Wrong> {
    let mut all = wrong_rhythms();
    all.extend(wrong_prices());
    all.extend(wrong_rest());
    all
}

fn one(spoil: Spoil, field: &'static str, told: &'static str) -> Wrong {
    (spoil, vec![(field, told)])
}

fn wrong_rhythms() -> Vec<Wrong> {
    vec![
        one(|p| p.display_name = "x".repeat(201), "plan.display_name", NAME),
        one(|p| p.display_name = "  ".into(), "plan.display_name", NAME),
        one(
            |p| interval(p).unit = 0,
            "plan.terms.interval.unit",
            "must be DAY, WEEK, MONTH or YEAR",
        ),
        one(|p| interval(p).count = 0, "plan.terms.interval.count", "must be at least 1"),
        one(|p| interval(p).count = -1, "plan.terms.interval.count", "must not be negative"),
        one(
            |p| interval(p).count = 121,
            "plan.terms.interval.count",
            "must be at most 120, which is ten years",
        ),
        one(
            |p| *interval(p) = v1::BillingInterval { unit: Unit::Year.into(), count: 11 },
            "plan.terms.interval.count",
            "must be at most 10, which is ten years",
        ),
        one(
            |p| {
                terms(p).alignment = Alignment::Calendar.into();
                interval(p).count = 5;
            },
            "plan.terms.alignment",
            "must not be CALENDAR for this interval: only one week, one year, and months that \
             divide a year (1, 2, 3, 4, 6 or 12) begin with the calendar",
        ),
        one(
            |p| {
                terms(p).alignment = Alignment::Calendar.into();
                terms(p).anchor_day = 15;
            },
            "plan.terms.anchor_day",
            "must be 0 unless the alignment is ANCHOR_DAY",
        ),
        one(
            |p| {
                terms(p).alignment = Alignment::AnchorDay.into();
                terms(p).anchor_day = 32;
            },
            "plan.terms.anchor_day",
            "must be a day of the month, 1 to 31",
        ),
        one(|p| terms(p).trial_days = -1, "plan.terms.trial_days", "must not be negative"),
        one(|p| terms(p).trial_days = 731, "plan.terms.trial_days", "must be at most 730"),
    ]
}

fn wrong_prices() -> Vec<Wrong> {
    vec![
        one(
            |p| {
                let one = terms(p).components[0].clone();
                terms(p).components = vec![one; 51];
            },
            "plan.terms.components",
            "must hold at most 50",
        ),
        one(
            |p| terms(p).components[0].label = " ".into(),
            "plan.terms.components[0].label",
            "must say what the price is for, in 1 to 200 characters",
        ),
        one(
            |p| terms(p).components[0].label = "x".repeat(201),
            "plan.terms.components[0].label",
            "must say what the price is for, in 1 to 200 characters",
        ),
        one(
            |p| terms(p).components[0].model = 0,
            "plan.terms.components[0].model",
            "must be FLAT, PER_SEAT or ONE_TIME",
        ),
        one(
            |p| terms(p).components[0].amounts.clear(),
            "plan.terms.components[0].amounts",
            "must hold at least one currency",
        ),
        one(
            |p| terms(p).components[0].amounts.push(euro(100)),
            "plan.terms.components[0].amounts[1]",
            "must be the only price in EUR",
        ),
        one(
            |p| {
                let mut other = terms(p).components[0].clone();
                other.amounts[0].currency_code = "USD".into();
                terms(p).components.push(other);
            },
            "plan.terms.components[1].amounts",
            "must name the same currencies as the first price",
        ),
        one(|p| *price(p) = euro(-1), "plan.terms.components[0].amounts", "must not be negative"),
        one(
            |p| price(p).currency_code = "EURO".into(),
            "plan.terms.components[0].amounts[0].currency_code",
            CURRENCY,
        ),
        one(
            |p| price(p).currency_code.clear(),
            "plan.terms.components[0].amounts[0].currency_code",
            CURRENCY,
        ),
        one(
            |p| price(p).nanos = 5,
            "plan.terms.components[0].amounts[0].nanos",
            "must be a multiple of 10000000, because EUR has 2 digits behind the point",
        ),
        one(
            |p| price(p).nanos = 1_000_000_000,
            "plan.terms.components[0].amounts[0].nanos",
            "must lie between -999,999,999 and 999,999,999",
        ),
        one(
            |p| price(p).nanos = -10_000_000,
            "plan.terms.components[0].amounts[0].nanos",
            "must have the same sign as the units",
        ),
        one(
            |p| price(p).units = i64::MAX,
            "plan.terms.components[0].amounts[0].units",
            "is too large",
        ),
    ]
}

fn wrong_rest() -> Vec<Wrong> {
    vec![
        one(
            |p| terms(p).entitlements = vec!["course".to_owned(); 65],
            "plan.terms.entitlements",
            "must hold at most 64",
        ),
        one(
            |p| terms(p).entitlements.push(" course".to_owned()),
            "plan.terms.entitlements[1]",
            ENTITLEMENT,
        ),
        one(
            |p| terms(p).entitlements.push("x".repeat(201)),
            "plan.terms.entitlements[1]",
            ENTITLEMENT,
        ),
        one(|p| p.dunning_policy = "patient".into(), "plan.dunning_policy", POLICY),
        one(
            |p| p.dunning_policy = NO_POLICY.into(),
            "plan.dunning_policy",
            "must be one of the merchant's dunning policies",
        ),
        (
            |p| {
                interval(p).unit = 0;
                terms(p).trial_days = -1;
                p.dunning_policy = "patient".into();
            },
            vec![
                ("plan.dunning_policy", POLICY),
                ("plan.terms.interval.unit", "must be DAY, WEEK, MONTH or YEAR"),
                ("plan.terms.trial_days", "must not be negative"),
            ],
        ),
    ]
}

#[rstest]
#[tokio::test]
async fn each_bad_plan_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let known = portal.plan("Monthly", 2_000).await;
    let create = |plan: v1::Plan| v1::CreatePlanRequest { plan: Some(plan), ..Default::default() };
    let update = |plan: v1::Plan| v1::UpdatePlanRequest {
        plan: Some(v1::Plan { name: known.name.clone(), etag: known.etag.clone(), ..plan }),
        update_mask: mask(&["*"]),
        existing_subscriptions: v1::ExistingSubscriptions::Keep.into(),
        ..Default::default()
    };
    let mut rows: Vec<Row> = vec![
        fields("CreatePlan", &v1::CreatePlanRequest::default(), &[("plan", "must be set")]),
        fields(
            "CreatePlan",
            &create(with(&good(), |p| p.terms = None)),
            &[("plan.terms", "must be set")],
        ),
        fields(
            "CreatePlan",
            &create(with(&good(), |p| terms(p).interval = None)),
            &[("plan.terms.interval", "must be set")],
        ),
        fields(
            "CreatePlan",
            &create(with(&good(), |p| terms(p).components.clear())),
            &[("plan.terms.components", "must hold at least one price")],
        ),
        fields(
            "CreatePlan",
            &create(with(&good(), |p| {
                for price in &mut terms(p).components {
                    price.set_model(v1::price_component::Model::OneTime);
                }
            })),
            &[(
                "plan.terms.components",
                "must hold a price that every cycle has, FLAT or PER_SEAT: what is sold once is an \
                 invoice of its own",
            )],
        ),
    ];
    for (spoil, told) in wrong_plans() {
        let bad = with(&good(), spoil);
        rows.push(fields("CreatePlan", &create(bad.clone()), &told));
        let updated = update(bad);
        // A field after another: an update is read in the order of its fields.
        let mut in_order = told.clone();
        in_order.sort_by_key(|(field, _)| *field == "plan.dunning_policy");
        rows.push(fields("UpdatePlan", &updated, &in_order));
        let within: Vec<_> =
            in_order.iter().map(|(field, told)| (format!("update.{field}"), *told)).collect();
        let within: Vec<_> = within.iter().map(|(field, told)| (field.as_str(), *told)).collect();
        let preview = v1::PreviewPlanUpdateRequest { update: Some(updated) };
        rows.push(fields("PreviewPlanUpdate", &preview, &within));
    }
    check(&portal, SERVICE, rows).await;
}

#[rstest]
#[tokio::test]
async fn each_bad_change_is_told_so(#[values(Sqlite, Postgres)] engine: Engine) {
    let portal = Portal::on(engine).await;
    let names = given::one_of_each(&portal).await;
    let retired = portal.plan("Retired", 2_000).await;
    let dollars = with(&good(), |p| price(p).currency_code = "USD".to_owned());
    let request = v1::CreatePlanRequest { plan: Some(dollars), ..Default::default() };
    let dollars = portal.plans().create_plan(portal.ask(request)).await.unwrap().into_inner();
    let cancel = |existing: Option<OnCancel>| v1::CancelPlanRequest {
        name: names.plan.clone(),
        etag: "\"1\"".to_owned(),
        existing_subscriptions: existing,
        ..Default::default()
    };
    let run_on = OnCancel::RunOn(v1::cancel_plan_request::RunOn {});
    let request = v1::CancelPlanRequest { name: retired.name.clone(), ..cancel(Some(run_on)) };
    portal.plans().cancel_plan(portal.ask(request)).await.unwrap();

    let dearer = v1::UpdatePlanRequest {
        plan: Some(v1::Plan {
            name: names.plan.clone(),
            etag: "\"1\"".to_owned(),
            terms: Some(monthly(2_500)),
            ..Default::default()
        }),
        existing_subscriptions: v1::ExistingSubscriptions::AtRenewal.into(),
        ..Default::default()
    };
    let bad = |spoil: &dyn Fn(&mut v1::Plan)| with(&dearer, |r| spoil(r.plan.as_mut().unwrap()));
    let to = |plan: &str| {
        Some(OnCancel::MoveTo(v1::cancel_plan_request::MoveTo { plan: plan.to_owned() }))
    };
    let subscription = &names.subscription["subscriptions/".len()..];
    let unpriced = format!("{subscription} is billed in EUR, but `Membership` has no price in EUR");
    let mut rows = vec![
        fields("UpdatePlan", &v1::UpdatePlanRequest::default(), &[("plan", "must be set")]),
        fields("UpdatePlan", &bad(&|p| p.etag.clear()), &[("plan.etag", NO_ETAG)]),
        fields("UpdatePlan", &bad(&|p| p.etag = "1".to_owned()), &[("plan.etag", ETAG)]),
        stale("UpdatePlan", &bad(&|p| p.etag = "\"9\"".to_owned()), &names.plan, "\"1\""),
        fields("UpdatePlan", &bad(&|p| p.name = "monthly".to_owned()), &[("plan.name", PLAN)]),
        nowhere("UpdatePlan", &bad(&|p| p.name = NO_PLAN.to_owned()), NO_PLAN),
        fields(
            "UpdatePlan",
            &with(&dearer, |r| r.update_mask = mask(&["terms.colour"])),
            &[(
                "update_mask",
                "must name display_name, terms.interval, terms.alignment, terms.anchor_day, terms.trial_days, \
                 terms.components, terms.entitlements, dunning_policy, labels, or *, not \
                 `terms.colour`",
            )],
        ),
        fields(
            "UpdatePlan",
            &with(&dearer, |r| r.existing_subscriptions = 0),
            &[(
                "existing_subscriptions",
                "must say what becomes of those who run on older terms, because the terms change",
            )],
        ),
        fields(
            "UpdatePlan",
            &with(&dearer, |r| {
                r.existing_subscriptions = v1::ExistingSubscriptions::Now.into();
                interval(r.plan.as_mut().unwrap()).count = 2;
            }),
            &[(
                "existing_subscriptions",
                "must not be NOW when the interval or alignment changes; take AT_RENEWAL",
            )],
        ),
        state(
            "UpdatePlan",
            &with(&dearer, |r| {
                price(r.plan.as_mut().unwrap()).currency_code = "USD".to_owned();
            }),
            "NO_PRICE_IN_CURRENCY",
            &unpriced,
        ),
        fields(
            "PreviewPlanUpdate",
            &v1::PreviewPlanUpdateRequest::default(),
            &[("update", "must be set")],
        ),
        fields(
            "PreviewPlanCancel",
            &v1::PreviewPlanCancelRequest::default(),
            &[("cancel", "must be set")],
        ),
        stale(
            "PreviewPlanUpdate",
            &v1::PreviewPlanUpdateRequest { update: Some(bad(&|p| p.etag = "\"9\"".to_owned())) },
            &names.plan,
            "\"1\"",
        ),
        fields(
            "ListPlanVersions",
            &v1::ListPlanVersionsRequest { parent: "monthly".to_owned(), ..Default::default() },
            &[("parent", PLAN)],
        ),
        nowhere(
            "ListPlanVersions",
            &v1::ListPlanVersionsRequest { parent: NO_PLAN.to_owned(), ..Default::default() },
            NO_PLAN,
        ),
    ];
    for (existing, field, told) in [
        (None, "existing_subscriptions", "must be run_on, end_at_period_end, end_now or move_to"),
        (to(""), "move_to.plan", PLAN),
        (to("monthly"), "move_to.plan", PLAN),
        (to(&names.plan), "move_to.plan", "must be another plan"),
        (to(NO_PLAN), "move_to.plan", "must be one of your active plans"),
        (to(&retired.name), "move_to.plan", "must be one of your active plans"),
    ] {
        rows.push(fields("CancelPlan", &cancel(existing.clone()), &[(field, told)]));
        let preview = v1::PreviewPlanCancelRequest { cancel: Some(cancel(existing)) };
        rows.push(fields("PreviewPlanCancel", &preview, &[(&format!("cancel.{field}"), told)]));
    }
    let unread = v1::CancelPlanRequest { etag: String::new(), ..cancel(to(&dollars.name)) };
    rows.push(fields("CancelPlan", &unread, &[("etag", NO_ETAG)]));
    let preview = v1::PreviewPlanCancelRequest { cancel: Some(unread) };
    rows.push(fields("PreviewPlanCancel", &preview, &[("cancel.etag", NO_ETAG)]));
    let other_currency = cancel(to(&dollars.name));
    rows.push(state("CancelPlan", &other_currency, "NO_PRICE_IN_CURRENCY", &unpriced));
    let preview = v1::PreviewPlanCancelRequest { cancel: Some(other_currency) };
    rows.push(state("PreviewPlanCancel", &preview, "NO_PRICE_IN_CURRENCY", &unpriced));
    let version = |text: &str| v1::GetPlanVersionRequest { name: format!("{}{text}", names.plan) };
    let like = format!("{PLAN}/versions/3");
    for text in ["", "/versions/", "/versions/0", "/versions/01", "/versions/x", "/versions/1/"] {
        rows.push(fields("GetPlanVersion", &version(text), &[("name", &like)]));
    }
    let missing = format!("{}/versions/9", names.plan);
    rows.push(nowhere("GetPlanVersion", &version("/versions/9"), &missing));
    check(&portal, SERVICE, rows).await;
}

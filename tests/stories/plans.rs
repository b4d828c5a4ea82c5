//! Plans that change under those who have them: what the preview shows is what happens.

use rondo::grpc::proto::v1::{
    self, ExistingSubscriptions,
    cancel_plan_request::{self as cancel, EndAtPeriodEnd, EndNow, MoveTo, RunOn},
    cancel_subscription_request::When,
    plan_effect::Treatment,
    subscription::State::{Active, Canceled},
};
use rstest::rstest;

use crate::support::{
    Engine::{self, Postgres, Sqlite},
    api::{minor, money, shown},
    cards,
    course::Course,
    member::Member,
    offer::monthly,
    world::World,
};

/// A plan of 20.00 EUR a month and its two members, who have paid the first month.
struct Class {
    plan: v1::Plan,
    members: [(String, Member, Course); 2],
}

impl Class {
    async fn of(world: &World, place: usize) -> Self {
        let plan = world.plan(&format!("Class {place}"), "20.00 EUR").create().await;
        let join = async |name: String| {
            let member = world.member(&name, cards::GOOD).await;
            let course = world.subscribe(&member, &plan).await;
            (name, member, course)
        };
        let members = [join(format!("Ana{place}")).await, join(format!("Ben{place}")).await];
        Self { plan, members }
    }

    /// Mails that its members have got.
    fn mails(&self, world: &World) -> usize {
        self.members.iter().map(|(name, ..)| world.mail_kinds(name).len()).sum()
    }

    /// The preview named them all, or nobody.
    fn assert_told(&self, told: &v1::PlanEffect, treatment: Treatment, affected: i64) {
        let treated: Vec<_> =
            told.treatments.iter().map(|t| (t.treatment(), t.subscriptions)).collect();
        assert_eq!(treated, [(treatment, 2)]);
        assert_eq!(told.affected, affected, "{treatment:?}");
        let names: Vec<_> = self.members.iter().map(|(.., course)| course.name.clone()).collect();
        let count = usize::try_from(affected).unwrap();
        assert_eq!(told.first_affected, names[..count], "{treatment:?}");
    }

    /// The second month brings what was foreseen.
    async fn assert_revenue(&self, told: &v1::PlanEffect) {
        let [revenue] = &told.monthly_revenue[..] else { panic!("one currency: {told:?}") };
        assert_eq!(shown(revenue.before.as_ref()), "40.00 EUR");
        let mut brought = 0;
        for (.., course) in &self.members {
            let second = course.invoices().await.into_iter().nth(1);
            brought += second.map_or(0, |invoice| minor(invoice.paid.as_ref()).minor());
        }
        assert_eq!(brought, minor(revenue.after.as_ref()).minor(), "{}", self.plan.display_name);
    }
}

/// The plan gets these terms; its members do as `existing` says.
async fn changes(
    world: &World,
    plan: &v1::Plan,
    terms: v1::PlanTerms,
    existing: ExistingSubscriptions,
) -> v1::PlanEffect {
    let plan = v1::GetPlanRequest { name: plan.name.clone() };
    let plan = world.api.plans().get_plan(plan).await.unwrap().into_inner();
    let update = v1::UpdatePlanRequest {
        plan: Some(v1::Plan { terms: Some(terms), ..plan }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["terms".to_owned()] }),
        existing_subscriptions: existing.into(),
        request_id: world.api.request_id(),
        ..Default::default()
    };
    world.api.plans().update_plan(update).await.unwrap().into_inner().effect.unwrap()
}

#[rstest]
#[tokio::test]
async fn a_plans_new_terms_reach_its_members_as_the_preview_said(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let ways = [
        (ExistingSubscriptions::Keep, Treatment::Kept, 0, "courses", "courses", "20.00 EUR"),
        (
            ExistingSubscriptions::AtRenewal,
            Treatment::ChangesAtRenewal,
            2,
            "courses",
            "library",
            "25.00 EUR",
        ),
        (ExistingSubscriptions::Now, Treatment::ChangedNow, 2, "library", "library", "25.00 EUR"),
    ];
    let mut classes = Vec::new();
    for (place, way) in ways.into_iter().enumerate() {
        classes.push((Class::of(&world, place).await, way));
    }
    world.advance_to("2026-02-10").await;

    let mut done = Vec::new();
    for (class, (existing, treatment, affected, now, later, price)) in classes {
        let update = v1::UpdatePlanRequest {
            plan: Some(v1::Plan {
                name: class.plan.name.clone(),
                etag: class.plan.etag.clone(),
                terms: Some(v1::PlanTerms {
                    entitlements: vec!["library".to_owned()],
                    ..monthly("25.00 EUR")
                }),
                ..Default::default()
            }),
            existing_subscriptions: existing.into(),
            request_id: world.api.request_id(),
            ..Default::default()
        };
        let preview = v1::PreviewPlanUpdateRequest { update: Some(update.clone()) };
        let told = world.api.plans().preview_plan_update(preview).await.unwrap().into_inner();
        class.assert_told(&told, treatment, affected);

        let mails = class.mails(&world);
        let updated = world.api.plans().update_plan(update).await.unwrap().into_inner();
        assert_eq!(updated.effect.as_ref(), Some(&told));
        world.settle().await;
        assert_eq!(class.mails(&world) - mails, usize::try_from(told.mails).unwrap());
        assert_eq!(class.members[0].1.opens().await, [now], "{existing:?}");
        done.push((class, told, later, price));
    }

    world.advance_to("2026-03-01").await;
    for (class, told, later, price) in done {
        class.assert_revenue(&told).await;
        for (_, member, course) in &class.members {
            assert_eq!(member.opens().await, [later]);
            course.assert().is_active().has_totals(["20.00 EUR", price]).await;
        }
    }
}

#[rstest]
#[tokio::test]
async fn a_retired_plan_treats_its_members_as_the_preview_said(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let premium = world.plan("Premium", "30.00 EUR").opening("library").create().await;
    let to_premium = MoveTo { plan: premium.name.clone() };
    let ways = [
        (
            cancel::ExistingSubscriptions::RunOn(RunOn {}),
            Treatment::Kept,
            0,
            Active,
            Active,
            &["20.00 EUR", "20.00 EUR"][..],
        ),
        (
            cancel::ExistingSubscriptions::EndAtPeriodEnd(EndAtPeriodEnd {}),
            Treatment::EndsAtPeriodEnd,
            2,
            Active,
            Canceled,
            &["20.00 EUR"],
        ),
        (
            cancel::ExistingSubscriptions::EndNow(EndNow {}),
            Treatment::EndedNow,
            2,
            Canceled,
            Canceled,
            &["20.00 EUR"],
        ),
        (
            cancel::ExistingSubscriptions::MoveTo(to_premium),
            Treatment::MovesAtRenewal,
            2,
            Active,
            Active,
            &["20.00 EUR", "30.00 EUR"],
        ),
    ];
    let mut classes = Vec::new();
    for (place, way) in ways.into_iter().enumerate() {
        classes.push((Class::of(&world, place).await, way));
    }
    world.advance_to("2026-02-10").await;

    let mut done = Vec::new();
    for (class, (existing, treatment, affected, now, later, totals)) in classes {
        let request = v1::CancelPlanRequest {
            name: class.plan.name.clone(),
            etag: class.plan.etag.clone(),
            existing_subscriptions: Some(existing),
            request_id: world.api.request_id(),
            ..Default::default()
        };
        let preview = v1::PreviewPlanCancelRequest { cancel: Some(request.clone()) };
        let told = world.api.plans().preview_plan_cancel(preview).await.unwrap().into_inner();
        class.assert_told(&told, treatment, affected);

        let mails = class.mails(&world);
        let canceled = world.api.plans().cancel_plan(request).await.unwrap().into_inner();
        assert_eq!(canceled.effect.as_ref(), Some(&told));
        assert_eq!(canceled.plan.unwrap().state(), v1::plan::State::Retired);
        world.settle().await;
        assert_eq!(class.mails(&world) - mails, usize::try_from(told.mails).unwrap());
        class.members[0].2.assert().is(now).await;
        done.push((class, told, later, totals));
    }

    world.advance_to("2026-03-01").await;
    for (class, told, later, totals) in done {
        class.assert_revenue(&told).await;
        for (.., course) in &class.members {
            course.assert().is(later).has_totals(totals.iter().copied()).await;
        }
    }
}

#[rstest]
#[tokio::test]
async fn more_seats_take_no_new_price_back(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Team", "10.00 EUR").per_seat().create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscription(&ana).to(&plan).seats(2).create().await;
    world.advance_to("2026-02-10").await;
    let mut terms = plan.terms.clone().unwrap();
    terms.components[0].amounts = vec![money("12.00 EUR")];
    changes(&world, &plan, terms, ExistingSubscriptions::AtRenewal).await;

    course.takes_seats(3).await;
    world.advance_to("2026-03-01").await;
    course.assert().is_active().has_totals(["20.00 EUR", "36.00 EUR"]).await;
}

fn announcements(world: &World, of: &str) -> usize {
    world.mail_kinds(of).iter().filter(|kind| *kind == "plan_changing").count()
}

#[rstest]
#[tokio::test]
async fn who_leaves_hears_of_a_new_price_when_they_stay_after_all(
    #[values(ExistingSubscriptions::AtRenewal, ExistingSubscriptions::Now)]
    existing: ExistingSubscriptions,
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscribe(&ana, &plan).await;
    world.advance_to("2026-02-10").await;
    course.cancel(When::PeriodEnd).await;
    let effect = changes(&world, &plan, monthly("25.00 EUR"), existing).await;
    assert_eq!((effect.affected, effect.mails), (0, 0));
    assert_eq!(effect.treatments[0].treatment(), Treatment::AlreadyLeaving);
    world.settle().await;
    assert_eq!(announcements(&world, "Ana"), 0);

    course.undo_cancel().await;
    world.settle().await;
    assert_eq!(announcements(&world, "Ana"), 1);
    world.advance_to("2026-03-01").await;
    course.assert().is_active().has_totals(["20.00 EUR", "25.00 EUR"]).await;
}

#[rstest]
#[tokio::test]
async fn the_same_amount_more_often_is_another_price(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "120.00 EUR").yearly().create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    world.subscribe(&ana, &plan).await;
    let at_renewal = ExistingSubscriptions::AtRenewal;
    let effect = changes(&world, &plan, monthly("120.00 EUR"), at_renewal).await;
    world.settle().await;
    assert_eq!((effect.mails, announcements(&world, "Ana")), (1, 1));
}

#[rstest]
#[tokio::test]
async fn who_has_not_begun_is_welcomed_with_the_new_price_and_not_warned_of_it(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").create().await;
    let bo = world.member("Bo", cards::EMPTY).await;
    let course = world.subscribe(&bo, &plan).await;
    let effect =
        changes(&world, &plan, monthly("25.00 EUR"), ExistingSubscriptions::AtRenewal).await;
    assert_eq!((effect.affected, effect.mails), (1, 0));
    world.settle().await;
    assert_eq!(announcements(&world, "Bo"), 0);

    course.pays_with(&bo.adds_card(cards::GOOD).await).await.unwrap();
    world.settle().await;
    let mails = world.mails.mails();
    let welcome = mails.iter().find(|mail| mail.kind.as_deref() == Some("welcome")).unwrap();
    assert!(welcome.text().unwrap().replace('\u{a0}', " ").contains("€25.00 on 28 February 2026"));
}

#[rstest]
#[tokio::test]
async fn what_was_announced_and_comes_no_more_is_told(#[values(Sqlite, Postgres)] engine: Engine) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscribe(&ana, &plan).await;
    for (price, told) in [("25.00 EUR", 1), ("25.00 EUR", 1), ("20.00 EUR", 2)] {
        let terms = v1::PlanTerms { entitlements: vec![format!("{told}")], ..monthly(price) };
        changes(&world, &plan, terms, ExistingSubscriptions::AtRenewal).await;
        world.settle().await;
        assert_eq!(announcements(&world, "Ana"), told, "{price}");
    }
    world.advance_to("2026-03-01").await;
    course.assert().is_active().has_totals(["20.00 EUR", "20.00 EUR"]).await;
}

#[rstest]
#[tokio::test]
async fn who_moves_to_another_plan_is_told_no_price_of_the_one_they_leave(
    #[values(Sqlite, Postgres)] engine: Engine,
) {
    let world = World::on(engine, "2026-01-31").await;
    let plan = world.plan("Membership", "20.00 EUR").create().await;
    let premium = world.plan("Premium", "20.00 EUR").create().await;
    let ana = world.member("Ana", cards::GOOD).await;
    let course = world.subscribe(&ana, &plan).await;
    course.changes_to(&premium).await;
    world.settle().await;
    assert_eq!(announcements(&world, "Ana"), 1, "another plan is told at whatever price");
    changes(&world, &plan, monthly("25.00 EUR"), ExistingSubscriptions::Now).await;
    world.settle().await;
    assert_eq!(announcements(&world, "Ana"), 1);
    world.advance_to("2026-03-01").await;
    course.assert().is_active().has_totals(["20.00 EUR", "20.00 EUR"]).await;
}

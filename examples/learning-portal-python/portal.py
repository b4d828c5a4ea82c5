"""A learning portal and its members, told through Rondo's API: they sign up, pay, miss a payment,
come back. The time is the portal's own test clock, so that five weeks pass in seconds."""

import http.client
import os
import sys
from urllib.parse import urlencode, urlsplit

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from rondo.v1 import (
    api_keys_pb2 as api_keys,
    customers_pb2 as customers,
    dunning_pb2 as dunning,
    events_pb2 as events,
    invoices_pb2 as invoices,
    merchants_pb2 as merchants,
    payment_methods_pb2 as payment_methods,
    payments_pb2 as payments,
    plans_pb2 as plans,
    subscriptions_pb2 as subscriptions,
    test_clocks_pb2 as test_clocks,
)

from academy import Academy, once
from client import Ear, Refusal, Rondo, advance, every, money, price

steps = 0


def step(title):
    global steps
    steps += 1
    print(f"{steps:2}  {title}", flush=True)


def say(text):
    print("    " + str(text).replace("\n", "\n    "), flush=True)


def expect(what, seen, wanted):
    """Ends the story where it is not true any more."""
    if seen != wanted:
        sys.exit(f"step {steps}: {what}: expected {wanted}, but it is {seen}")


def at(text):
    stamp = Timestamp()
    stamp.FromJsonString(text)
    return stamp


def day(stamp):
    return stamp.ToDatetime().date().isoformat()


def refused(call, request):
    """What Rondo says to a request that must not pass."""
    try:
        call(request)
    except grpc.RpcError as error:
        refusal = Refusal(error)
        say(refusal)
        return refusal
    sys.exit(f"step {steps}: this should have been refused")


def check_access(academy, name, wanted, because, entitlement="library"):
    answer = academy.access(name, entitlement)
    access = subscriptions.Access.Name(answer.access).removeprefix("ACCESS_")
    reason = customers.CheckAccessResponse.Reason.Name(answer.reason).removeprefix("REASON_")
    until = f" until {day(answer.access_until)}" if answer.HasField("access_until") else ""
    say(f"{name}'s access to {entitlement}: {access}{until}, because: {reason}")
    expect(f"{name}'s access", (access, reason), (wanted, because))


def look_into(academy, member):
    """The member's open case, and what Rondo understands of why their charge was declined."""
    case = academy.open_case(member)
    decline = academy.last_decline(case.payment)
    meaning = payments.Decline.Class.Name(getattr(decline, "class")).removeprefix("CLASS_")
    say(f"{member.display_name}'s bank says: {decline.message}; Rondo understands: {meaning}")
    return case, meaning


def main():
    address = os.environ["RONDO_ADDRESS"]
    admin = Rondo(address, os.environ["RONDO_API_KEY"])

    step("An administrator opens a portal and gives it a key of its own")
    merchant = admin.merchants.CreateMerchant(merchants.CreateMerchantRequest(
        merchant=merchants.Merchant(
            display_name="Open Academy",
            time_zone="Europe/Berlin",
            language_code="en",
            gateway="sandbox",
            invoice_prefix="OA",
            portal_url="https://academy.example",
        ),
        request_id=once(),
    ))
    made = Rondo(address, os.environ["RONDO_API_KEY"], merchant.name).api_keys.CreateApiKey(
        api_keys.CreateApiKeyRequest(
            api_key=api_keys.ApiKey(display_name="portal", role=api_keys.ApiKey.ROLE_MERCHANT),
            request_id=once(),
        )
    )
    expect("whose key it is", made.api_key.merchant, merchant.name)
    say(f"{merchant.display_name} is {merchant.name}; its key begins with {made.api_key.shown_prefix}")
    rondo = Rondo(address, made.secret)
    academy, ear = Academy(rondo), Ear(rondo)

    step("The portal goes onto a test clock")
    clock = rondo.test_clocks.CreateTestClock(test_clocks.CreateTestClockRequest(
        test_clock=test_clocks.TestClock(current_time=at("2026-01-31T09:00:00Z")), request_id=once()
    ))
    say(f"it shows {clock.current_time.ToJsonString()}, and stands")

    step("It offers a membership by the month, with a trial, and one by the year")
    monthly = academy.offer("Monthly membership", plans.BillingInterval.UNIT_MONTH, "20", trial_days=14)
    yearly = academy.offer("Yearly membership", plans.BillingInterval.UNIT_YEAR, "200")

    step("Ana signs up; her trial opens the library")
    ana = academy.welcome("Ana", "tok_visa.ana")
    ana_monthly = academy.subscribe(ana, monthly)
    check_access(academy, "Ana", "FULL", "TRIAL")

    step("Ben takes the year and pays at once")
    ben = academy.welcome("Ben", "tok_visa.ben")
    ben_yearly = academy.subscribe(ben, yearly)
    ear.until("subscription.activated", ben_yearly.name)
    check_access(academy, "Ben", "FULL", "PAID")

    step("The monthly price rises: first as a preview, then for good")
    dearer = plans.UpdatePlanRequest(
        plan=plans.Plan(name=monthly.name, etag=monthly.etag, terms=monthly.terms),
        existing_subscriptions=plans.EXISTING_SUBSCRIPTIONS_AT_RENEWAL,
        request_id=once(),
    )
    dearer.plan.terms.components[0].amounts[0].CopyFrom(money("22"))
    dearer.update_mask.paths.append("terms.components")
    preview = rondo.plans.PreviewPlanUpdate(plans.PreviewPlanUpdateRequest(update=dearer))
    [revenue] = preview.monthly_revenue
    say(f"{preview.affected} member affected, {price(revenue.change)} more a month, {preview.mails} mail")
    expect("the change a month", price(revenue.change), "2.00 EUR")
    updated = rondo.plans.UpdatePlan(dearer)
    expect("what was done", updated.effect, preview)

    step("Ana buys a course, once, though the portal asks twice")
    course = invoices.CreateInvoiceRequest(
        invoice=invoices.Invoice(
            customer=ana.name,
            lines=[invoices.Invoice.Line(label="Course: Rust in a weekend", unit_price=money("49"))],
            entitlements=["course:rust"],
        ),
        request_id=once(),
    )
    bought = rondo.invoices.CreateInvoice(course)
    expect("the invoice when asked again", rondo.invoices.CreateInvoice(course).name, bought.name)
    ear.until("invoice.paid", bought.name)
    say(f"invoice {bought.number} over {price(bought.total)} is paid")
    check_access(academy, "Ana", "FULL", "PURCHASED", "course:rust")

    step("Another course under the same request_id is refused")
    course.invoice.lines[0].label = "Course: Rust in a week"
    expect("the reason", refused(rondo.invoices.CreateInvoice, course).reason, "REQUEST_ID_REUSED")

    step("A card number is refused wherever it stands")
    careless = customers.Customer(email="eva@members.example", display_name="Eva 4111 1111 1111 1111")
    refusal = refused(
        rondo.customers.CreateCustomer, customers.CreateCustomerRequest(customer=careless, request_id=once())
    )
    expect("the reason", refusal.reason, "FIELDS_INVALID")

    step("Dora and Emil sign up without a trial; both will be declined in a month")
    # The sandbox counts what a card has done: each run has cards of its own.
    dora = academy.welcome("Dora", f"tok_visa_ok_x1_then_insufficient_funds_x1_then_ok.{once()}")
    emil = academy.welcome("Emil", f"tok_visa_ok_x1_then_lost_card.{once()}")
    dora_monthly = academy.subscribe(dora, monthly, skip_trial=True)
    emil_monthly = academy.subscribe(emil, monthly, skip_trial=True)
    ear.until("subscription.activated", dora_monthly.name)
    ear.until("subscription.activated", emil_monthly.name)

    step("The portal reads its members, two to a page")
    listed = every(rondo.customers.ListCustomers, customers.ListCustomersRequest(page_size=2), "customers")
    names = sorted(member.display_name for member in listed)
    expect("the members", names, ["Ana", "Ben", "Dora", "Emil"])

    step("A month goes by: who began on 31 January is billed on 28 February")
    bookmark = ear.token
    advance(rondo, clock.name, at("2026-03-01T12:00:00Z"), once())
    ear.until("subscription.past_due", dora_monthly.name)
    ear.until("subscription.past_due", emil_monthly.name)
    overdue = academy.invoice_of(dora_monthly)
    expect("the day of Dora's invoice", day(overdue.period.start_time), "2026-02-28")
    expect("Ana's new price", price(academy.invoice_of(ana_monthly).total), "22.00 EUR")
    check_access(academy, "Ana", "FULL", "PAID")

    step("Dora had no money that day: she keeps her access, and Rondo tries again by itself")
    case, meaning = look_into(academy, dora)
    expect("the decline", meaning, "WAIT_FUNDS")
    say(f"the next try is on {day(case.next_step_time)}")
    check_access(academy, "Dora", "GRACE", "OVERDUE_GRACE")

    step("Emil lost his card: it is never tried again, and he stores a new one")
    case, meaning = look_into(academy, emil)
    expect("the decline", meaning, "NEVER")
    expect("the case", case.state, dunning.DunningCase.STATE_WAITING_FOR_CUSTOMER)
    session = rondo.payment_methods.CreateSetupSession(payment_methods.CreateSetupSessionRequest(
        customer=emil.name, return_url="https://academy.example/account", request_id=once()
    ))
    choose_card(session.url, "tok_visa")
    stored = rondo.payment_methods.CreatePaymentMethod(payment_methods.CreatePaymentMethodRequest(
        payment_method=payment_methods.PaymentMethod(customer=emil.name),
        setup_session=session.name,
        set_default=True,
        request_id=once(),
    ))
    say(f"he chose a {stored.brand} ending in {stored.last_four} on the gateway's page")
    ear.until("dunning.recovered", case.name)
    check_access(academy, "Emil", "FULL", "PAID")

    step("Five days later Dora's charge has come through")
    advance(rondo, clock.name, at("2026-03-06T12:00:00Z"), once())
    ear.until("subscription.recovered", dora_monthly.name)
    check_access(academy, "Dora", "FULL", "PAID")

    step("Ben cancels with his period, and thinks again")
    cancel = subscriptions.CancelSubscriptionRequest(
        name=ben_yearly.name, when=subscriptions.CancelSubscriptionRequest.WHEN_PERIOD_END, request_id=once()
    )
    leaving = rondo.subscriptions.CancelSubscription(cancel)
    say(f"he would leave on {day(leaving.cancellation.end_time)}")
    check_access(academy, "Ben", "FULL", "PAID")
    staying = rondo.subscriptions.UndoCancelSubscription(subscriptions.UndoCancelSubscriptionRequest(
        name=ben_yearly.name, etag=leaving.etag, request_id=once()
    ))
    expect("whether he is leaving", staying.HasField("cancellation"), False)

    step("A colleague who saw him leaving is told that this is old")
    cancel.request_id, cancel.etag = once(), leaving.etag
    expect("the reason", refused(rondo.subscriptions.CancelSubscription, cancel).reason, "ETAG_MISMATCH")

    step("Ana gets ten euros of her course back, but not fifty, and keeps the course")
    refund = payments.RefundPaymentRequest(
        name=bought.payment, amount=money("10"), reason="one lesson was missing", request_id=once()
    )
    given = rondo.payments.RefundPayment(refund)
    ear.until("refund.succeeded", given.name)
    paid = rondo.payments.GetPayment(payments.GetPaymentRequest(name=bought.payment))
    expect("what went back", price(paid.refunded), "10.00 EUR")
    refund.amount.CopyFrom(money("50"))
    refund.request_id = once()
    refused(rondo.payments.RefundPayment, refund)
    check_access(academy, "Ana", "FULL", "PURCHASED", "course:rust")

    step("She gives the course back whole, and it closes")
    refund = payments.RefundPaymentRequest(name=bought.payment, reason="it was too hard", request_id=once())
    ear.until("refund.succeeded", rondo.payments.RefundPayment(refund).name)
    check_access(academy, "Ana", "NONE", "ENDED", "course:rust")
    check_access(academy, "Ana", "FULL", "PAID")

    step("A second ear begins at the bookmark and hears the same, without a gap")
    last = ear.heard[-1].sequence
    second = Ear(rondo, bookmark)
    second.listen(lambda event: event.sequence == last, f"event {last}")
    first = second.heard[0].sequence
    expect("their places", [event.sequence for event in second.heard], list(range(first, last + 1)))
    expect("what it heard", second.heard, ear.heard[-len(second.heard):])
    story = every(rondo.events.ListEvents, events.ListEventsRequest(customer=dora.name), "events")
    say("Dora's story: " + ", ".join(event.type for event in story))


def choose_card(url, card):
    """What Emil's browser does on the gateway's page."""
    page = urlsplit(url)
    gateway = http.client.HTTPConnection(page.netloc, timeout=10)
    form = {"content-type": "application/x-www-form-urlencoded"}
    gateway.request("POST", page.path, urlencode({"card": card}), form)
    expect("the gateway sends him back", gateway.getresponse().status // 100, 3)


if __name__ == "__main__":
    try:
        main()
    except grpc.RpcError as error:
        sys.exit(f"step {steps}: {Refusal(error)}")
    except TimeoutError as error:
        sys.exit(f"step {steps}: {error}")
    print(f"ok: {steps} steps")

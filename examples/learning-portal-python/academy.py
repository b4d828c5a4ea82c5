"""What a portal asks of Rondo, in the portal's own words: offer a plan, welcome a member, subscribe
them, ask what they may see. When it asks which is the story, and that stands in portal.py."""

import uuid

from rondo.v1 import (
    customers_pb2 as customers,
    dunning_pb2 as dunning,
    invoices_pb2 as invoices,
    payment_methods_pb2 as payment_methods,
    payments_pb2 as payments,
    plans_pb2 as plans,
    subscriptions_pb2 as subscriptions,
)

from client import every, money


def once():
    """The name of one request. Sent again under it, the request is not done again."""
    return str(uuid.uuid4())


class Academy:
    """One portal, by its key."""

    def __init__(self, rondo):
        self.rondo = rondo

    def offer(self, name, unit, amount, trial_days=0):
        """Publishes a plan that opens the library."""
        terms = plans.PlanTerms(
            interval=plans.BillingInterval(unit=unit, count=1),
            trial_days=trial_days,
            components=[plans.PriceComponent(
                label="Membership", model=plans.PriceComponent.MODEL_FLAT, amounts=[money(amount)]
            )],
            entitlements=["library"],
        )
        return self.rondo.plans.CreatePlan(plans.CreatePlanRequest(
            plan=plans.Plan(display_name=name, terms=terms), request_id=once()
        ))

    def welcome(self, name, card):
        """Keeps a new member, and the gateway's token of the card that they have stored there."""
        member = self.rondo.customers.CreateCustomer(customers.CreateCustomerRequest(
            customer=customers.Customer(
                email=f"{name.lower()}@members.example",
                display_name=name,
                external_id=f"member-{name.lower()}",
                time_zone="Europe/Berlin",
            ),
            request_id=once(),
        ))
        self.rondo.payment_methods.CreatePaymentMethod(payment_methods.CreatePaymentMethodRequest(
            payment_method=payment_methods.PaymentMethod(
                customer=member.name,
                network=payment_methods.PaymentMethod.NETWORK_VISA,
                brand="Visa",
                last_four="4242",
                expiry_year=2034,
                expiry_month=12,
            ),
            token=payment_methods.CreatePaymentMethodRequest.Token(token=card),
            request_id=once(),
        ))
        return member

    def subscribe(self, member, plan, skip_trial=False):
        return self.rondo.subscriptions.CreateSubscription(subscriptions.CreateSubscriptionRequest(
            subscription=subscriptions.Subscription(customer=member.name, plan=plan.name),
            skip_trial=skip_trial,
            request_id=once(),
        ))

    def invoice_of(self, subscription):
        """The newest invoice of a subscription."""
        request = invoices.ListInvoicesRequest(subscription=subscription.name)
        return list(every(self.rondo.invoices.ListInvoices, request, "invoices"))[-1]

    def access(self, name, entitlement="library"):
        """The question at every lesson: may this member see it, and why?"""
        return self.rondo.customers.CheckAccess(customers.CheckAccessRequest(
            external_id=f"member-{name.lower()}", entitlement=entitlement
        ))

    def open_case(self, member):
        """The member's one open dunning case."""
        request = dunning.ListDunningCasesRequest(customer=member.name, open_only=True)
        [case] = every(self.rondo.dunning.ListDunningCases, request, "dunning_cases")
        return case

    def last_decline(self, payment):
        """Why the last attempt at a payment was declined."""
        return self.rondo.payments.GetPayment(payments.GetPaymentRequest(name=payment)).attempts[-1].decline

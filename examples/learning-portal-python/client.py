"""How a portal talks to Rondo: a channel with its key, errors that people can read, pages of
lists, an ear for events and a hand on the test clock. What it says is the business of portal.py."""

import functools
import json
import time
from decimal import Decimal

import grpc
from google.rpc import error_details_pb2 as details
from google.type import money_pb2
from rondo.v1 import (
    api_keys_pb2_grpc,
    customers_pb2_grpc,
    dunning_pb2_grpc,
    events_pb2 as events,
    events_pb2_grpc,
    invoices_pb2_grpc,
    merchants_pb2_grpc,
    payment_methods_pb2_grpc,
    payments_pb2_grpc,
    plans_pb2_grpc,
    subscriptions_pb2_grpc,
    test_clocks_pb2 as test_clocks,
    test_clocks_pb2_grpc,
    webhook_endpoints_pb2_grpc,
)

CALL_SECONDS = 10
PATIENCE_SECONDS = 60

# Only UNAVAILABLE is tried again by itself. Calls that move money carry a request_id, so that
# even they may be: Rondo does each once.
RETRIES = json.dumps({
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 4,
            "initialBackoff": "0.2s",
            "maxBackoff": "5s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }]
})


class Rondo:
    """Rondo's services, called with one key. An administrator's key names the merchant it means."""

    def __init__(self, address, key, merchant=None):
        options = [("grpc.service_config", RETRIES)]
        scheme, _, host = address.rpartition("://")
        if scheme == "https":
            channel = grpc.secure_channel(host, grpc.ssl_channel_credentials(), options)
        else:
            channel = grpc.insecure_channel(host, options)
        metadata = [("authorization", f"Bearer {key}")]
        if merchant:
            metadata.append(("rondo-merchant", merchant))
        for name, stub in {
            "api_keys": api_keys_pb2_grpc.ApiKeysServiceStub,
            "customers": customers_pb2_grpc.CustomersServiceStub,
            "dunning": dunning_pb2_grpc.DunningServiceStub,
            "events": events_pb2_grpc.EventsServiceStub,
            "invoices": invoices_pb2_grpc.InvoicesServiceStub,
            "merchants": merchants_pb2_grpc.MerchantsServiceStub,
            "payment_methods": payment_methods_pb2_grpc.PaymentMethodsServiceStub,
            "payments": payments_pb2_grpc.PaymentsServiceStub,
            "plans": plans_pb2_grpc.PlansServiceStub,
            "subscriptions": subscriptions_pb2_grpc.SubscriptionsServiceStub,
            "test_clocks": test_clocks_pb2_grpc.TestClocksServiceStub,
            "webhook_endpoints": webhook_endpoints_pb2_grpc.WebhookEndpointsServiceStub,
        }.items():
            setattr(self, name, Service(stub(channel), metadata))


class Service:
    """One service, whose calls bring the key and do not wait for ever."""

    def __init__(self, stub, metadata):
        self._stub, self._metadata = stub, metadata

    def __getattr__(self, method):
        call = getattr(self._stub, method)
        return functools.partial(call, metadata=self._metadata, timeout=CALL_SECONDS)


def money(amount, currency="EUR"):
    """An amount as Rondo writes it: money("19.90")."""
    whole = int(Decimal(amount))
    nanos = int((Decimal(amount) - whole) * 10**9)
    return money_pb2.Money(currency_code=currency, units=whole, nanos=nanos)


def price(amount):
    """An amount as people write it."""
    return f"{amount.units + Decimal(amount.nanos) / 10**9:.2f} {amount.currency_code}"


def every(method, request, field):
    """Everything in a list, page after page."""
    while True:
        page = method(request)
        yield from getattr(page, field)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


class Refusal:
    """What Rondo said instead of doing something, taken apart."""

    def __init__(self, error):
        self.code = error.code().name
        self.message = error.details()
        self.reason, self.help = "", []
        trailers = dict(error.trailing_metadata() or ())
        status = details.Status.FromString(trailers.get("grpc-status-details-bin", b""))
        for detail in status.details:
            self._read(detail)

    def _read(self, detail):
        info, request, state = details.ErrorInfo(), details.BadRequest(), details.PreconditionFailure()
        resource, retry = details.ResourceInfo(), details.RetryInfo()
        if detail.Unpack(info):
            self.reason = info.reason
        elif detail.Unpack(request):
            self.help += [f"{v.field} {v.description}" for v in request.field_violations]
        elif detail.Unpack(state):
            self.help += [f"{v.subject}: {v.description}" for v in state.violations]
        elif detail.Unpack(resource):
            self.help.append(f"{resource.resource_name}: {resource.description}")
        elif detail.Unpack(retry):
            self.help.append(f"try again in {retry.retry_delay.ToTimedelta().total_seconds()} s")

    def __str__(self):
        name = f"{self.code} {self.reason}".rstrip()
        # What the sentence says already need not be said again.
        more = [f"  - {help}" for help in self.help if help not in self.message]
        return "\n".join([f"{name}: {self.message}", *more])


class Ear:
    """Hears what happens, in order and each thing once. Keep `token` where you keep what you made
    of the events, and an ear that begins with it goes on exactly there."""

    def __init__(self, rondo, token=""):
        self._rondo, self.token, self.heard = rondo, token, []

    def listen(self, enough, what):
        """Listens until `enough(event)` is true of one heard now or before, and returns that one."""
        for event in self.heard:
            if enough(event):
                return event
        request = events.StreamEventsRequest(resume_token=self.token)
        stream = self._rondo.events.StreamEvents(request, timeout=PATIENCE_SECONDS)
        try:
            for answer in stream:
                self.token = answer.resume_token
                # A sign of life brings a token and no event.
                if not answer.HasField("event"):
                    continue
                self.heard.append(answer.event)
                if enough(answer.event):
                    stream.cancel()
                    return answer.event
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.DEADLINE_EXCEEDED:
                raise
        raise TimeoutError(f"waited {PATIENCE_SECONDS} s for {what}")

    def until(self, kind, subject):
        """Listens until this has happened to that: ear.until("invoice.paid", invoice.name)."""
        told = f"{kind} of {subject}"
        return self.listen(lambda event: (event.type, event.subject) == (kind, subject), told)


def advance(rondo, clock, until, request_id):
    """Sends the merchant's clock forward and waits until all that came due on the way is done."""
    rondo.test_clocks.AdvanceTestClock(
        test_clocks.AdvanceTestClockRequest(name=clock, target_time=until, request_id=request_id)
    )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        shown = rondo.test_clocks.GetTestClock(test_clocks.GetTestClockRequest(name=clock))
        if shown.state == test_clocks.TestClock.STATE_READY:
            return
        time.sleep(0.1)
    raise TimeoutError(f"the clock is still on its way to {until.ToJsonString()}")

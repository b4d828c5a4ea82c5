// A learning portal and its members, told through Rondo's API: they sign up, pay, miss a payment,
// come back. The time is the portal's own test clock, so that five weeks pass in seconds.

import { isDeepStrictEqual } from "node:util";

import { Academy, once } from "./academy.js";
import { advance, Ear, every, isAnswer, money, price, Refusal, Rondo } from "./client.js";

let steps = 0;

function step(title: string): void {
  steps += 1;
  console.log(`${String(steps).padStart(2)}  ${title}`);
}

function say(text: unknown): void {
  console.log(`    ${String(text).replaceAll("\n", "\n    ")}`);
}

/** Ends the story where it is not true any more. */
function expect(what: string, seen: unknown, wanted: unknown): void {
  if (isDeepStrictEqual(seen, wanted)) return;
  throw new Error(`${what}: expected ${JSON.stringify(wanted)}, but it is ${JSON.stringify(seen)}`);
}

type Stamp = { seconds: string | number | { toString(): string } } | null;

const at = (text: string) => ({ seconds: Date.parse(text) / 1000 });
const instant = (stamp: Stamp) => new Date(Number(stamp!.seconds) * 1000).toISOString();
const day = (stamp: Stamp) => instant(stamp).slice(0, 10);

/** What Rondo says to a request that must not pass. */
async function refused(call: Promise<unknown>): Promise<Refusal> {
  try {
    await call;
  } catch (error) {
    if (!isAnswer(error)) throw error;
    const refusal = new Refusal(error);
    say(refusal);
    return refusal;
  }
  throw new Error("this should have been refused");
}

async function checkAccess(
  academy: Academy,
  name: string,
  wanted: string,
  because: string,
  entitlement = "library",
) {
  const { access, reason, accessUntil } = await academy.access(name, entitlement);
  const seen = [access.replace("ACCESS_", ""), reason.replace("REASON_", "")];
  const until = accessUntil ? ` until ${day(accessUntil)}` : "";
  say(`${name}'s access to ${entitlement}: ${seen[0]}${until}, because: ${seen[1]}`);
  expect(`${name}'s access`, seen, [wanted, because]);
}

/** The member's open case, and what Rondo understands of why their charge was declined. */
async function lookInto(academy: Academy, member: { name: string; displayName: string }) {
  const open = await academy.openCase(member);
  const decline = await academy.lastDecline(open.payment);
  const meaning = decline.class.replace("CLASS_", "");
  say(`${member.displayName}'s bank says: ${decline.message}; Rondo understands: ${meaning}`);
  return { open, meaning };
}

/** What a member's browser does on the gateway's page. */
async function chooseCard(url: string, card: string): Promise<void> {
  const body = new URLSearchParams({ card });
  const { status } = await fetch(url, { method: "POST", body, redirect: "manual" });
  expect("the gateway sends them back", Math.floor(status / 100), 3);
}

async function main(address: string, adminKey: string): Promise<void> {
  const admin = new Rondo(address, adminKey);

  step("An administrator opens a portal and gives it a key of its own");
  const merchant = await admin.merchants.CreateMerchant({
    merchant: {
      displayName: "Open Academy",
      timeZone: "Europe/Berlin",
      languageCode: "en",
      gateway: "sandbox",
      invoicePrefix: "OA",
      portalUrl: "https://academy.example",
    },
    requestId: once(),
  });
  const adminOfIt = new Rondo(address, adminKey, merchant.name);
  const made = await adminOfIt.apiKeys.CreateApiKey({
    apiKey: { displayName: "portal", role: "ROLE_MERCHANT" },
    requestId: once(),
  });
  expect("whose key it is", made.apiKey!.merchant, merchant.name);
  say(`${merchant.displayName} is ${merchant.name}; its key begins with ${made.apiKey!.shownPrefix}`);
  const rondo = new Rondo(address, made.secret);
  const academy = new Academy(rondo);
  const ear = new Ear(rondo);

  step("The portal goes onto a test clock");
  const clock = await rondo.testClocks.CreateTestClock({
    testClock: { currentTime: at("2026-01-31T09:00:00Z") },
    requestId: once(),
  });
  say(`it shows ${instant(clock.currentTime)}, and stands`);

  step("It offers a membership by the month, with a trial, and one by the year");
  const monthly = await academy.offer("Monthly membership", "UNIT_MONTH", "20", 14);
  const yearly = await academy.offer("Yearly membership", "UNIT_YEAR", "200");

  step("Ana signs up; her trial opens the library");
  const ana = await academy.welcome("Ana", "tok_visa.ana");
  const anaMonthly = await academy.subscribe(ana, monthly);
  await checkAccess(academy, "Ana", "FULL", "TRIAL");

  step("Ben takes the year and pays at once");
  const ben = await academy.welcome("Ben", "tok_visa.ben");
  const benYearly = await academy.subscribe(ben, yearly);
  await ear.until("subscription.activated", benYearly.name);
  await checkAccess(academy, "Ben", "FULL", "PAID");

  step("The monthly price rises: first as a preview, then for good");
  const components = [{ ...monthly.terms!.components[0]!, amounts: [money("22")] }];
  const update = {
    plan: { name: monthly.name, etag: monthly.etag, terms: { ...monthly.terms, components } },
    updateMask: { paths: ["terms.components"] },
    existingSubscriptions: "EXISTING_SUBSCRIPTIONS_AT_RENEWAL" as const,
    requestId: once(),
  };
  const preview = await rondo.plans.PreviewPlanUpdate({ update });
  const change = price(preview.monthlyRevenue[0]!.change);
  say(`${preview.affected} member affected, ${change} more a month, ${preview.mails} mail`);
  expect("the change a month", change, "2.00 EUR");
  const updated = await rondo.plans.UpdatePlan(update);
  expect("what was done", updated.effect, preview);

  step("Ana buys a course, once, though the portal asks twice");
  const course = {
    invoice: {
      customer: ana.name,
      lines: [{ label: "Course: Rust in a weekend", unitPrice: money("49") }],
      entitlements: ["course:rust"],
    },
    requestId: once(),
  };
  const bought = await rondo.invoices.CreateInvoice(course);
  const again = await rondo.invoices.CreateInvoice(course);
  expect("the invoice when asked again", again.name, bought.name);
  await ear.until("invoice.paid", bought.name);
  say(`invoice ${bought.number} over ${price(bought.total)} is paid`);
  await checkAccess(academy, "Ana", "FULL", "PURCHASED", "course:rust");

  step("Another course under the same requestId is refused");
  course.invoice.lines[0]!.label = "Course: Rust in a week";
  const reused = await refused(rondo.invoices.CreateInvoice(course));
  expect("the reason", reused.reason, "REQUEST_ID_REUSED");

  step("A card number is refused wherever it stands");
  const customer = { email: "eva@members.example", displayName: "Eva 4111 1111 1111 1111" };
  const careless = rondo.customers.CreateCustomer({ customer, requestId: once() });
  expect("the reason", (await refused(careless)).reason, "FIELDS_INVALID");

  step("Dora and Emil sign up without a trial; both will be declined in a month");
  // The sandbox counts what a card has done: each run has cards of its own.
  const dora = await academy.welcome("Dora", `tok_visa_ok_x1_then_insufficient_funds_x1_then_ok.${once()}`);
  const emil = await academy.welcome("Emil", `tok_visa_ok_x1_then_lost_card.${once()}`);
  const doraMonthly = await academy.subscribe(dora, monthly, true);
  const emilMonthly = await academy.subscribe(emil, monthly, true);
  await ear.until("subscription.activated", doraMonthly.name);
  await ear.until("subscription.activated", emilMonthly.name);

  step("The portal reads its members, two to a page");
  const members = await every(
    (pageToken) => rondo.customers.ListCustomers({ pageSize: 2, pageToken }),
    (page) => page.customers,
  );
  const names = members.map((member) => member.displayName).sort();
  expect("the members", names, ["Ana", "Ben", "Dora", "Emil"]);

  step("A month goes by: who began on 31 January is billed on 28 February");
  const bookmark = ear.token;
  await advance(rondo, clock.name, new Date("2026-03-01T12:00:00Z"));
  await ear.until("subscription.past_due", doraMonthly.name);
  await ear.until("subscription.past_due", emilMonthly.name);
  const overdue = await academy.invoiceOf(doraMonthly);
  expect("the day of Dora's invoice", day(overdue.period!.startTime), "2026-02-28");
  expect("Ana's new price", price((await academy.invoiceOf(anaMonthly)).total), "22.00 EUR");
  await checkAccess(academy, "Ana", "FULL", "PAID");

  step("Dora had no money that day: she keeps her access, and Rondo tries again by itself");
  const soft = await lookInto(academy, dora);
  expect("the decline", soft.meaning, "WAIT_FUNDS");
  say(`the next try is on ${day(soft.open.nextStepTime)}`);
  await checkAccess(academy, "Dora", "GRACE", "OVERDUE_GRACE");

  step("Emil lost his card: it is never tried again, and he stores a new one");
  const hard = await lookInto(academy, emil);
  expect("the decline", hard.meaning, "NEVER");
  expect("the case", hard.open.state, "STATE_WAITING_FOR_CUSTOMER");
  const session = await rondo.paymentMethods.CreateSetupSession({
    customer: emil.name,
    returnUrl: "https://academy.example/account",
    requestId: once(),
  });
  await chooseCard(session.url, "tok_visa");
  const stored = await rondo.paymentMethods.CreatePaymentMethod({
    paymentMethod: { customer: emil.name },
    setupSession: session.name,
    setDefault: true,
    requestId: once(),
  });
  say(`he chose a ${stored.brand} ending in ${stored.lastFour} on the gateway's page`);
  await ear.until("dunning.recovered", hard.open.name);
  await checkAccess(academy, "Emil", "FULL", "PAID");

  step("Five days later Dora's charge has come through");
  await advance(rondo, clock.name, new Date("2026-03-06T12:00:00Z"));
  await ear.until("subscription.recovered", doraMonthly.name);
  await checkAccess(academy, "Dora", "FULL", "PAID");

  step("Ben cancels with his period, and thinks again");
  const cancel = { name: benYearly.name, when: "WHEN_PERIOD_END" as const };
  const leaving = await rondo.subscriptions.CancelSubscription({ ...cancel, requestId: once() });
  say(`he would leave on ${day(leaving.cancellation!.endTime)}`);
  await checkAccess(academy, "Ben", "FULL", "PAID");
  const staying = await rondo.subscriptions.UndoCancelSubscription({
    name: benYearly.name,
    etag: leaving.etag,
    requestId: once(),
  });
  expect("his leaving", staying.cancellation, null);

  step("A colleague who saw him leaving is told that this is old");
  const old = { ...cancel, etag: leaving.etag, requestId: once() };
  const late = await refused(rondo.subscriptions.CancelSubscription(old));
  expect("the reason", late.reason, "ETAG_MISMATCH");

  step("Ana gets ten euros of her course back, but not fifty, and keeps the course");
  const refund = { name: bought.payment, reason: "one lesson was missing" };
  const given = await rondo.payments.RefundPayment({
    ...refund,
    amount: money("10"),
    requestId: once(),
  });
  await ear.until("refund.succeeded", given.name);
  const paid = await rondo.payments.GetPayment({ name: bought.payment });
  expect("what went back", price(paid.refunded), "10.00 EUR");
  const tooMuch = { ...refund, amount: money("50"), requestId: once() };
  await refused(rondo.payments.RefundPayment(tooMuch));
  await checkAccess(academy, "Ana", "FULL", "PURCHASED", "course:rust");

  step("She gives the course back whole, and it closes");
  const whole = { name: bought.payment, reason: "it was too hard", requestId: once() };
  await ear.until("refund.succeeded", (await rondo.payments.RefundPayment(whole)).name);
  await checkAccess(academy, "Ana", "NONE", "ENDED", "course:rust");
  await checkAccess(academy, "Ana", "FULL", "PAID");

  step("A second ear begins at the bookmark and hears the same, without a gap");
  const last = ear.heard.at(-1)!.sequence;
  const second = new Ear(rondo, bookmark);
  await second.listen((event) => event.sequence === last, `event ${last}`);
  const first = Number(second.heard[0]!.sequence);
  const places = second.heard.map((event) => Number(event.sequence));
  expect("their places", places, places.map((_, index) => first + index));
  expect("what it heard", second.heard, ear.heard.slice(-second.heard.length));
  const story = await every(
    (pageToken) => rondo.events.ListEvents({ customer: dora.name, pageToken }),
    (page) => page.events,
  );
  say(`Dora's story: ${story.map((event) => event.type).join(", ")}`);

  for (const open of [admin, adminOfIt, rondo]) open.close();
}

const { RONDO_ADDRESS, RONDO_API_KEY } = process.env;
if (!RONDO_ADDRESS || !RONDO_API_KEY) {
  console.error("RONDO_ADDRESS and RONDO_API_KEY must be set; ./run does that");
  process.exit(2);
}
try {
  await main(RONDO_ADDRESS, RONDO_API_KEY);
  console.log(`ok: ${steps} steps`);
} catch (error) {
  const told = isAnswer(error) ? new Refusal(error) : error instanceof Error ? error.message : error;
  console.error(`step ${steps}: ${told}`);
  process.exit(1);
}

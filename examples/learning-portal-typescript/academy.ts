// What a portal asks of Rondo, in the portal's own words: offer a plan, welcome a member, subscribe
// them, ask what they may see. When it asks which is the story, and that stands in portal.ts.

import { randomUUID } from "node:crypto";

import { every, money, type Rondo } from "./client.js";

/** The name of one request. Sent again under it, the request is not done again. */
export const once = (): string => randomUUID();

/** One portal, by its key. */
export class Academy {
  constructor(private readonly rondo: Rondo) {}

  /** Publishes a plan that opens the library. */
  offer(displayName: string, unit: "UNIT_MONTH" | "UNIT_YEAR", amount: string, trialDays = 0) {
    const model = "MODEL_FLAT" as const;
    const terms = {
      interval: { unit, count: 1 },
      trialDays,
      components: [{ label: "Membership", model, amounts: [money(amount)] }],
      entitlements: ["library"],
    };
    return this.rondo.plans.CreatePlan({ plan: { displayName, terms }, requestId: once() });
  }

  /** Keeps a new member, and the gateway's token of the card that they have stored there. */
  async welcome(displayName: string, card: string) {
    const member = await this.rondo.customers.CreateCustomer({
      customer: {
        email: `${displayName.toLowerCase()}@members.example`,
        displayName,
        externalId: `member-${displayName.toLowerCase()}`,
        timeZone: "Europe/Berlin",
      },
      requestId: once(),
    });
    await this.rondo.paymentMethods.CreatePaymentMethod({
      paymentMethod: {
        customer: member.name,
        network: "NETWORK_VISA",
        brand: "Visa",
        lastFour: "4242",
        expiryYear: 2034,
        expiryMonth: 12,
      },
      token: { token: card },
      requestId: once(),
    });
    return member;
  }

  subscribe(member: { name: string }, plan: { name: string }, skipTrial = false) {
    return this.rondo.subscriptions.CreateSubscription({
      subscription: { customer: member.name, plan: plan.name },
      skipTrial,
      requestId: once(),
    });
  }

  /** The newest invoice of a subscription. */
  async invoiceOf(subscription: { name: string }) {
    const invoices = await every(
      (pageToken) => this.rondo.invoices.ListInvoices({ subscription: subscription.name, pageToken }),
      (page) => page.invoices,
    );
    return invoices.at(-1)!;
  }

  /** The question at every lesson: may this member see it, and why? */
  access(displayName: string, entitlement: string) {
    const externalId = `member-${displayName.toLowerCase()}`;
    return this.rondo.customers.CheckAccess({ externalId, entitlement });
  }

  /** The member's one open dunning case. */
  async openCase(member: { name: string }) {
    const [open] = await every(
      (pageToken) =>
        this.rondo.dunning.ListDunningCases({ customer: member.name, openOnly: true, pageToken }),
      (page) => page.dunningCases,
    );
    return open!;
  }

  /** Why the last attempt at a payment was declined. */
  async lastDecline(payment: string) {
    const { attempts } = await this.rondo.payments.GetPayment({ name: payment });
    return attempts.at(-1)!.decline!;
  }
}

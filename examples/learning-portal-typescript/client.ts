// How a portal talks to Rondo: channels with its key, errors that people can read, pages of lists,
// an ear for events and a hand on the test clock. What it says is the business of portal.ts.

import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";

import * as grpc from "@grpc/grpc-js";
import { loadSync, type MessageTypeDefinition, type MethodDefinition } from "@grpc/proto-loader";

import type { BadRequest__Output } from "./gen/google/rpc/BadRequest.js";
import type { ErrorInfo__Output } from "./gen/google/rpc/ErrorInfo.js";
import type { PreconditionFailure__Output } from "./gen/google/rpc/PreconditionFailure.js";
import type { ResourceInfo__Output } from "./gen/google/rpc/ResourceInfo.js";
import type { RetryInfo__Output } from "./gen/google/rpc/RetryInfo.js";
import type { Status__Output } from "./gen/google/rpc/Status.js";
import type { Money, Money__Output } from "./gen/google/type/Money.js";
import type { ApiKeysServiceDefinition } from "./gen/rondo/v1/ApiKeysService.js";
import type { CustomersServiceDefinition } from "./gen/rondo/v1/CustomersService.js";
import type { DunningServiceDefinition } from "./gen/rondo/v1/DunningService.js";
import type { Event__Output } from "./gen/rondo/v1/Event.js";
import type { EventsServiceDefinition } from "./gen/rondo/v1/EventsService.js";
import type { InvoicesServiceDefinition } from "./gen/rondo/v1/InvoicesService.js";
import type { MerchantsServiceDefinition } from "./gen/rondo/v1/MerchantsService.js";
import type { PaymentMethodsServiceDefinition } from "./gen/rondo/v1/PaymentMethodsService.js";
import type { PaymentsServiceDefinition } from "./gen/rondo/v1/PaymentsService.js";
import type { PlansServiceDefinition } from "./gen/rondo/v1/PlansService.js";
import type { StreamEventsResponse__Output } from "./gen/rondo/v1/StreamEventsResponse.js";
import type { SubscriptionsServiceDefinition } from "./gen/rondo/v1/SubscriptionsService.js";
import type { TestClocksServiceDefinition } from "./gen/rondo/v1/TestClocksService.js";

const CALL_MS = 10_000;
const PATIENCE_MS = 60_000;

// Only UNAVAILABLE is tried again by itself. Calls that move money carry a requestId, so that even
// they may be: Rondo does each once.
const RETRIES = JSON.stringify({
  methodConfig: [
    {
      name: [{}],
      retryPolicy: {
        maxAttempts: 4,
        initialBackoff: "0.2s",
        maxBackoff: "5s",
        backoffMultiplier: 2,
        retryableStatusCodes: ["UNAVAILABLE"],
      },
    },
  ],
});

// The example runs from its build folder, one below this file's.
const inCheckout = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

const SERVICES = [
  "api_keys",
  "customers",
  "dunning",
  "events",
  "invoices",
  "merchants",
  "payment_methods",
  "payments",
  "plans",
  "subscriptions",
  "test_clocks",
];

const definitions = loadSync(
  [...SERVICES.map((name) => `rondo/v1/${name}.proto`), "google/rpc/error_details.proto"],
  {
    longs: String,
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [inCheckout("proto"), inCheckout("examples/proto")],
  },
);
const services = (
  grpc.loadPackageDefinition(definitions) as unknown as {
    rondo: { v1: Record<string, grpc.ServiceClientConstructor> };
  }
).rondo.v1;

/** A service whose methods answer with a promise: `await rondo.plans.GetPlan({ name })`. */
type Calls<Definition> = {
  [Method in keyof Definition as string extends Method ? never : Method]: Definition[Method] extends MethodDefinition<
    infer Request,
    infer _Reply,
    infer _Request,
    infer Reply
  >
    ? (request: Request) => Promise<Reply>
    : never;
};

/** Rondo's services, called with one key. An administrator's key names the merchant it means. */
export class Rondo {
  private readonly clients: grpc.Client[] = [];
  private readonly metadata = new grpc.Metadata();

  readonly apiKeys;
  readonly customers;
  readonly dunning;
  readonly events;
  readonly invoices;
  readonly merchants;
  readonly paymentMethods;
  readonly payments;
  readonly plans;
  readonly subscriptions;
  readonly testClocks;

  constructor(
    private readonly address: string,
    key: string,
    merchant?: string,
  ) {
    this.metadata.set("authorization", `Bearer ${key}`);
    if (merchant) this.metadata.set("rondo-merchant", merchant);
    this.apiKeys = this.calls<ApiKeysServiceDefinition>("ApiKeysService");
    this.customers = this.calls<CustomersServiceDefinition>("CustomersService");
    this.dunning = this.calls<DunningServiceDefinition>("DunningService");
    this.events = this.calls<EventsServiceDefinition>("EventsService");
    this.invoices = this.calls<InvoicesServiceDefinition>("InvoicesService");
    this.merchants = this.calls<MerchantsServiceDefinition>("MerchantsService");
    this.paymentMethods = this.calls<PaymentMethodsServiceDefinition>("PaymentMethodsService");
    this.payments = this.calls<PaymentsServiceDefinition>("PaymentsService");
    this.plans = this.calls<PlansServiceDefinition>("PlansService");
    this.subscriptions = this.calls<SubscriptionsServiceDefinition>("SubscriptionsService");
    this.testClocks = this.calls<TestClocksServiceDefinition>("TestClocksService");
  }

  /** What happens after a token, until the stream is cancelled or patience ends. */
  streamEvents(resumeToken: string): grpc.ClientReadableStream<StreamEventsResponse__Output> {
    const deadline = Date.now() + PATIENCE_MS;
    return this.open("EventsService").StreamEvents!({ resumeToken }, this.metadata, { deadline });
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  private open(service: string) {
    const host = this.address.replace(/^.*:\/\//, "");
    const credentials = this.address.startsWith("https://")
      ? grpc.credentials.createSsl()
      : grpc.credentials.createInsecure();
    const client = new services[service]!(host, credentials, { "grpc.service_config": RETRIES });
    this.clients.push(client);
    return client;
  }

  private calls<Definition>(service: string): Calls<Definition> {
    const client = this.open(service);
    const call = (method: string) => (request: object) =>
      new Promise((resolve, reject) => {
        const answered = (error: grpc.ServiceError | null, reply: object) =>
          error ? reject(error) : resolve(reply);
        client[method]!(request, this.metadata, { deadline: Date.now() + CALL_MS }, answered);
      });
    return new Proxy({}, { get: (_, method) => call(String(method)) }) as Calls<Definition>;
  }
}

/** An amount as Rondo writes it: money("19.90"). */
export function money(amount: string, currencyCode = "EUR"): Money {
  const [units = "0", rest = ""] = amount.split(".");
  return { currencyCode, units, nanos: Number(rest.padEnd(9, "0")) };
}

/** An amount as people write it. */
export function price(amount: Money__Output | null): string {
  if (amount === null) return "nothing";
  return `${amount.units}.${String(amount.nanos / 10_000_000).padStart(2, "0")} ${amount.currencyCode}`;
}

/** Everything in a list, page after page. */
export async function every<Page extends { nextPageToken: string }, Item>(
  list: (pageToken: string) => Promise<Page>,
  items: (page: Page) => Item[],
): Promise<Item[]> {
  const found: Item[] = [];
  let pageToken = "";
  do {
    const page = await list(pageToken);
    found.push(...items(page));
    pageToken = page.nextPageToken;
  } while (pageToken);
  return found;
}

/** What Rondo said instead of doing something, taken apart. */
export class Refusal {
  readonly code: string;
  readonly message: string;
  readonly reason: string = "";
  readonly help: string[] = [];

  constructor(error: grpc.ServiceError) {
    this.code = grpc.status[error.code] ?? String(error.code);
    this.message = error.details;
    const [encoded] = error.metadata.get("grpc-status-details-bin");
    if (!(encoded instanceof Buffer)) return;
    for (const { type_url, value } of read<Status__Output>("google.rpc.Status", encoded).details) {
      const name = type_url.split("/").at(-1);
      if (name === "google.rpc.ErrorInfo") {
        this.reason = read<ErrorInfo__Output>(name, value).reason;
      } else if (name === "google.rpc.BadRequest") {
        for (const wrong of read<BadRequest__Output>(name, value).fieldViolations)
          this.help.push(`${wrong.field} ${wrong.description}`);
      } else if (name === "google.rpc.PreconditionFailure") {
        for (const wrong of read<PreconditionFailure__Output>(name, value).violations)
          this.help.push(`${wrong.subject}: ${wrong.description}`);
      } else if (name === "google.rpc.ResourceInfo") {
        const { resourceName, description } = read<ResourceInfo__Output>(name, value);
        this.help.push(`${resourceName}: ${description}`);
      } else if (name === "google.rpc.RetryInfo") {
        const { seconds, nanos } = read<RetryInfo__Output>(name, value).retryDelay!;
        this.help.push(`try again in ${Number(seconds) + nanos / 1e9} s`);
      }
    }
  }

  toString(): string {
    const name = `${this.code} ${this.reason}`.trimEnd();
    // What the sentence says already need not be said again.
    const more = this.help.filter((help) => !this.message.includes(help));
    return [`${name}: ${this.message}`, ...more.map((help) => `  - ${help}`)].join("\n");
  }
}

function read<Message>(name: string, encoded: Buffer): Message {
  const definition = definitions[name] as unknown as MessageTypeDefinition<object, object>;
  return definition.deserialize(encoded) as Message;
}

/** Whether an error is Rondo's answer to a call. */
export function isAnswer(error: unknown): error is grpc.ServiceError {
  return error instanceof Error && "code" in error && "metadata" in error;
}

/**
 * Hears what happens, in order and each thing once. Keep `token` where you keep what you made of the
 * events, and an ear that begins with it goes on exactly there.
 */
export class Ear {
  readonly heard: Event__Output[] = [];

  constructor(
    private readonly rondo: Rondo,
    public token = "",
  ) {}

  /** Listens until `enough(event)` is true of one heard now or before. */
  async listen(enough: (event: Event__Output) => boolean, what: string): Promise<void> {
    if (this.heard.some(enough)) return;
    const stream = this.rondo.streamEvents(this.token);
    // Cancelling ends a stream with an error, which nobody waits for any more.
    stream.on("error", () => {});
    try {
      for await (const answer of stream as AsyncIterable<StreamEventsResponse__Output>) {
        this.token = answer.resumeToken;
        // A sign of life brings a token and no event.
        if (answer.event === null) continue;
        this.heard.push(answer.event);
        if (enough(answer.event)) return;
      }
    } catch (error) {
      if (!isAnswer(error) || error.code !== grpc.status.DEADLINE_EXCEEDED) throw error;
    } finally {
      stream.cancel();
    }
    throw new Error(`waited ${PATIENCE_MS / 1000} s for ${what}`);
  }

  /** Listens until this has happened to that: ear.until("invoice.paid", invoice.name). */
  async until(type: string, subject: string): Promise<void> {
    const enough = (event: Event__Output) => event.type === type && event.subject === subject;
    await this.listen(enough, `${type} of ${subject}`);
  }
}

/** Sends the merchant's clock forward and waits until all that came due on the way is done. */
export async function advance(rondo: Rondo, clock: string, until: Date): Promise<void> {
  const targetTime = { seconds: until.getTime() / 1000 };
  await rondo.testClocks.AdvanceTestClock({
    name: clock,
    targetTime,
    requestId: randomUUID(),
  });
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const shown = await rondo.testClocks.GetTestClock({ name: clock });
    if (shown.state === "STATE_READY") return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the clock is still on its way to ${until.toISOString()}`);
}

import { Writable } from "node:stream";

import { describe, expect, it } from "@jest/globals";
import { pino } from "pino";

import { useTestDatabase } from "../support/database.ts";
import { useGateway } from "../support/graphql.ts";
import { deliverTo, type Delivery, SECRET, subscriptionEvent } from "./stripeEvents.ts";

const POINTS = 3;
const WRONG: Delivery = { secret: "whsec_of_somebody_else" };
const db = useTestDatabase();
const log: string[] = [];
const sink = new Writable({
  write(line: Buffer, _encoding, done) {
    log.push(line.toString());
    done();
  },
});
const api = useGateway(db, {
  logger: pino({ level: "error" }, sink),
  configure: (config) => ({
    ...config,
    limits: { ...config.limits, rate: { ...config.limits.rate, address: POINTS } },
    api: { ...config.api, trustedProxies: ["loopback"] },
    webhooks: { stripeSecrets: [SECRET], clerkSecrets: null },
  }),
});

/** What an answer says, of a delivery that came from an address. */
async function deliver(address: string, event: object, { headers, ...delivery }: Delivery = {}) {
  const answer = await deliverTo(api, event, {
    ...delivery,
    headers: { "X-Forwarded-For": address, ...headers },
  });
  const { errors } = (await answer.json()) as { errors?: { extensions: { code: string } }[] };
  return [answer.status, errors?.[0]?.extensions.code];
}

const event = () => subscriptionEvent({ customer: "cus_refused" });
/** Signed as it should be, and of another form than anybody expects. */
const withoutPrice = () => {
  const changed = event();
  Object.assign(changed.data.object.items.data[0] ?? {}, { price: undefined });
  return changed;
};

describe("refused deliveries", () => {
  it("cost their address a point each, until it has none left, and other addresses nothing", async () => {
    expect(await deliver("192.0.2.1", event(), WRONG)).toEqual([400, "BAD_REQUEST"]);
    const plain = { headers: { "Content-Type": "text/plain" } };
    expect(await deliver("192.0.2.1", event(), plain)).toEqual([415, "UNSUPPORTED_MEDIA_TYPE"]);
    const large = { ...event(), padding: "x".repeat(100_000) };
    expect(await deliver("192.0.2.1", large)).toEqual([413, "PAYLOAD_TOO_LARGE"]);
    expect(await deliver("192.0.2.1", event(), WRONG)).toEqual([429, "TOO_MANY_REQUESTS"]);
    expect(await deliver("192.0.2.2", event(), WRONG)).toEqual([400, "BAD_REQUEST"]);
  });

  it("take nothing from the provider, even at the same address", async () => {
    for (let n = 0; n <= POINTS; n += 1) {
      await deliver("192.0.2.3", event(), WRONG);
    }
    expect(await deliver("192.0.2.3", event(), WRONG)).toEqual([429, "TOO_MANY_REQUESTS"]);
    for (let n = 0; n <= POINTS; n += 1) {
      expect(await deliver("192.0.2.3", event())).toEqual([200, undefined]);
    }
  });

  it("are told as ours where an event that is signed cannot be read, and cost nothing", async () => {
    for (let n = 0; n <= POINTS; n += 1) {
      expect(await deliver("192.0.2.4", withoutPrice())).toEqual([500, "INTERNAL"]);
    }
    expect(log.join("")).toContain("TypeError");
    expect(log.join("")).not.toContain("cus_refused");
    expect(await deliver("192.0.2.4", withoutPrice(), WRONG)).toEqual([400, "BAD_REQUEST"]);
  });
});

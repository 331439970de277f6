import { afterEach, describe, expect, it } from "@jest/globals";

import { type OutsideRequest, postOutside } from "../../src/outbound/postOutside.ts";
import { LOOPBACK, useReceiver } from "../support/receiver.ts";

const receiver = useReceiver();
afterEach(() => {
  receiver.requests.length = 0;
  receiver.answer((response) => void response.writeHead(204).end());
});

const post = (url: string, options: Partial<OutsideRequest> = {}) =>
  postOutside(url, {
    headers: {},
    body: "{}",
    networks: [],
    signal: new AbortController().signal,
    ...options,
  });
const refusal = (url: string, options: Partial<OutsideRequest> = {}) =>
  post(url, options).then(
    () => "nothing",
    (error: { code?: string }) => error.code,
  );

describe("a POST to an address outside", () => {
  it("arrives with its headers and body where the operator allows the network", async () => {
    const answer = await post(`${receiver.url}/hooks?a=1`, {
      networks: LOOPBACK,
      headers: { "x-mine": "1" },
      body: '{"ä":1}',
    });
    expect(answer).toEqual({ status: 204 });
    expect(receiver.requests).toEqual([
      {
        method: "POST",
        path: "/hooks?a=1",
        headers: expect.objectContaining({ "x-mine": "1", "content-length": "8" }),
        body: '{"ä":1}',
      },
    ]);
  });

  it.each([
    "127.0.0.1",
    "127.1",
    "0x7f000001",
    "2130706433",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "255.255.255.255",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
    "localhost",
  ])("is refused to %s, encrypted or not", async (host) => {
    expect(await refusal(`https://${host}/`)).toBe("address_refused");
    expect(await refusal(`http://${host}/`)).toBe("address_refused");
  });

  it("is refused without encryption, but to a network that the operator allows", async () => {
    expect(await refusal("http://93.184.215.14/")).toBe("insecure");
    expect(await refusal("http://[2606:2800:220:1::1]/", { networks: LOOPBACK })).toBe("insecure");
  });

  it("reaches no network that is not among the allowed ones", async () => {
    expect(await refusal("http://10.0.0.1/", { networks: ["10.0.1.0/24", "::/0"] })).toBe("address_refused");
  });

  it("goes to the address that was judged, and the name is looked up once", async () => {
    const answers = ["93.184.215.14", "127.0.0.1"];
    const asked: string[] = [];
    const resolve = async (host: string) => {
      asked.push(host);
      return { address: answers[asked.length - 1] ?? "127.0.0.1", family: 4 };
    };
    expect(await refusal("http://rebind.example/", { resolve })).toBe("insecure");
    expect(await refusal("http://rebind.example/", { resolve })).toBe("address_refused");
    expect(asked).toEqual(["rebind.example", "rebind.example"]);
    const { port } = new URL(receiver.url);
    await post(`http://mine.example:${port}/`, { resolve, networks: LOOPBACK });
    expect(receiver.requests[0]?.headers.host).toBe(`mine.example:${port}`);
    expect(asked).toHaveLength(3);
  });

  it("says that a name is unknown, and what is no address", async () => {
    const resolve = () => Promise.reject(new Error("ENOTFOUND"));
    expect(await refusal("https://nobody.example/", { resolve })).toBe("address_unknown");
    expect(await refusal("https://")).toBe("address_unknown");
  });

  it("follows no redirect", async () => {
    receiver.answer((response) => void response.writeHead(307, { location: receiver.url }).end());
    expect(await post(receiver.url, { networks: LOOPBACK })).toEqual({ status: 307 });
    expect(receiver.requests).toHaveLength(1);
  });

  it("does not wait for an answer that does not come, or does not end", async () => {
    const options = { networks: LOOPBACK, timeout: 50 };
    receiver.answer(() => undefined);
    expect(await refusal(receiver.url, options)).toBe("timeout");
    receiver.answer((response) => void response.writeHead(200).write("and"));
    expect(await refusal(receiver.url, options)).toBe("timeout");
    const resolve = () => new Promise<never>(() => undefined);
    expect(await refusal(receiver.url, { ...options, resolve })).toBe("timeout");
  });

  it("reads no more than 64 kB of an answer, and no more than 8 kB of its headers", async () => {
    let sent = 0;
    receiver.answer((response) => {
      response.writeHead(200);
      const write = () => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384))) {
          sent += 16_384;
        }
      };
      response.on("drain", write);
      write();
    });
    expect(await post(receiver.url, { networks: LOOPBACK })).toEqual({ status: 200 });
    expect(sent).toBeLessThan(20_000_000);
    receiver.answer((response) => void response.writeHead(200, { long: "x".repeat(10_000) }).end());
    expect(await refusal(receiver.url, { networks: LOOPBACK })).toBe("connection");
  });

  it("says what went wrong with a connection or its encryption, and names no address", async () => {
    const { port } = new URL(receiver.url);
    expect(await refusal(`https://127.0.0.1:${port}/`, { networks: LOOPBACK })).toBe("tls");
    receiver.answer((response) => void response.destroy());
    const failed = post(receiver.url, { networks: LOOPBACK });
    await expect(failed).rejects.toMatchObject({ code: "connection" });
    await expect(failed).rejects.not.toThrow(/127/);
  });

  it("ends when it is told to", async () => {
    const stop = new AbortController();
    receiver.answer(() => stop.abort(new Error("The job was stopped.")));
    await expect(post(receiver.url, { networks: LOOPBACK, signal: stop.signal })).rejects.toThrow(
      "The job was stopped.",
    );
  });
});

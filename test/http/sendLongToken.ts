import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Sends 100 kB of Authorization, in pieces, until the server has answered; what it answered. */
export async function sendLongToken(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = "";
  socket.setEncoding("utf8").on("data", (text: string) => (answer += text));
  socket.on("error", () => undefined);
  socket.write(
    "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ",
  );
  for (let sent = 0; sent < 100_000 && answer === ""; sent += 4000) {
    socket.write("x".repeat(4000));
    await sleep(20);
  }
  await sleep(100);
  socket.destroy();
  return answer;
}

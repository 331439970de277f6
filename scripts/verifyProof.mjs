// Checks a proof of `npx bailiwick audit prove` without the database and without this project: node verifyProof.mjs FILE
// [KEY_ID]. KEY_ID is the first key's id, as the clinic told you on another way. Exit status 0: the event was sealed as it
// is; 1: it was not; 2: there is no proof to check.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const [file, rootKeyId] = process.argv.slice(2);
if (!file) {
  console.error("Usage: node verifyProof.mjs PROOF.json [KEY_ID]");
  process.exit(2);
}

const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const array = (values) => `[${values.map((value) => JSON.stringify(value)).join(", ")}]`;
// RFC 6962, section 2.1.
const leaf = (content) => sha256(Uint8Array.of(0), content);
const node = (left, right) => sha256(Uint8Array.of(1), left, right);
const climb = (start, path) =>
  path.reduce((hash, step) => {
    const sibling = Buffer.from(step.hash, "hex");
    return step.side === "left" ? node(sibling, hash) : node(hash, sibling);
  }, start);

function fail(sentence) {
  console.log(`NOT PROVEN: ${sentence}`);
  process.exit(1);
}

function refuse(sentence) {
  console.error(`'${file}' cannot be checked: ${sentence}`);
  process.exit(2);
}

// Whatever is missing from a proof, or of another kind than it must be.
process.on("uncaughtException", ({ message }) => refuse(`it is no whole proof (${message}).`));

function read() {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    return refuse(error.code === "ENOENT" ? "there is no such file." : `it cannot be read (${error.code}).`);
  }
  try {
    return JSON.parse(text);
  } catch {
    return refuse(text.trim() === "" ? "it is empty." : "it is no JSON.");
  }
}

const proof = read();
if (proof?.format !== "bailiwick-audit-proof/1") {
  refuse("it is no proof of 'audit prove'.");
}
const { event, eventPath, seal, sealPath, checkpoint, keys } = proof;

const trusted = new Map();
for (const [index, { keyId, publicKey, createdAt, introducedBy }] of keys.entries()) {
  const der = Buffer.from(publicKey, "base64");
  if (sha256(der).toString("hex").slice(0, 16) !== keyId) {
    fail(`the key ${keyId} is not the one its id is of.`);
  }
  const voucher = trusted.get(introducedBy?.keyId);
  const introduction = Buffer.from(array(["key/1", keyId, publicKey, createdAt]));
  const isTrusted =
    index === 0
      ? rootKeyId === undefined || rootKeyId === keyId
      : voucher && verify(null, introduction, voucher, Buffer.from(introducedBy.signature, "hex"));
  if (!isTrusted) {
    fail(`nobody vouches for the key ${keyId}.`);
  }
  trusted.set(keyId, createPublicKey({ key: der, type: "spki", format: "der" }));
}

if (climb(leaf(sha256(event)), eventPath).toString("hex") !== seal.merkleRoot) {
  fail("the event is not in the seal.");
}

const sealHash = sha256(
  array([
    "seal/1",
    seal.checkpointSequence,
    seal.organizationId,
    seal.eventCount,
    seal.firstEventId,
    seal.lastEventId,
    seal.merkleRoot,
    seal.previousSealHash,
  ]),
);
if (climb(leaf(sealHash), sealPath).toString("hex") !== checkpoint.root) {
  fail("the seal is not in the checkpoint.");
}

const message = array([
  "checkpoint/1",
  checkpoint.sequence,
  checkpoint.timeline,
  checkpoint.firstTransaction,
  checkpoint.horizon,
  checkpoint.systemIdentifier,
  checkpoint.sealedAt,
  checkpoint.eventCount,
  checkpoint.root,
  checkpoint.previousHash,
  checkpoint.keyId,
]);
const key = trusted.get(checkpoint.keyId);
if (!key || !verify(null, Buffer.from(message), key, Buffer.from(checkpoint.signature, "hex"))) {
  fail("the checkpoint is not signed with a key that is vouched for.");
}

const sealedAt = new Date(Number(BigInt(checkpoint.sealedAt) / 1000n)).toISOString();
const doubt =
  rootKeyId === undefined ? ", which was NOT CHECKED: anybody can make one; name the clinic's as KEY_ID" : "";
console.log(
  `PROVEN: sealed in checkpoint ${checkpoint.sequence} at ${sealedAt}, first key ${keys[0].keyId}${doubt}.`,
);
console.log(event);

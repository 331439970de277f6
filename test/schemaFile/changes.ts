/** @param patch as GraphQL writes it. */
export const updateOfPatient = (patch: string) =>
  `mutation ($id: ID!) { updatePatient(input: { id: $id, patch: ${patch} }) { patient { address mrn } query { __typename } } }`;
const onRow = (call: string) => `mutation ($rowId: UUID!) { ${call} }`;
const keys = `signingKey: "AA==", agreementKey: "AA==", challenge: "AA==", proof: "AA=="`;

/** Mutations that are done or refused, of a patient (`$id`) or by the uuid of anything (`$rowId`): what each is about. */
export const CHANGES: readonly (readonly [title: string, query: string])[] = [
  ["a patch", updateOfPatient('{ address: "1 New Road" }')],
  ["a value that a constraint refuses", updateOfPatient('{ givenName: "" }')],
  ["a value that must not be null", updateOfPatient("{ mrn: null }")],
  ["a malformed date", updateOfPatient('{ birthDate: "infinity" }')],
  [
    "a wrong password",
    `mutation { logIn(input: { email: "no@example.com", password: "a wrong password" }) { result { accessToken } } }`,
  ],
  [
    "a session that is over",
    `mutation { refreshSession(input: { refreshToken: "none" }) { result { accessToken } } }`,
  ],
  [
    "a secret that nothing seals",
    onRow(
      `connectIntegration(input: { integrationId: $rowId, secret: "s" }) { integration { id } query { __typename } }`,
    ),
  ],
  [
    "a webhook's secret",
    onRow("rotateWebhookSecret(input: { endpointId: $rowId }) { secret webhookEndpoint { id } }"),
  ],
  [
    "a device without proof",
    `mutation { registerDeviceKey(input: { ${keys} }) { clientMutationId deviceKey { id } } }`,
  ],
];

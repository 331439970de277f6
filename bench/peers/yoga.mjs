/** GraphQL Yoga on node's own HTTP server, with DataLoader: resolvers written by hand, one transaction a request. */
import { createServer } from "node:http";

import DataLoader from "dataloader";
import { createSchema, createYoga } from "graphql-yoga";

import { PORT } from "./identity.ts";
import * as data from "./resolvers.mjs";

const schema = createSchema({
  typeDefs: data.typeDefs,
  resolvers: {
    ...data.resolvers,
    Patient: {
      homeClinic: ({ home_clinic_id }, _args, { clinics }) => clinics.load(home_clinic_id),
      appointments: (patient, { first }, { appointmentsOf }) => appointmentsOf(first).load(patient),
    },
    Appointment: { patient: ({ patient_id }, _args, { patients }) => patients.load(patient_id) },
  },
});

function makeContext({ request }) {
  const transaction = new data.Transaction(request.headers.get("authorization") ?? undefined);
  const byFirst = new Map();
  return {
    transaction,
    clinics: new DataLoader((ids) => data.loadClinics(transaction, ids)),
    patients: new DataLoader((ids) => data.loadPatients(transaction, ids)),
    appointmentsOf: (first) => {
      const loader =
        byFirst.get(first) ??
        new DataLoader((patients) => data.loadAppointments(transaction, patients, first));
      byFirst.set(first, loader);
      return loader;
    },
  };
}

const endTransaction = {
  onExecute: () => ({
    onExecuteDone: ({ args, result }) => args.contextValue.transaction.end(!result.errors),
  }),
};

const yoga = createYoga({
  schema,
  context: makeContext,
  plugins: [endTransaction],
  graphiql: false,
  landingPage: false,
  logging: false,
  maskedErrors: false,
});
createServer(yoga).listen(Number(PORT), "127.0.0.1");

/** Mercurius on Fastify with its JIT and its loaders: resolvers written by hand, one transaction a request. */
import Fastify from "fastify";
import mercurius from "mercurius";

import { PORT } from "./identity.ts";
import * as data from "./resolvers.mjs";

const app = Fastify({ logger: false });
await app.register(mercurius, {
  schema: data.typeDefs,
  resolvers: data.resolvers,
  loaders: {
    Patient: {
      homeClinic: {
        loader: (queries, { transaction }) =>
          data.loadClinics(
            transaction,
            queries.map(({ obj }) => obj.home_clinic_id),
          ),
        opts: { cache: false },
      },
      appointments: {
        loader: (queries, { transaction }) =>
          data.loadAppointments(
            transaction,
            queries.map(({ obj }) => obj),
            queries[0].params.first,
          ),
        opts: { cache: false },
      },
    },
    Appointment: {
      patient: {
        loader: (queries, { transaction }) =>
          data.loadPatients(
            transaction,
            queries.map(({ obj }) => obj.patient_id),
          ),
        opts: { cache: false },
      },
    },
  },
  context: ({ headers }) => ({ transaction: new data.Transaction(headers.authorization) }),
  jit: 1,
  graphiql: false,
});
app.graphql.addHook("onResolution", ({ errors }, { transaction }) => transaction.end(!errors));

await app.listen({ port: Number(PORT), host: "127.0.0.1" });

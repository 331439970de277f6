import type { VolumeRequest } from "../../src/generate/generateVolume.ts";

/** Made around this day, whatever day it is: the same data on every machine. */
export const BENCH_DAY = "2026-06-15";

/** Sizes of the data: `small` is for a try-out and for tests, `huge` for an hour of patience. */
export const SIZES = ["small", "full", "huge"] as const;
export type Size = (typeof SIZES)[number];

/**
 * `clinic`: what most workloads read. `few` and `many`: ten tenants, and ten thousand; patients have three appointments
 * each in both, so that the same question has an answer of the same size.
 */
export type Shape = "clinic" | "few" | "many";

const shape = (organizations: number, clinics: number, patients: number, appointments: number) => ({
  organizations,
  clinics,
  patients,
  appointments,
  seed: 1,
  around: BENCH_DAY,
});

const tenants = (count: number, patients: number) =>
  shape(count, count, count * patients, 3 * count * patients);

const CLINIC = shape(50, 100, 100_000, 500_000);
/** Ten thousand rows. */
const FEW = tenants(10, 250);

export const SHAPES: Readonly<Record<Shape, Readonly<Record<Size, VolumeRequest>>>> = {
  clinic: { small: shape(5, 10, 1000, 5000), full: CLINIC, huge: CLINIC },
  few: { small: FEW, full: FEW, huge: FEW },
  // Two million rows, and ten million.
  many: { small: tenants(100, 50), full: tenants(10_000, 50), huge: tenants(10_000, 250) },
};

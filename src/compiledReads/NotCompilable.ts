/** Thrown where an operation has something that only Grafast plans. The operation takes the way of all others then. */
export class NotCompilable extends Error {
  override name = "NotCompilable";
}

import { AppError } from "../errors/AppError.ts";
import { classifyError } from "../errors/classifyError.ts";

interface Memory<T> {
  get(key: string): Promise<T> | undefined;
  set(key: string, looked: Promise<T>): unknown;
  delete(key: string): unknown;
}

/** What a key stands for, looked up by one caller at a time; a failure is not remembered. */
export function remember<T>(memory: Memory<T>, key: string, look: () => Promise<T>): Promise<T> {
  const known = memory.get(key);
  if (known) {
    return known;
  }
  const looked = look().catch((cause: unknown) => {
    const { code, message } = classifyError(cause, false);
    throw new AppError(code, message, { cause });
  });
  memory.set(key, looked);
  looked.catch(() => memory.delete(key));
  return looked;
}

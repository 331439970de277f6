import { AppError } from "../errors/AppError.ts";

/** How many websockets one process keeps open at the same time. */
export interface SocketLimits {
  total: number;
  /** Of one address: it cannot take the places of all others. */
  perAddress: number;
}

/** Counts open websockets: each holds memory for as long as its client likes. */
export class SocketPlaces {
  readonly #limits: SocketLimits;
  readonly #onRefusal: () => void;
  readonly #byAddress = new Map<string, number>();
  #taken = 0;

  constructor(limits: SocketLimits, onRefusal: () => void = () => undefined) {
    this.#limits = limits;
    this.#onRefusal = onRefusal;
  }

  /**
   * @returns what gives the place back; safe to call twice.
   * @throws TOO_MANY_REQUESTS where the address has as many as it may have, UNAVAILABLE where all are taken.
   */
  take(address: string): () => void {
    const { total, perAddress } = this.#limits;
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (ofAddress >= perAddress) {
      this.#onRefusal();
      throw new AppError("TOO_MANY_REQUESTS", `An address has at most ${perAddress} websockets open.`);
    }
    if (this.#taken >= total) {
      this.#onRefusal();
      throw new AppError("UNAVAILABLE");
    }
    this.#taken++;
    this.#byAddress.set(address, ofAddress + 1);
    let isTaken = true;
    return () => {
      if (isTaken) {
        isTaken = false;
        this.#taken--;
        this.#leave(address);
      }
    };
  }

  #leave(address: string): void {
    const left = (this.#byAddress.get(address) ?? 0) - 1;
    if (left > 0) {
      this.#byAddress.set(address, left);
    } else {
      this.#byAddress.delete(address);
    }
  }
}
